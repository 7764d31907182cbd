#include "core/event_rows.hpp"
#include "core/groups.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

std::string describe_job(JobId id) { return "job " + std::to_string(id.value); }

/// The job that the key already belongs to, if any.
Result<std::optional<JobId>> find_repeated(const State& state, const SubmitJob& event) {
  if (event.idempotency_key.empty()) return std::nullopt;
  const auto at = state.idempotency_keys.find(event.idempotency_key);
  if (at == state.idempotency_keys.end()) return std::nullopt;
  if (*state.find_job(at->second)->row.spec == event.spec) return at->second;
  return fail(Errc::conflict, "the idempotency key belongs to " + describe_job(at->second) + ", which has another content; use a new key");
}

/// An entry or one of its tasks.
void cancel_part(Turn& turn, const Job& job, const CancelTasks& event) {
  Group& group = *job.groups[*event.group];
  if (!(event.index ? group.states.is_open(*event.index) : group.open() > 0 || !group.is_sized)) return;
  if (event.index) {
    tell_job_cancel_requested(turn, job, task_id(*job.row.spec, {job.row.id, *event.group, *event.index}), event.by);
    cancel_task(turn, group, *event.index, EndReason::cancelled);
  } else {
    tell_job_cancel_requested(turn, job, std::to_string(job.row.id.value) + "." + group.spec->name, event.by);
    cancel_group(turn, group, EndReason::cancelled);
  }
}

}  // namespace

Job& add_job(State& state, JobRow row) {
  if (row.id.value > state.jobs.size()) state.jobs.resize(row.id.value);
  auto& place = state.jobs[row.id.value - 1];
  place = std::make_unique<Job>();
  Job& job = *place;
  job.row = std::move(row);
  job.state.job = job.row.id;
  if (!job.row.idempotency_key.empty()) state.idempotency_keys.emplace(job.row.idempotency_key, job.row.id);
  const auto& entries = job.row.spec->tasks;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    job.groups.push_back(std::make_unique<Group>(job, i, entries[i], state.nodes));
    job.open += entries[i].array_count;
    ++job.open_groups;
    job.groups[i]->needs_open = static_cast<std::uint32_t>(entries[i].needs.size());
    for (const Need& need : entries[i].needs) job.groups[need.group]->dependants.push_back(i);
  }
  return job;
}

Result<JobId> next_job_id(const State& state) {
  const JobId id{state.jobs.size() + 1};
  if (id.value > limits::kJobId) return fail(Errc::out_of_range, "the cell has had " + std::to_string(limits::kJobId) + " jobs, the limit");
  return id;
}

void start_job(Turn& turn, Job& job) {
  turn.effects.rows.emplace_back(job.row);
  tell_job_submitted(turn, job);
  for (const auto& group : job.groups) join_class(turn.state, *group, {});
  for (const auto& group : job.groups) resume_group(turn, *group);
}

Result<JobId> submit_job(Turn& turn, SubmitJob event) {
  event.spec.retry_of = {};  // the content of a retry, submitted again, is a job of its own
  STINT_TRY(const std::optional<JobId> repeated, find_repeated(turn.state, event));
  if (repeated) return *repeated;
  if (auto problem = find_problem(event.spec)) return fail(Errc::invalid_argument, *std::move(problem));
  STINT_TRY(const JobId id, next_job_id(turn.state));
  Job& job = add_job(turn.state, {id, std::make_shared<const JobSpec>(std::move(event.spec)), std::move(event.submitted_by),
                                  std::move(event.idempotency_key), turn.now.wall});
  note_retry(turn.state, job, 1);
  start_job(turn, job);
  return id;
}

Status cancel_tasks(Turn& turn, const CancelTasks& event) {
  Job* job = turn.state.find_job(event.job);
  if (job == nullptr) return fail(Errc::not_found, describe_job(event.job) + " is not known");
  if (event.group && *event.group >= job->groups.size())
    return fail(Errc::not_found, describe_job(event.job) + " has no entry " + std::to_string(*event.group));
  if (event.index && (!event.group || *event.index >= job->groups[*event.group]->states.count()))
    return fail(Errc::not_found, describe_job(event.job) + " has no task of index " + std::to_string(*event.index) + " in that entry");
  if (has_ended(job->state.status)) return {};
  if (!event.group) {
    job->state.cancel_requested = true;
    if (job->state.reason == EndReason::none) {
      job->state.reason = EndReason::cancelled;
      job->state.detail = "cancelled by " + (event.by.empty() ? std::string{"somebody"} : event.by);
    }
    turn.effects.rows.emplace_back(job->state);
    tell_job_cancel_requested(turn, *job, {}, event.by);
    for (const auto& group : job->groups) cancel_group(turn, *group, EndReason::cancelled);
  } else {
    cancel_part(turn, *job, event);
  }
  settle_job(turn, *job);
  return {};
}

}  // namespace stint::core
