#include "sim/world.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace stint::sim {
namespace {

constexpr std::uint64_t kStepsMax = 3'000'000;                  // beyond it something goes round in circles
constexpr std::uint64_t kLiarSalt = 0x11A5;
constexpr std::size_t kPeople = 4;                              // more than any item wants answers
constexpr Duration kSetUpLimit = std::chrono::minutes{1};
constexpr Duration kCalmLimit = std::chrono::hours{2};          // of virtual time: far beyond every lease, pause and timeout

SchedulerSettings settings_of(const Plan& plan) {
  SchedulerSettings settings;
  settings.heartbeat = plan.heartbeat;
  settings.prompt_writes = plan.prompt_writes;
  if (!has(plan.faults, Fault::retention)) return settings;
  settings.retention.jobs.age = std::chrono::seconds{5 + plan.seed % 60};
  settings.retention.jobs.count = plan.seed % 4;
  return settings;
}

}  // namespace

World::World(Plan plan, Trace::Output output)
    : plan_(std::move(plan)),
      prng_(plan_.seed),
      trace_(agenda_, output),
      network_(agenda_, prng_, trace_),
      surroundings_{agenda_, prng_, trace_, findings_, network_, faults_},
      durable_(findings_),
      told_(durable_, findings_),
      scheduler_(surroundings_, durable_, told_, plan_.seed ^ 0x5C4EDULL, settings_of(plan_)),
      client_(surroundings_, scheduler_),
      people_(surroundings_, client_),
      storm_(surroundings_, scheduler_, agents_, client_, durable_, told_),
      judge_(durable_, told_, scheduler_, agents_, findings_, plan_.seed) {
  durable_.watch([this](const std::vector<core::Row>& batch) { situations_.note_batch(batch, durable_); });
  network_.tap([this](ConnectionId id, Side side, ByteView bytes) { situations_.overhear(id, side, bytes); });
}

Outcome World::run() {
  set_up();
  if (findings_.empty()) submit_jobs();
  if (findings_.empty()) storm();
  if (findings_.empty()) calm();
  if (findings_.empty()) judge_.at_the_end(client_.finished_readers());
  faults_.add(Fault::lost_answers, client_.lost_answers());
  faults_.add(Fault::retention, durable_.removals());
  Outcome outcome;
  outcome.seed = plan_.seed;
  outcome.findings = findings_.texts();
  outcome.steps = steps_;
  outcome.virtual_ms = to_ms(agenda_.now().time_since_epoch());
  outcome.trace_hash = trace_.hash();
  outcome.facts = told_.facts();
  outcome.reloads = judge_.reloads();
  outcome.faults = faults_;
  outcome.situations = situations_.reached();
  for (const auto& agent : agents_) outcome.executions += agent->keeper().executions().size();
  return outcome;
}

void World::set_up() {
  scheduler_.start();
  for (const auto& planned : plan_.agents) {
    add_agent(planned);
    if (!findings_.empty()) return;
  }
  if (plan_.has_liar) add_liar();
  if (!findings_.empty()) return;
  for (const auto& list : plan_.lists) scheduler_.keep_blob(list);
  client_.follow_events();
  for (auto& agent : agents_) agent->start();
  if (liar_) liar_->start();
}

void World::add_agent(const PlannedAgent& planned) {
  AgentIdentity identity;
  identity.index = agents_.size();
  identity.info = planned.info;
  const bool is_skewed = has(plan_.faults, Fault::clock_skew);
  if (is_skewed) faults_.add(Fault::clock_skew);
  const auto wall = is_skewed ? AgentNode::WallClock::wrong : AgentNode::WallClock::right;
  client_.register_agent(
      planned.info.name, [this, identity, wall, seed = planned.seed](AgentNumber number, KeyEpoch epoch, const Bytes& key) mutable {
        identity.number = number;
        identity.key.epoch = epoch;
        std::copy(key.begin(), key.end(), identity.key.key.begin());
        agents_.push_back(std::make_unique<AgentNode>(surroundings_, std::move(identity), seed, keep_blob(), wall));
        agents_.back()->keeper().watch_starts([this](const TaskRef& task) {
          return std::any_of(agents_.begin(), agents_.end(),
                             [&](const auto& agent) { return !agent->is_revoked() && agent->keeper().runs_leashed(task); });
        });
        agents_.back()->watch_starts([this, number](const ports::LaunchSpec& spec) { return is_written(number, spec); });
      });
  const std::size_t wanted = agents_.size() + 1;
  if (!run_until([&] { return agents_.size() == wanted; }, kSetUpLimit) && findings_.empty())
    findings_.add("an agent could not be registered");
}

/// The very attempt: one that was given for the time being may bear the name of another job's, decided anew since.
bool World::is_written(AgentNumber agent, const ports::LaunchSpec& spec) const {
  if (durable_.was_removed(spec.ref.task.job)) return true;  // so it had been there
  const auto found = durable_.attempts().find(spec.ref);
  if (found == durable_.attempts().end() || found->second.agent != agent) return false;
  return durable_.find_job(spec.ref.task.job)->spec->tasks.at(spec.ref.task.group).command == spec.command;
}

/// After the honest ones, whose numbers are their places. It offers what the first of them does.
void World::add_liar() {
  AgentIdentity identity;
  identity.index = agents_.size();
  identity.info = plan_.agents.front().info;
  identity.info.name = "liar";
  client_.register_agent("liar", [this, identity](AgentNumber number, KeyEpoch epoch, const Bytes& key) mutable {
    identity.number = number;
    identity.key.epoch = epoch;
    std::copy(key.begin(), key.end(), identity.key.key.begin());
    liar_ = std::make_unique<LiarNode>(surroundings_, std::move(identity), durable_, plan_.seed ^ kLiarSalt);
    judge_.distrust(number);
  });
  if (!run_until([&] { return liar_ != nullptr; }, kSetUpLimit) && findings_.empty()) findings_.add("the liar could not be registered");
}

void World::submit_jobs() {
  if (plan_.has_people) people_.start(kPeople);
  for (const auto& planned : plan_.jobs) {
    ++unsubmitted_;
    agenda_.after(planned.when, [this, planned] {
      --unsubmitted_;
      client_.submit(planned.spec, planned.spec.name);
      if (planned.is_twice) client_.submit(planned.spec, planned.spec.name);
    });
  }
}

std::function<BlobId(const std::string&)> World::keep_blob() {
  return [this](const std::string& bytes) { return scheduler_.keep_blob(bytes); };
}

void World::storm() {
  storm_.begin(plan_, liar_.get());
  const Instant end = agenda_.now() + plan_.duration;
  agenda_.at(end, [] {});
  run_until([&] { return agenda_.now() >= end; }, plan_.duration + kSetUpLimit);
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
