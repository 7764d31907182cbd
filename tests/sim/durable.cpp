#include "sim/durable.hpp"

#include <algorithm>
#include <variant>

#include "core/model/limits.hpp"

namespace stint::sim {
namespace {

/// Live, or given up while its agent may still have it.
bool holds(const core::AttemptRow& row) { return row.live || row.ended_at == UnixMillis{}; }

bool counts_against_retries(const core::AttemptRow& row) {
  return row.status == TaskStatus::failed && row.reason != EndReason::lost && row.reason != EndReason::refused;
}

}  // namespace

void Durable::apply_batch(const std::vector<core::Row>& batch) {
  if (watcher_) watcher_(batch);
  for (const auto& row : batch) std::visit([this](const auto& r) { apply(r); }, row);
  check_batch();
}

const core::JobRow* Durable::find_job(JobId id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

const core::JobRow* Durable::find_job(const std::string& idempotency_key) const {
  const auto found = by_key_.find(idempotency_key);
  return found == by_key_.end() ? nullptr : find_job(found->second);
}

const core::AgentRow* Durable::find_agent(AgentNumber number) const {
  const auto found = agents_.find(number);
  return found == agents_.end() ? nullptr : &found->second;
}

const Durable::TaskEnd* Durable::find_end(const TaskRef& task) const {
  const auto found = ends_.find(task);
  return found == ends_.end() ? nullptr : &found->second;
}

TaskStatus Durable::state_of(JobId job) const {
  const auto found = job_states_.find(job);
  return found == job_states_.end() ? TaskStatus::pending : found->second.status;
}

std::string Durable::name_of(const TaskRef& task) const {
  const auto* job = find_job(task.job);
  return job == nullptr ? "a task of unknown job " + std::to_string(task.job.value) : core::task_id(*job->spec, task);
}

const core::TaskSpec* Durable::find_spec(const TaskRef& task) const {
  const auto* job = find_job(task.job);
  if (job == nullptr || task.group >= job->spec->tasks.size()) return nullptr;
  const auto& spec = job->spec->tasks[task.group];
  return task.index < size_of({task.job, task.group}).value_or(0) ? &spec : nullptr;
}

const core::GroupRow* Durable::find_group(const GroupKey& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

std::optional<std::uint32_t> Durable::size_of(const GroupKey& group) const {
  const auto& spec = spec_of(group);
  if (!core::is_sized_later(spec)) return spec.array_count;
  const auto* row = find_group(group);
  return row != nullptr && row->is_prepared ? std::optional(row->count) : std::nullopt;
}

bool Durable::has_group_ended(const GroupKey& group) const {
  const auto size = size_of(group);
  const auto found = ended_.find(group);
  const Ended ended = found == ended_.end() ? Ended{} : found->second;
  if (!size || ended.tasks < *size) return false;
  if (!spec_of(group).collect || ended.completed == 0) return true;
  const auto* row = find_group(group);
  return row != nullptr && (row->is_collected || row->doom == EndReason::preparation_failed);
}

bool Durable::is_whole(const GroupKey& group) const {
  const auto found = ended_.find(group);
  const auto* row = find_group(group);
  const bool is_doomed = row != nullptr && row->doom != EndReason::none;
  return !is_doomed && (found == ended_.end() ? 0 : found->second.completed) == size_of(group);
}

void Durable::apply(const core::JobRow& row) {
  findings_.expect(!jobs_.contains(row.id), "was submitted twice under one number", "job " + std::to_string(row.id.value));
  if (!row.idempotency_key.empty())
    findings_.expect(by_key_.emplace(row.idempotency_key, row.id).second, "an idempotency key made two jobs", row.idempotency_key);
  jobs_[row.id] = row;
  open_jobs_.insert(row.id);
}

void Durable::apply(const core::JobStateRow& row) {
  const auto before = job_states_.find(row.job);
  if (before != job_states_.end() && has_ended(before->second.status))
    findings_.expect(before->second.status == row.status, "had ended and changed its state", "job " + std::to_string(row.job.value));
  job_states_[row.job] = row;
  changed_.insert(row.job);
}

void Durable::apply(const core::AttemptRow& row) {
  if (find_spec(row.ref.task) == nullptr) {
    findings_.add("an attempt of a task that is not there: job " + std::to_string(row.ref.task.job.value));
    return;
  }
  const auto before = attempts_.find(row.ref);
  if (before == attempts_.end()) {
    check_room(row.agent);
    check_new_attempt(row);
  } else {
    check_change(before->second, row);
    count_held(before->second, -1);
  }
  const bool was_result = before != attempts_.end() && before->second.is_result;
  count_held(row, +1);
  attempts_[row.ref] = row;
  if (!row.is_result || was_result) return;
  new_results_.push_back(row.ref);
  const bool is_answer = row.status == TaskStatus::completed && find_spec(row.ref.task)->driver == "human";
  if (is_answer) answered_[row.ref.task] = row.agent;
  end_task(row.ref.task, {row.status, row.ref, row.reason});
}

void Durable::check_new_attempt(const core::AttemptRow& row) {
  const std::string name = name_of(row.ref.task) + "@" + std::to_string(row.ref.attempt);
  const auto& spec = *find_spec(row.ref.task);
  findings_.expect(!ends_.contains(row.ref.task) || row.is_result, "was placed though its task has ended", name);
  findings_.expect(row.ref.attempt == 1 || attempts_.contains({row.ref.task, row.ref.attempt - 1}), "its number does not follow the last",
                   name);
  for (const auto& need : spec.needs) check_need(row.ref, need);
  if (spec.driver == "human") check_person(row);
  const auto agent = agents_.find(row.agent);
  findings_.expect(agent != agents_.end(), "was placed at an agent that is not there", name);
  if (agent == agents_.end()) return;
  findings_.expect(!agent->second.draining, "was placed at an agent that takes no new work", name);
  findings_.expect(!agent->second.revoked, "was placed at an agent that was revoked", name);
}

void Durable::check_need(const AttemptRef& ref, const core::Need& need) {
  const GroupKey group{ref.task.job, need.group};
  const std::string name = name_of(ref.task) + "@" + std::to_string(ref.attempt);
  findings_.expect(has_group_ended(group), "was placed before what it needs had ended", name);
  if (need.on == core::NeedOn::success) findings_.expect(is_whole(group), "was placed though what it needs did not complete", name);
  if (need.on == core::NeedOn::failure) findings_.expect(!is_whole(group), "was placed though nothing failed", name);
}

/// An item is never given twice to one person: neither at once nor after she has answered.
void Durable::check_person(const core::AttemptRow& row) {
  const auto& task = row.ref.task;
  const std::uint32_t overlap = find_spec(task)->overlap;
  const std::uint32_t first = task.index / overlap * overlap;
  for (std::uint32_t index = first; index < first + overlap; ++index) {
    const TaskRef copy{task.job, task.group, index};
    const auto answer = answered_.find(copy);
    findings_.expect(answer == answered_.end() || answer->second != row.agent, "was given to somebody who has answered it", name_of(task));
    for (auto at = attempts_.lower_bound({copy, 0}); at != attempts_.end() && at->first.task == copy; ++at)
      findings_.expect(!at->second.live || at->second.agent != row.agent, "was given twice at once to one person", name_of(task));
  }
}

void Durable::check_change(const core::AttemptRow& before, const core::AttemptRow& row) {
  const std::string name = name_of(row.ref.task) + "@" + std::to_string(row.ref.attempt);
  findings_.expect(before.agent == row.agent, "moved to another agent", name);
  findings_.expect(before.live || !row.live, "came back into the live set", name);
  findings_.expect(before.acked_update <= row.acked_update, "forgot an update", name);
  findings_.expect(!before.is_result || (row.is_result && row.status == before.status), "was its task's result and changed", name);
  if (row.is_result && !before.is_result && row.status != TaskStatus::failed)
    findings_.expect(before.live, "ended its task without being in the live set", name);
  const bool is_given_up = before.live && row.reason == EndReason::cancelled && row.ended_at > UnixMillis{};
  const bool is_recalled = row.detail == "given back before it was started";  // a scheduler that dies forgets that it asked
  const bool may_be_asked = emptied_.contains(row.agent) || is_recalled || find_spec(row.ref.task)->driver == "human";
  findings_.expect(!is_given_up || may_be_asked, "was given up by its agent, which nobody had asked", name);
  const auto agent = agents_.find(row.agent);
  if (agent != agents_.end() && agent->second.revoked && row.status == TaskStatus::completed)
    findings_.expect(before.status == TaskStatus::completed, "completed by the word of an agent that was revoked before", name);
  if (has_ended(before.status)) findings_.expect(row.status == before.status, "had ended and changed its state", name);
}

void Durable::apply(const core::AgentRow& row) {
  const auto before = agents_.find(row.number);
  if (before != agents_.end())
    findings_.expect(row.revoked || !before->second.revoked, "was revoked and is not any more", "agent " + row.name);
  if (row.drain_by > UnixMillis{}) emptied_.insert(row.number);
  agents_[row.number] = row;
}

void Durable::apply(const core::JobRemovalRow& row) {
  check_batch();  // what ended in the same batch
  if (jobs_.contains(row.job)) check_removal(row.job);
  forget(row.job);
}

/// Retention takes what has ended and nobody needs: no agent may hold an attempt of it, no later try may take over from it.
void Durable::check_removal(JobId job) {
  const std::string name = "job " + std::to_string(job.value);
  findings_.expect(has_ended(state_of(job)), "was removed and had not ended", name);
  for (auto at = attempts_.lower_bound({{job, 0, 0}, 0}); at != attempts_.end() && at->first.task.job == job; ++at)
    findings_.expect(!holds(at->second), "was removed while an agent may hold an attempt of it", name);
  for (const auto& [id, later] : jobs_)
    findings_.expect(later.spec->retry_of != job, "was removed though a later try takes over from it", name);
}

void Durable::forget(JobId job) {
  if (const auto found = jobs_.find(job); found != jobs_.end() && !found->second.idempotency_key.empty())
    by_key_.erase(found->second.idempotency_key);
  jobs_.erase(job);
  job_states_.erase(job);
  open_jobs_.erase(job);
  std::erase_if(attempts_, [&](const auto& item) { return item.first.task.job == job; });
  std::erase_if(ends_, [&](const auto& item) { return item.first.job == job; });
  std::erase_if(ended_, [&](const auto& item) { return item.first.first == job; });
  std::erase_if(groups_, [&](const auto& item) { return item.first.first == job; });
  std::erase_if(outputs_, [&](const auto& item) { return item.first.first.job == job; });
  std::erase_if(results_, [&](const auto& item) { return item.first.job == job; });
  std::erase_if(answered_, [&](const auto& item) { return item.first.job == job; });
  removed_.insert(job);
}

void Durable::compare(const core::AttemptRow& row) {
  const auto found = attempts_.find(row.ref);
  if (found == attempts_.end()) {
    findings_.add("the disk has an attempt of job " + std::to_string(row.ref.task.job.value) + " that no whole batch has brought");
    return;
  }
  const core::AttemptRow& known = found->second;
  const bool is_same = known.agent == row.agent && known.status == row.status && known.reason == row.reason && known.live == row.live &&
                       known.accepted == row.accepted && known.is_result == row.is_result && known.acked_update == row.acked_update &&
                       known.ended_at == row.ended_at;
  findings_.expect(is_same, "is on the disk as no whole batch has left it", name_of(row.ref.task) + "@" + std::to_string(row.ref.attempt));
}

void Durable::compare(const memory::Tables& tables) {
  std::size_t jobs = 0;
  std::size_t attempts = 0;
  std::size_t agents = 0;
  [[maybe_unused]] const auto read = tables.each([&](const core::Row& row) -> Status {
    jobs += std::holds_alternative<core::JobRow>(row) ? 1 : 0;
    agents += std::holds_alternative<core::AgentRow>(row) ? 1 : 0;
    if (const auto* state = std::get_if<core::JobStateRow>(&row))
      findings_.expect(state->status == state_of(state->job), "is on the disk in a state that no whole batch has left",
                       "job " + std::to_string(state->job.value));
    if (const auto* attempt = std::get_if<core::AttemptRow>(&row)) ++attempts, compare(*attempt);
    return {};
  });
  findings_.expect(jobs == jobs_.size() && attempts == attempts_.size() && agents == agents_.size(),
                   "has other rows than whole batches have brought", "the disk");
}

void Durable::apply(const core::TaskMarkRow& row) {
  for (std::uint32_t index = row.first; index <= row.last; ++index) {
    const TaskRef task{row.job, row.group, index};
    if (find_spec(task) == nullptr) {
      findings_.add("a mark for tasks that are not there: job " + std::to_string(row.job.value));
      return;
    }
    if (row.reason == EndReason::reused) check_reused(task);
    end_task(task, {row.status, std::nullopt, row.reason});
  }
}

void Durable::check_reused(const TaskRef& task) {
  const TaskRef earlier{find_job(task.job)->spec->retry_of, task.group, task.index};
  const auto* end = find_end(earlier);
  findings_.expect(end != nullptr && end->status == TaskStatus::completed, "counts as completed, and did not in the job before",
                   name_of(task));
  if (const auto answer = answered_.find(earlier); answer != answered_.end()) answered_[task] = answer->second;
  take_over(earlier, task);
}

/// As a store does with what a reused task left.
void Durable::take_over(const TaskRef& earlier, const TaskRef& task) {
  std::vector<core::OutputRow> rows;
  for (auto at = outputs_.lower_bound({earlier, {}}); at != outputs_.end() && at->first.first == earlier; ++at) rows.push_back(at->second);
  for (core::OutputRow& row : rows) {
    row.task = task;
    outputs_[{task, row.file.path}] = row;
  }
  const auto result = results_.find(earlier);
  if (result == results_.end()) return;
  results_[task] = result->second;
  results_[task].task = task;
}

void Durable::apply(const core::GroupRow& row) {
  const GroupKey key{row.job, row.group};
  const auto* before = find_group(key);
  const std::string name = "entry " + std::to_string(row.group) + " of job " + std::to_string(row.job.value);
  if (before != nullptr && before->is_prepared)
    findings_.expect(
        row.is_prepared && row.count == before->count && row.items == before->items && row.needs_inputs == before->needs_inputs,
        "was prepared twice", name);
  if (before != nullptr && before->is_collected) findings_.expect(row.is_collected, "was collected and is not any more", name);
  groups_[key] = row;
  changed_.insert(row.job);
}

void Durable::apply(const core::OutputRow& row) {
  outputs_[{row.task, row.file.path}] = row;
  new_left_.emplace_back(row.task, row.attempt);
}

void Durable::apply(const core::ResultRow& row) {
  results_[row.task] = row;
  new_left_.emplace_back(row.task, row.attempt);
}

void Durable::end_task(const TaskRef& task, const TaskEnd& end) {
  const auto [at, is_first] = ends_.emplace(task, end);
  findings_.expect(is_first, "ended twice", name_of(task));
  Ended& ended = ended_[{task.job, task.group}];
  if (is_first) ++ended.tasks;
  if (is_first && end.status == TaskStatus::completed) ++ended.completed;
  changed_.insert(task.job);
}

void Durable::count_held(const core::AttemptRow& row, int sign) {
  if (row.live) live_[row.ref.task] += sign;
  if (!holds(row)) return;
  const auto& wanted = find_spec(row.ref.task)->resources;
  const auto count = [&](Resources& held) { sign > 0 ? held += wanted : held -= wanted; };
  count(held_[row.agent]);
  if (row.started_at > UnixMillis{}) count(started_[row.agent]);
}

/// Of an agent that is given something. Where attempts may wait, no row says which ones do: then those count that are known to have begun,
/// and before a batch is whole, since an agent may say that one has begun before it says that another has ended. What really runs the
/// keeper judges.
void Durable::check_room(AgentNumber number) {
  const auto& agent = agents_[number];
  if (agent.offer.prefetch == 0) {
    given_work_.insert(number);
  } else {
    findings_.expect(agent.offer.resources.covers(started_[number]), "is over-committed", "agent " + agent.name);
  }
}

/// A failed task has used its tries: those after failures, or those after losses.
void Durable::check_result(const AttemptRef& ref) {
  const std::string name = name_of(ref.task) + "@" + std::to_string(ref.attempt);
  findings_.expect(live_[ref.task] == 0, "is its task's result, and the task has a live attempt", name);
  if (attempts_.at(ref).status != TaskStatus::failed) return;
  std::uint32_t failures = 0;
  std::uint32_t losses = 0;
  for (auto at = attempts_.lower_bound({ref.task, 0}); at != attempts_.end() && at->first.task == ref.task; ++at)
    if (at->second.reason != EndReason::refused && at->second.reason != EndReason::recalled)
      ++(counts_against_retries(at->second) ? failures : losses);
  const auto& spec = *find_spec(ref.task);
  const bool is_lost_too_often = spec.reschedules && losses > *spec.reschedules;
  findings_.expect(failures > spec.retries || is_lost_too_often, "failed its task before the retries were used", name);
}

void Durable::check_left(const TaskRef& task, std::uint32_t attempt) {
  const GroupKey group{task.job, task.group};
  if (task.index == core::kWholeEntry) {
    const auto* row = find_group(group);
    return findings_.expect(row != nullptr && row->is_collected, "has what it did not collect", name_of({task.job, task.group, 0}));
  }
  const auto* end = find_end(task);
  const bool is_completed = end != nullptr && end->status == TaskStatus::completed;
  const bool is_own = is_completed && end->result && end->result->attempt == attempt;
  const bool is_reused = is_completed && !end->result && end->reason == EndReason::reused;
  findings_.expect(is_own || is_reused, "has what an attempt left that is not its result", name_of(task));
}

void Durable::check_batch() {
  for (const auto number : std::exchange(given_work_, {}))
    findings_.expect(agents_[number].offer.resources.covers(held_[number]), "is over-committed", "agent " + agents_[number].name);
  for (const auto& ref : std::exchange(new_results_, {})) check_result(ref);
  for (const auto& [task, attempt] : std::exchange(new_left_, {})) check_left(task, attempt);
  for (const auto& [ref, live] : live_)
    findings_.expect(live <= static_cast<int>(core::limits::kLiveAttempts), "has too many live attempts", name_of(ref));
  std::erase_if(live_, [](const auto& entry) { return entry.second == 0; });
  for (const JobId id : std::exchange(changed_, {})) {
    bool is_open = false;
    for (std::uint32_t group = 0; group < jobs_.at(id).spec->tasks.size(); ++group) is_open = is_open || !has_group_ended({id, group});
    findings_.expect(is_open != has_ended(state_of(id)), "its state contradicts its tasks", "job " + std::to_string(id.value));
    if (!is_open) open_jobs_.erase(id);
  }
}

}  // namespace stint::sim
