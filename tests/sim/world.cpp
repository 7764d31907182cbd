#include "sim/world.hpp"

#include <algorithm>
#include <functional>

namespace stint::sim {
namespace {

constexpr std::uint64_t kStepsMax = 3'000'000;                  // beyond it something goes round in circles
constexpr std::size_t kPeople = 4;                              // more than any item wants answers
constexpr Duration kSetUpLimit = std::chrono::minutes{1};
constexpr Duration kCalmLimit = std::chrono::hours{2};          // of virtual time: far beyond every lease, pause and timeout

Duration draw_heartbeat(std::uint64_t seed) { return std::chrono::seconds{2 + seed % 29}; }

}  // namespace

World::World(std::uint64_t seed, Trace::Output output, Faults faults)
    : seed_(seed),
      faults_(faults),
      prng_(seed),
      trace_(agenda_, output),
      network_(agenda_, prng_, trace_),
      surroundings_{agenda_, prng_, trace_, findings_, network_},
      durable_(findings_),
      told_(durable_, findings_),
      scheduler_(surroundings_, durable_, told_, seed ^ 0x5C4EDULL, draw_heartbeat(seed)),
      client_(surroundings_, scheduler_),
      people_(surroundings_, client_),
      storm_(surroundings_, scheduler_, agents_, client_, durable_, told_),
      judge_(durable_, told_, scheduler_, agents_, findings_, seed) {}

Outcome World::run() {
  set_up();
  const bool is_long = prng_.chance(1, 4);  // long enough for an agent to be away for longer than anybody waits for it
  const Duration duration = prng_.between(std::chrono::seconds{10}, is_long ? std::chrono::minutes{20} : std::chrono::minutes{5});
  if (findings_.empty()) submit_jobs(duration);
  if (findings_.empty() && faults_ == Faults::drawn) storm(duration);
  if (findings_.empty()) calm();
  if (findings_.empty()) judge_.at_the_end(client_.finished_readers());
  Outcome outcome;
  outcome.seed = seed_;
  outcome.findings = findings_.texts();
  outcome.steps = steps_;
  outcome.virtual_ms = to_ms(agenda_.now().time_since_epoch());
  outcome.trace_hash = trace_.hash();
  outcome.facts = told_.facts();
  outcome.reloads = judge_.reloads();
  for (const auto& agent : agents_) outcome.executions += agent->keeper().executions().size();
  return outcome;
}

void World::set_up() {
  scheduler_.start();
  const std::size_t count = 2 + prng_.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    AgentIdentity identity;
    identity.index = i;
    identity.info = draw_agent(prng_, i);
    const std::uint64_t seed = prng_.next();
    client_.register_agent(identity.info.name, [this, identity, seed](AgentNumber number, KeyEpoch epoch, const Bytes& key) mutable {
      identity.number = number;
      identity.key.epoch = epoch;
      std::copy(key.begin(), key.end(), identity.key.key.begin());
      agents_.push_back(std::make_unique<AgentNode>(surroundings_, std::move(identity), seed, keep_blob()));
      agents_.back()->keeper().watch_starts([this](const TaskRef& task) {
        return std::any_of(agents_.begin(), agents_.end(),
                           [&](const auto& agent) { return !agent->is_revoked() && agent->keeper().runs_leashed(task); });
      });
    });
    if (!run_until([&] { return agents_.size() == i + 1; }, kSetUpLimit) && findings_.empty())
      findings_.add("an agent could not be registered");
    if (!findings_.empty()) return;
  }
  client_.follow_events();
  for (auto& agent : agents_) agent->start();
}

void World::submit_jobs(Duration within) {
  const JobMix mix = draw_mix(prng_);
  if (mix.has_people) people_.start(kPeople);
  std::vector<protocol::AgentInfo> offers;
  for (const auto& agent : agents_) offers.push_back(agent->identity().info);
  for (std::size_t i = 0; i < mix.jobs; ++i) {
    const auto job = draw_job(prng_, mix, offers, i, keep_blob());
    const Duration when = prng_.between(Duration{0}, within / 2);
    ++unsubmitted_;
    agenda_.after(when, [this, job] {
      --unsubmitted_;
      client_.submit(job, job.name);
      if (prng_.chance(1, 4)) client_.submit(job, job.name);  // an impatient user
    });
  }
}

std::function<BlobId(const std::string&)> World::keep_blob() {
  return [this](const std::string& bytes) { return scheduler_.keep_blob(bytes); };
}

void World::storm(Duration duration) {
  storm_.plan(duration);
  const Instant end = agenda_.now() + duration;
  agenda_.at(end, [] {});
  run_until([&] { return agenda_.now() >= end; }, duration + kSetUpLimit);
}

void World::calm() {
  storm_.end();
  people_.be_diligent();
  retry_some();
  for (const auto& [id, job] : durable_.jobs())
    for (std::uint32_t group = 0; group < job.spec->tasks.size(); ++group)
      client_.follow_output({id, group, 0}, durable_.name_of({id, group, 0}));
  const Instant submitted = agenda_.now() + std::chrono::minutes{5};
  agenda_.at(submitted, [this] { cancel_misfits(); });
  if (!run_until([this] { return is_settled(); }, kCalmLimit)) {
    if (findings_.empty()) findings_.add("calm: not everything has come to its end: " + describe_what_is_left());
    return;
  }
  people_.rest();
  for (const auto& [id, job] : durable_.jobs()) client_.list_tasks(id);
  run_until([this] { return client_.is_idle(); }, kCalmLimit);
}

/// What failed in the storm may do better now.
void World::retry_some() {
  std::size_t number = 0;
  for (const auto& [id, job] : durable_.jobs())
    if (has_ended(durable_.state_of(id)) && durable_.state_of(id) != TaskStatus::completed && prng_.chance(1, 3))
      client_.retry(id, "calm-retry-" + std::to_string(++number));
}

/// What no agent can ever take waits for ever, rightly: its user gives up.
void World::cancel_misfits() {
  for (const auto& [id, job] : durable_.jobs()) {
    if (has_ended(durable_.state_of(id))) continue;
    const auto& tasks = job.spec->tasks;
    const auto fits_somewhere = [this](const core::TaskSpec& task) {
      if (task.driver == "human") return true;
      return std::any_of(agents_.begin(), agents_.end(), [&](const auto& agent) {
        if (agent->is_revoked()) return false;
        const auto& info = agent->identity().info;
        const bool has_type =
            !task.type || info.types.empty() || std::find(info.types.begin(), info.types.end(), *task.type) != info.types.end();
        const bool has_labels = std::all_of(task.labels.begin(), task.labels.end(), [&](const auto& label) {
          return std::find(info.labels.begin(), info.labels.end(), label) != info.labels.end();
        });
        const bool meets_all = std::all_of(task.constraints.begin(), task.constraints.end(),
                                           [&](const core::Constraint& constraint) { return core::is_met(constraint, info.labels); });
        return has_type && has_labels && meets_all && info.resources.covers(task.resources);
      });
    };
    if (!std::all_of(tasks.begin(), tasks.end(), fits_somewhere)) client_.cancel(id, {});
  }
}

/// That, and no other: what came before it is forgotten.
bool World::has_newest_key(const AgentNode& agent) const {
  const auto* row = scheduler_.daemon()->core().find_agent(agent.identity().number);
  const KeyEpoch current = scheduler_.daemon()->keys().current_epoch();
  const auto& keys = agent.keys().keys();
  return row->key_epoch >= current && keys.size() == 1 && keys.front().epoch == row->key_epoch;
}

bool World::is_settled() const {
  return unsubmitted_ == 0 && !client_.is_submitting() && durable_.all_jobs_ended() && scheduler_.is_quiet() &&
         std::all_of(agents_.begin(), agents_.end(), [this](const auto& agent) {
           return agent->is_revoked() || (agent->is_synced() && agent->held() == 0 && has_newest_key(*agent));
         });
}

std::string World::describe_what_is_left() const {
  std::string text;
  if (client_.is_submitting()) text += "a job is not submitted; ";
  for (const auto& [id, job] : durable_.jobs())
    if (!has_ended(durable_.state_of(id))) text += "job " + std::to_string(id.value) + " is open; ";
  for (const auto& agent : agents_) {
    if (agent->is_revoked()) continue;
    if (!agent->is_synced()) text += agent->name() + " has no session; ";
    if (agent->held() > 0) text += agent->name() + " holds " + std::to_string(agent->held()) + " attempts; ";
    if (scheduler_.is_running() && !has_newest_key(*agent)) text += agent->name() + " is behind with its key; ";
  }
  if (!scheduler_.is_quiet()) text += "the scheduler is not quiet; ";
  if (!scheduler_.is_running()) return text;
  const auto& core = scheduler_.daemon()->core();
  for (const auto& [id, job] : durable_.jobs())
    if (!has_ended(durable_.state_of(id)))
      if (const auto why = core.explain(id, Now{})) text += why->summary + " ";
  return text;
}

bool World::run_until(const std::function<bool()>& is_done, Duration limit) {
  const Instant end = agenda_.now() + limit;
  while (findings_.empty() && agenda_.now() <= end) {
    if (is_done()) return true;
    if (!agenda_.run_next()) return false;
    ++steps_;
    judge_.after_step();
    if (steps_ > kStepsMax) findings_.add("more than " + std::to_string(kStepsMax) + " steps: something goes round in circles");
  }
  return findings_.empty() && is_done();
}

}  // namespace stint::sim
