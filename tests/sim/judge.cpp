#include "sim/judge.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "adapters/memory/store.hpp"
#include "sim/flow_judge.hpp"

namespace stint::sim {
namespace {

constexpr std::uint64_t kReloadEvery = 8;  // quiet steps; a reload reads the whole store

/// Nobody forges, cuts or reorders bytes here: any other reason to refuse something is a fault of our own.
constexpr std::array<std::string_view, 6> kMayHappen{"ok", "handshake_timeout", "lease", "reports_dropped", "identity_in_use", "displaced"};

std::string first_difference(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    const auto line_a = a.substr(0, a.find('\n'));
    const auto line_b = b.substr(0, b.find('\n'));
    if (line_a != line_b) return "memory has \"" + std::string(line_a) + "\", a reload gives \"" + std::string(line_b) + "\"";
    a.remove_prefix(std::min(a.size(), line_a.size() + 1));
    b.remove_prefix(std::min(b.size(), line_b.size() + 1));
  }
  return {};
}

}  // namespace

void Judge::after_step() {
  if (!scheduler_.is_running() || scheduler_.calls() == seen_calls_) return;
  seen_calls_ = scheduler_.calls();
  for (const auto& problem : scheduler_.daemon()->core().check()) findings_.add("invariant: " + problem);
  check_explanations();
  if (scheduler_.is_quiet() && ++quiet_steps_ % kReloadEvery == 0) check_reload();
}

/// Promise 4, for two tasks of any job.
void Judge::check_explanations() {
  static constexpr std::array<std::string_view, 9> kWaiting{"waits_for_needs", "retry_wait", "max_parallel", "queued_behind",   "no_agents",
                                                            "no_agent_fits",   "busy",       "preparing",    "waits_for_people"};
  const auto& core = scheduler_.daemon()->core();
  for (int i = 0; i < 2 && !durable_.jobs().empty(); ++i) {
    const JobId id{1 + prng_.below(durable_.jobs().rbegin()->first.value)};
    const auto* spec = core.find_spec(id);
    if (spec == nullptr) continue;
    const auto group = static_cast<std::uint32_t>(prng_.below(spec->tasks.size()));
    const std::uint64_t tasks = core.find_group(id, group)->counts.total();
    if (tasks == 0) continue;
    const auto index = static_cast<std::uint32_t>(prng_.below(tasks));
    const auto task = core.find_task({id, group, index});
    if (!task || task->status != TaskStatus::pending) continue;
    const auto answer = core.explain(TaskRef{id, group, index}, scheduler_.clock().now());
    if (!answer || answer->summary.empty()) {
      findings_.add("promise 4: " + task->id + " is pending and cannot say why");
      continue;
    }
    const bool is_waiting = std::find(kWaiting.begin(), kWaiting.end(), answer->state) != kWaiting.end();
    findings_.expect(is_waiting || (answer->state == "placed" && !task->live.empty()), "promise 4: is pending and says something else",
                     task->id + " (" + answer->state + ")");
    if (answer->state == "busy" || answer->state == "no_agent_fits")
      findings_.expect(!answer->agents.empty() && answer->nearest.has_value(), "promise 4: waits for capacity and names no agent",
                       task->id);
  }
}

/// Memory is what the rows give: what a restart at this moment would find.
void Judge::check_reload() {
  ++reloads_;
  core::Scheduler fresh;
  const auto loaded = scheduler_.tables().each([&](const core::Row& row) { return fresh.load(row); });
  if (!loaded) return findings_.add("the store cannot be loaded: " + loaded.error().detail);
  core::Effects ignored;
  if (const auto finished = fresh.finish_load(scheduler_.clock().now(), ignored); !finished)
    return findings_.add("the store cannot be loaded: " + finished.error().detail);
  const auto difference = first_difference(scheduler_.daemon()->core().digest(), fresh.digest());
  if (!difference.empty()) findings_.add("reload: " + difference);
}

void Judge::at_the_end(const std::vector<LogReader>& readers) {
  check_reload();
  told_.check_all();
  for (const auto& [task, end] : durable_.ends())
    findings_.expect(told_.ends().contains(task), "has ended, and a list of its job's tasks does not say so", durable_.name_of(task));
  check_results();
  FlowJudge(durable_, scheduler_, agents_, findings_, liar_).check();
  check_readers(readers);
  check_refusals();
  for (const auto& agent : agents_)
    findings_.expect(agent->is_revoked() || agent->keeper().held() == 0, "still keeps attempts that everybody else has forgotten",
                     "keeper of " + agent->name());
}

/// No result without the work: what is recorded of an attempt is what its process did.
void Judge::check_results() {
  for (const auto& [ref, row] : durable_.attempts()) {
    const auto& spec = durable_.find_job(ref.task.job)->spec->tasks.at(ref.task.group);
    if (!row.is_result || spec.driver != "exec" || row.status == TaskStatus::cancelled) continue;
    if (row.agent == liar_) continue;
    if (row.reason == EndReason::lost || row.reason == EndReason::refused)
      continue;  // once too often: nobody knows what it did, if anything
    const auto& executions = agents_.at(row.agent.value - 1)->keeper().executions();
    const auto found = executions.find(ref);
    const std::string name = durable_.name_of(ref.task) + "@" + std::to_string(ref.attempt);
    if (found == executions.end()) {
      findings_.add("promise 2: " + name + " has a result and never ran");
      continue;
    }
    const Execution& seen = found->second;
    findings_.expect(seen.has_ended && seen.reason == row.reason && seen.exit_code == row.exit_code,
                     "promise 2: its result is not what its process did", name);
    check_output(row);
  }
}

/// Every byte once and in order; and all of them, unless the machine lost them before they could be sent.
void Judge::check_output(const core::AttemptRow& row) {
  const AgentNode& agent = *agents_.at(row.agent.value - 1);
  const Execution& seen = agent.keeper().executions().at(row.ref);
  auto tables = std::shared_ptr<const memory::Tables>(&scheduler_.tables(), [](const memory::Tables*) {});
  memory::MemoryReader reader(std::move(tables));
  const std::string name = durable_.name_of(row.ref.task) + "@" + std::to_string(row.ref.attempt);
  for (std::uint8_t stream = 1; stream <= 2; ++stream) {
    const auto chunks = reader.logs(row.ref, stream, 0, ~std::size_t{0});
    if (!chunks) return findings_.add(name + ": its output cannot be read");
    std::uint64_t end = 0;
    for (const auto& chunk : *chunks) {
      findings_.expect(chunk.offset == end, "its output has a gap or an overlap", name);
      for (std::size_t i = 0; i < chunk.bytes.size(); ++i)
        if (chunk.bytes[i] != printed_byte(row.ref, stream, chunk.offset + i))
          return findings_.add(name + ": its output is not what it printed");
      end = chunk.offset + chunk.bytes.size();
    }
    const bool is_whole = end == seen.output_bytes[stream - 1u];
    findings_.expect(is_whole || agent.keeper().deaths() > 0, "its output is not whole", name);
  }
}

/// Who followed a task's last attempt to the end has read all that there is of it: nothing came behind the end.
void Judge::check_readers(const std::vector<LogReader>& readers) {
  for (const auto& reader : readers) {
    const auto* end = durable_.find_end(reader.task());
    if (end == nullptr || !end->result || end->status == TaskStatus::cancelled) continue;
    if (end->reason == EndReason::lost) continue;  // told while its agent was away, which may bring more when it comes back
    const auto& attempts = durable_.attempts();
    if (attempts.contains({reader.task(), end->result->attempt + 1})) continue;  // the stream had gone on to a later one
    auto tables = std::shared_ptr<const memory::Tables>(&scheduler_.tables(), [](const memory::Tables*) {});
    const auto ends = memory::MemoryReader(std::move(tables)).log_ends(*end->result);
    const auto seen = reader.seen(end->result->attempt);
    findings_.expect(ends && seen[0] == ends->out && seen[1] == ends->err, "had output behind the end that a follower was told",
                     durable_.name_of(reader.task()));
  }
}

void Judge::check_refusals() {
  const bool is_one_revoked = std::any_of(agents_.begin(), agents_.end(), [](const auto& agent) { return agent->is_revoked(); });
  const auto judge = [&](const std::string& who, std::string_view reason, std::uint64_t count) {
    if (is_one_revoked && (reason == "unknown_key" || reason == "rejected")) return;
    if (count > 0 && std::find(kMayHappen.begin(), kMayHappen.end(), reason) == kMayHappen.end())
      findings_.add(who + " refused what an honest peer said: " + std::string(reason) + ", " + std::to_string(count) + " times");
  };
  if (!liar_)
    for (const auto& [reason, count] : scheduler_.refusals()) judge("the scheduler", reason, count);
  for (const auto& agent : agents_)
    agent->counters().for_each_reason([&](std::string_view reason, std::uint64_t count) { judge(agent->name(), reason, count); });
}

}  // namespace stint::sim
