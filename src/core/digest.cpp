// Everything that a reload of the rows must give again, as text. Left out, because no row holds it: who is connected and since when, timers
// and
// places in line that follow from them (joins of overdue attempts), refusals, what is blocked, and what the turn has still to tell.
#include <algorithm>

#include "base/bytes.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

/// Fields in a line, separated by spaces.
class Line {
 public:
  explicit Line(std::string& out, std::string_view head) : out_(&out) { out_->append(head); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { *out_ += '\n'; }
  Line& operator<<(std::string_view text) {
    out_->append(" ").append(text.empty() ? std::string_view{"-"} : text);
    return *this;
  }
  Line& operator<<(std::uint64_t value) { return *this << std::string_view{std::to_string(value)}; }
  Line& operator<<(std::int64_t value) { return *this << std::string_view{std::to_string(value)}; }
  Line& operator<<(UnixMillis at) { return *this << to_ms(at); }
  Line& flag(std::string_view name, bool is_set) { return is_set ? *this << name : *this; }

 private:
  std::string* out_;
};

Line& operator<<(Line& line, const Resources& r) { return line << r.cpu_millis << r.memory_bytes << r.gpus << r.storage_bytes; }

void add_entry(std::string& out, std::uint32_t index, const TaskEntry& entry) {
  Line line{out, "    task"};
  line << std::uint64_t{index} << std::uint64_t{entry.attempts} << std::uint64_t{entry.failures} << std::uint64_t{entry.reschedules};
  line << entry.retry_at << std::uint64_t{entry.live_count};
}

void add_group(std::string& out, const Group& group) {
  const TaskCounts& counts = group.counts;
  {
    Line line{out, "  group"};
    line << group.spec->name << counts.pending << counts.running << counts.completed << counts.failed << counts.cancelled;
    line << std::uint64_t{group.fresh} << std::uint64_t{group.has_ended ? 0 : group.needs_open} << group.states.hash();
    line << group.skipped << group.results << to_string(group.doom);
    line << std::string_view{to_hex(group.items)} << std::string_view{to_hex(group.needs_inputs)};
    line.flag("sized", group.is_sized).flag("prepared", group.is_prepared).flag("collected", group.is_collected);
    line.flag("ended", group.has_ended);
  }
  if (!group.answered_by.empty()) {
    Line line{out, "    answered by"};
    for (const AgentNumber person : group.answered_by) line << person.value;
  }
  std::vector<std::uint32_t> indexes;
  for (const auto& [index, entry] : group.entries) indexes.push_back(index);
  std::sort(indexes.begin(), indexes.end());
  for (const std::uint32_t index : indexes) add_entry(out, index, group.entries.at(index));
}

void add_job(std::string& out, const Job& job) {
  {
    Line line{out, "job"};
    line << job.row.id.value << job.row.spec->name << job.row.submitted_by << job.row.idempotency_key << job.row.submitted_at;
    line << to_string(job.state.status) << to_string(job.state.reason) << job.state.detail << job.state.ended_at;
    line << job.open << job.failed << job.cancelled << std::uint64_t{job.open_groups};
    line.flag("cancel_requested", job.state.cancel_requested);
  }
  for (const auto& group : job.groups) add_group(out, *group);
}

void add_attempt(std::string& out, const AttemptRow& row) {
  Line line{out, "attempt"};
  line << row.ref.task.job.value << std::uint64_t{row.ref.task.group} << std::uint64_t{row.ref.task.index}
       << std::uint64_t{row.ref.attempt};
  line << row.agent.value << to_string(row.status) << to_string(row.reason) << std::int64_t{row.exit_code} << std::int64_t{row.signal};
  line << std::uint64_t{row.acked_update} << row.update_digest << row.placed_at << row.started_at << row.ended_at << row.retry_at;
  line << row.lease_until;
  line << std::string_view{to_hex(row.instance)} << row.detail;
  line.flag("live", row.live).flag("accepted", row.accepted).flag("result", row.is_result);
}

void add_agent(std::string& out, const Agent& agent) {
  const AgentRow& row = agent.row;
  Line line{out, "agent"};
  line << row.number.value << row.name << std::uint64_t{row.generation} << std::string_view{to_hex(row.instance)} << row.offer.host;
  line << row.offer.boot_id << row.offer.resources << std::uint64_t{row.offer.window} << row.registered_at << row.last_seen_at;
  Resources held;  // not agent.used: which of them are queued no row says
  for (const Attempt* attempt : agent.held) held += attempt->group->spec->resources;
  line << held << std::uint64_t{agent.held.size()};
  line << std::uint64_t{row.key_epoch.value};
  line.flag("revoked", row.revoked).flag("draining", row.draining);
  if (row.drain_by > UnixMillis{}) line << row.drain_by;
  for (const AgentType type : row.terms.types) line << to_string(type);
  for (const auto& [key, value] : row.terms.labels) line << key << value;
}

}  // namespace

std::string make_digest(const State& state) {
  std::string out;
  Line{out, "ids"} << std::uint64_t{state.jobs.size()} << std::uint64_t{state.first_generation};
  for (const auto& job : state.jobs)
    if (job != nullptr) add_job(out, *job);
  std::vector<AttemptRef> refs;
  for (const auto& [ref, attempt] : state.attempts) refs.push_back(ref);
  std::sort(refs.begin(), refs.end());
  for (const AttemptRef& ref : refs) add_attempt(out, state.attempts.at(ref).row);
  for (const auto& agent : state.agents)
    if (agent != nullptr) add_agent(out, *agent);
  return out;
}

}  // namespace stint::core
