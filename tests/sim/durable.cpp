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
  return task.index < spec.array_count ? &spec : nullptr;
}

bool Durable::is_complete(JobId job, std::uint32_t group) const {
  const auto found = completed_.find({job, group});
  return found != completed_.end() && found->second == jobs_.at(job).spec->tasks.at(group).array_count;
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
  end_task(row.ref.task, {row.status, row.ref});
}

void Durable::check_new_attempt(const core::AttemptRow& row) {
  const std::string name = name_of(row.ref.task) + "@" + std::to_string(row.ref.attempt);
  const auto& spec = *find_spec(row.ref.task);
  findings_.expect(!ends_.contains(row.ref.task) || row.is_result, "was placed though its task has ended", name);
  findings_.expect(row.ref.attempt == 1 || attempts_.contains({row.ref.task, row.ref.attempt - 1}), "its number does not follow the last",
                   name);
  for (const auto need : spec.needs)
    findings_.expect(is_complete(row.ref.task.job, need), "was placed before a task it needs had completed", name);
  findings_.expect(agents_.contains(row.agent), "was placed at an agent that is not there", name);
}

void Durable::check_change(const core::AttemptRow& before, const core::AttemptRow& row) {
  const std::string name = name_of(row.ref.task) + "@" + std::to_string(row.ref.attempt);
  findings_.expect(before.agent == row.agent, "moved to another agent", name);
  findings_.expect(before.live || !row.live, "came back into the live set", name);
  findings_.expect(before.acked_update <= row.acked_update, "forgot an update", name);
  findings_.expect(!before.is_result || (row.is_result && row.status == before.status), "was its task's result and changed", name);
  if (row.is_result && !before.is_result && row.status != TaskStatus::failed)
    findings_.expect(before.live, "ended its task without being in the live set", name);
  if (has_ended(before.status)) findings_.expect(row.status == before.status, "had ended and changed its state", name);
}

void Durable::apply(const core::TaskMarkRow& row) {
  for (std::uint32_t index = row.first; index <= row.last; ++index) {
    const TaskRef task{row.job, row.group, index};
    if (find_spec(task) == nullptr) {
      findings_.add("a mark for tasks that are not there: job " + std::to_string(row.job.value));
      return;
    }
    end_task(task, {row.status, std::nullopt});
  }
}

void Durable::end_task(const TaskRef& task, const TaskEnd& end) {
  const auto [at, is_first] = ends_.emplace(task, end);
  findings_.expect(is_first, "ended twice", name_of(task));
  if (is_first && end.status == TaskStatus::completed) ++completed_[{task.job, task.group}];
  changed_.insert(task.job);
}

void Durable::count_held(const core::AttemptRow& row, int sign) {
  if (row.live) live_[row.ref.task] += sign;
  if (!holds(row)) return;
  Resources& held = held_[row.agent];
  const auto& wanted = find_spec(row.ref.task)->resources;
  held = sign > 0 ? (held += wanted) : (held -= wanted);
}

void Durable::check_batch() {
  for (const auto& [number, held] : held_)
    findings_.expect(agents_[number].offer.resources.covers(held), "is over-committed", "agent " + agents_[number].name);
  for (const auto& ref : std::exchange(new_results_, {})) {
    const auto& row = attempts_.at(ref);
    const std::string name = name_of(ref.task) + "@" + std::to_string(ref.attempt);
    findings_.expect(live_[ref.task] == 0, "is its task's result, and the task has a live attempt", name);
    if (row.status != TaskStatus::failed) continue;
    std::uint32_t failures = 0;
    for (auto at = attempts_.lower_bound({ref.task, 0}); at != attempts_.end() && at->first.task == ref.task; ++at)
      failures += counts_against_retries(at->second) ? 1 : 0;
    findings_.expect(failures > find_spec(ref.task)->retries, "failed its task before the retries were used", name);
  }
  for (const auto& [ref, live] : live_)
    findings_.expect(live <= static_cast<int>(core::limits::kLiveAttempts), "has too many live attempts", name_of(ref));
  std::erase_if(live_, [](const auto& entry) { return entry.second == 0; });
  for (const JobId id : std::exchange(changed_, {})) {
    std::uint32_t open = 0;
    const auto& spec = *jobs_.at(id).spec;
    for (std::uint32_t group = 0; group < spec.tasks.size(); ++group)
      for (std::uint32_t index = 0; index < spec.tasks[group].array_count; ++index) open += ends_.contains({id, group, index}) ? 0 : 1;
    findings_.expect((open == 0) == has_ended(state_of(id)), "its state contradicts its tasks", "job " + std::to_string(id.value));
    if (open == 0) open_jobs_.erase(id);
  }
}

}  // namespace stint::sim
