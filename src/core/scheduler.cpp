#include "core/scheduler.hpp"

#include <algorithm>

#include "core/event_rows.hpp"
#include "core/explain.hpp"
#include "core/state.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {

Scheduler::Scheduler() : state_(std::make_unique<State>()) {}
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&&) noexcept = default;

/// Every event unsettles: what place() found out no longer holds.
Turn Scheduler::begin(Now now, Effects& effects) {
  state_->is_settled = false;
  return {*state_, now, effects};
}

Status Scheduler::load(const Row& row) { return load_row(*state_, row); }

Status Scheduler::finish_load(Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return finish_loading(turn);
}

void Scheduler::add_event(std::string kind, std::string body, Now now, Effects& effects) {
  effects.rows.emplace_back(EventRow{state_->next_event_seq++, now.wall, std::move(kind), {}, std::move(body)});
}

void Scheduler::set_next_event_seq(std::uint64_t seq) { state_->next_event_seq = seq; }

Result<JobId> Scheduler::submit(SubmitJob event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return submit_job(turn, std::move(event));
}

Result<JobId> Scheduler::retry(const RetryJob& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return retry_job(turn, event);
}

Status Scheduler::prepare_group(const GroupPrepared& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return core::prepare_group(turn, event);
}

Status Scheduler::fail_group(JobId job, std::uint32_t group, const std::string& detail, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return core::fail_group(turn, job, group, detail);
}

Status Scheduler::finish_collect(JobId job, std::uint32_t group, FileRef file, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return core::finish_collect(turn, job, group, std::move(file));
}

Result<std::vector<AttemptRef>> Scheduler::claim(const ClaimWork& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return claim_work(turn, event);
}

void Scheduler::note_seen(AgentNumber person, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  core::note_seen(turn, person);
}

Status Scheduler::cancel(const CancelTasks& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return cancel_tasks(turn, event);
}

Result<AgentNumber> Scheduler::register_agent(const RegisterAgent& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return core::register_agent(turn, event);
}

Status Scheduler::drain_agent(const DrainAgent& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return core::drain_agent(turn, event);
}

Status Scheduler::revoke_agent(const RevokeAgent& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  return core::revoke_agent(turn, event);
}

void Scheduler::on_agent_connected(const AgentConnected& event, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  connect_agent(turn, event);
}

void Scheduler::on_agent_offer(AgentNumber number, const AgentOffer& offer, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  Agent* agent = state_->find_agent(number);
  if (agent == nullptr || agent->row.revoked || agent->row.offer == offer) return;
  change_offer(turn, *agent, offer);
  settle_queue(turn, *agent);
  effects.rows.emplace_back(agent->row);
}

void Scheduler::on_agent_disconnected(AgentNumber number, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  if (Agent* agent = state_->find_agent(number)) disconnect_agent(turn, *agent);
}

void Scheduler::on_attempt_report(const AttemptReport& report, Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  apply_report(turn, report);
}

void Scheduler::on_timer(Now now, Effects& effects) {
  Turn turn = begin(now, effects);
  // Each round takes the timer that was due out of the set, and what it sets anew lies in the future.
  while (!state_->timers.empty() && state_->timers.begin()->at <= now.mono) {
    const Timer timer = *state_->timers.begin();
    switch (timer.kind) {
      case Timer::Kind::agent: watch_leases(turn, *state_->find_agent(timer.agent)); break;
      case Timer::Kind::drain: watch_drain(turn, *state_->find_agent(timer.agent)); break;
      case Timer::Kind::group: wake_delayed(*state_, now, *state_->find_group(timer.group.job, timer.group.group)); break;
    }
  }
}

/// Unsettles nothing: what has ended neither waits nor holds.
std::size_t Scheduler::remove_ended_jobs(const JobRetention& keep, std::size_t most, Now now, Effects& effects) {
  Turn turn{*state_, now, effects};
  return core::remove_ended_jobs(turn, keep, most);
}

void Scheduler::place(Now now, Effects& effects) {
  Turn turn{*state_, now, effects};
  place_tasks(turn);
}

Instant Scheduler::next_deadline() const { return state_->timers.empty() ? Instant::max() : state_->timers.begin()->at; }

std::vector<JobView> Scheduler::jobs() const {
  std::vector<JobView> views;
  for (const auto& job : state_->jobs)
    if (job != nullptr) views.push_back(make_view(*job));
  return views;
}

std::optional<JobView> Scheduler::find_older_job(JobId than, const std::function<bool(const JobRow&, TaskStatus)>& is_wanted) const {
  const auto& jobs = state_->jobs;
  for (std::size_t end = std::min<std::size_t>(jobs.size(), than.value == 0 ? 0 : than.value - 1); end > 0; --end)
    if (const Job* job = jobs[end - 1].get(); job != nullptr && is_wanted(job->row, job->state.status)) return make_view(*job);
  return std::nullopt;
}

JobId Scheduler::newest_job() const {
  const auto newest = std::find_if(state_->jobs.rbegin(), state_->jobs.rend(), [](const auto& job) { return job != nullptr; });
  return newest == state_->jobs.rend() ? JobId{} : (*newest)->row.id;
}

std::optional<JobView> Scheduler::find_job(JobId id) const {
  const Job* job = state_->find_job(id);
  if (job == nullptr) return std::nullopt;
  return make_view(*job);
}

std::optional<GroupState> Scheduler::find_group(JobId job, std::uint32_t position) const {
  const Group* group = state_->find_group(job, position);
  if (group == nullptr) return std::nullopt;
  return make_state(*group);
}

std::optional<TaskView> Scheduler::find_task(const TaskRef& task) const { return make_view(*state_, task); }

std::vector<TaskView> Scheduler::find_tasks(const TaskRef& from, const std::optional<TaskStatus>& status, std::size_t most) const {
  return make_views(*state_, from, status, most);
}

std::vector<AgentView> Scheduler::agents() const {
  std::vector<AgentView> views;
  for (const auto& agent : state_->agents)
    if (agent != nullptr) views.push_back(make_view(*agent));
  return views;
}

const AgentRow* Scheduler::find_agent(AgentNumber number) const {
  const Agent* agent = state_->find_agent(number);
  return agent == nullptr ? nullptr : &agent->row;
}

const JobSpec* Scheduler::find_spec(JobId id) const {
  const Job* job = state_->find_job(id);
  return job == nullptr ? nullptr : job->row.spec.get();
}

bool Scheduler::was_removed(JobId id) const { return id && id.value <= state_->jobs.size() && state_->find_job(id) == nullptr; }

std::optional<AttemptRow> Scheduler::find_attempt(const AttemptRef& ref) const {
  const auto at = state_->attempts.find(ref);
  if (at == state_->attempts.end()) return std::nullopt;
  return at->second.row;
}

std::vector<AttemptRef> Scheduler::held_by(AgentNumber number) const {
  std::vector<AttemptRef> refs;
  if (const Agent* agent = state_->find_agent(number); agent != nullptr)
    for (const Attempt* attempt : agent->held) refs.push_back(attempt->row.ref);
  std::sort(refs.begin(), refs.end());
  return refs;
}

bool Scheduler::may_write_log(AgentNumber agent, const AttemptRef& ref) const {
  const auto at = state_->attempts.find(ref);
  return at != state_->attempts.end() && at->second.row.agent == agent;
}

Result<Explanation> Scheduler::explain(const TaskRef& task, Now now) const { return explain_task(*state_, task, now); }
Result<Explanation> Scheduler::explain(JobId job, Now now) const { return explain_job(*state_, job, now); }
Result<std::vector<PlannedEntry>> Scheduler::plan(const JobSpec& spec) const {
  if (auto problem = find_problem(spec)) return fail(Errc::invalid_argument, *std::move(problem));
  return plan_job(*state_, spec);
}
std::string Scheduler::digest() const { return make_digest(*state_); }
std::vector<std::string> Scheduler::check() const { return find_broken_invariants(*state_); }

}  // namespace stint::core
