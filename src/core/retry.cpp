// A job that has ended is tried again as a new job: a task ends once, and what was told of it stays true.
#include <algorithm>

#include "core/event_rows.hpp"
#include "core/groups.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

bool is_whole(const Group& group) { return group.counts.completed == group.counts.total() && group.doom == EndReason::none; }

/// What the entry started with is the same, since all that it needs is reused.
bool needs_are_reused(const Group& old) {
  return std::all_of(old.spec->needs.begin(), old.spec->needs.end(),
                     [&](const Need& need) { return is_whole(*old.job->groups[need.group]); });
}

void copy_preparation(Turn& turn, const Group& old, Group& group) {
  if (!old.is_prepared || !needs_are_reused(old)) return;
  if (is_sized_later(*old.spec) && !old.items) return;  // it was cancelled or failed before anybody knew its items, or has none
  group.items = old.items;
  group.needs_inputs = old.needs_inputs;
  if (!group.is_sized) return size_group(turn, group, old.states.count());
  group.is_prepared = true;
  turn.effects.rows.emplace_back(
      GroupRow{group.job->row.id, group.position, true, group.states.count(), group.items, group.needs_inputs, EndReason::none, false});
}

void reuse_completed(Turn& turn, const Group& old, Group& group) {
  if (!group.is_sized) return;
  const std::uint32_t count = old.states.count();
  for (std::uint32_t first = 0; first < count;) {
    if (old.states.status(first) != TaskStatus::completed) {
      ++first;
      continue;
    }
    std::uint32_t last = first;
    while (last + 1 < count && old.states.status(last + 1) == TaskStatus::completed) ++last;
    reuse_range(turn, group, first, last);
    first = last + 1;
  }
  inherit_answers(old, group);
}

}  // namespace

void inherit_answers(const Group& old, Group& group) {
  const auto count = static_cast<std::uint32_t>(std::min(old.answered_by.size(), group.answered_by.size()));
  for (std::uint32_t index = 0; index < count; ++index)
    if (group.states.status(index) == TaskStatus::completed && !group.answered_by[index]) group.answered_by[index] = old.answered_by[index];
}

Result<JobId> retry_job(Turn& turn, const RetryJob& event) {
  State& state = turn.state;
  Job* old = state.find_job(event.job);
  const std::string name = "job " + std::to_string(event.job.value);
  if (old == nullptr) return fail(Errc::not_found, name + " is not known");
  if (!event.idempotency_key.empty()) {
    const auto at = state.idempotency_keys.find(event.idempotency_key);
    if (at != state.idempotency_keys.end() && state.find_job(at->second)->row.spec->retry_of == event.job) return at->second;
    if (at != state.idempotency_keys.end()) return fail(Errc::conflict, "the idempotency key belongs to another job; use a new key");
  }
  if (!has_ended(old->state.status)) return fail(Errc::conflict, name + " has not ended; wait for it, or cancel it first");
  if (old->state.status == TaskStatus::completed)
    return fail(Errc::conflict, name + " has completed; nothing is left to try again. Submit it anew to run all of it");
  STINT_TRY(const JobId id, next_job_id(state));

  auto spec = std::make_shared<JobSpec>(*old->row.spec);
  spec->retry_of = event.job;
  Job& job = add_job(state, {id, std::move(spec), event.submitted_by, event.idempotency_key, turn.now.wall});
  note_retry(state, job, 1);
  old = state.find_job(event.job);  // the table may have moved
  turn.effects.rows.emplace_back(job.row);
  tell_job_submitted(turn, job);
  for (const auto& group : job.groups) join_class(state, *group, {});
  for (const auto& group : job.groups) {
    const Group& before = *old->groups[group->position];
    copy_preparation(turn, before, *group);
    reuse_completed(turn, before, *group);
  }
  for (const auto& group : job.groups) resume_group(turn, *group);
  settle_job(turn, job);
  return id;
}

}  // namespace stint::core
