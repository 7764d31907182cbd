#include "core/task_life.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "core/event_rows.hpp"
#include "core/groups.hpp"

namespace stint::core {
namespace {

void push_row(Turn& turn, const Attempt& attempt) { turn.effects.rows.emplace_back(attempt.row); }
void push_row(Turn& turn, const Job& job) { turn.effects.rows.emplace_back(job.state); }

void send_stop(Turn& turn, const Attempt& attempt) {
  const Agent* agent = turn.state.find_agent(attempt.row.agent);
  if (agent != nullptr && agent->is_connected)
    turn.effects.sends.emplace_back(make_stop(attempt.row.agent, attempt.row.ref, attempt.row.reason));
}

TaskEntry& get_entry(Group& group, std::uint32_t index) {
  const auto at = group.entries.find(index);
  STINT_ASSERT(at != group.entries.end());
  return at->second;
}

void drop_from_live(TaskEntry& entry, Attempt& attempt) {
  const auto end = entry.live.begin() + entry.live_count;
  const auto at = std::find(entry.live.begin(), end, &attempt);
  STINT_ASSERT(at != end);
  std::move(at + 1, end, at);
  entry.live[--entry.live_count] = nullptr;
  attempt.row.live = false;
  attempt.overdue = false;
}

/// Ends a live attempt of a task that has its result, or needs none: it goes on holding until its agent has let it go.
void end_superfluous(Turn& turn, TaskEntry& entry, Attempt& attempt, EndReason reason) {
  drop_from_live(entry, attempt);
  attempt.row.status = TaskStatus::cancelled;
  attempt.row.reason = reason;
  if (is_for_people(*attempt.group)) {  // nobody runs it: there is nothing to stop
    attempt.row.ended_at = turn.now.wall;
    release(turn.state, attempt);
    return;
  }
  send_stop(turn, attempt);
}

/// Forgets the entry of a task that ends, and its attempts but those that still hold.
void drop_entry(State& state, Group& group, std::uint32_t index, TaskEntry& entry) {
  dequeue(state, group, index, entry);
  STINT_ASSERT(entry.live_count == 0);
  if (entry.is_active) --group.active;
  for (Attempt* attempt = entry.newest; attempt != nullptr;) {
    Attempt* older = attempt->older;
    attempt->older = nullptr;
    if (!attempt->holds()) state.attempts.erase(attempt->row.ref);
    attempt = older;
  }
  group.entries.erase(index);
}

/// The counts of `number` tasks that have just ended.
void count_ended(State& state, Group& group, std::uint32_t number, TaskStatus status, EndReason reason) {
  Job& job = *group.job;
  job.open -= number;
  switch (status) {
    case TaskStatus::completed: group.counts.completed += number; break;
    case TaskStatus::failed:
      group.counts.failed += number;
      job.failed += number;
      break;
    default:
      group.counts.cancelled += number;
      (reason == EndReason::skipped ? group.skipped : job.cancelled) += number;
      break;
  }
  if (status != TaskStatus::completed || group.open() == 0) note_changed(state, group);
}

/// The task has its result or needs none; its live set is empty and all rows are written.
void end_entered_task(Turn& turn, Group& group, std::uint32_t index, TaskEntry& entry, TaskStatus status) {
  --(entry.is_running ? group.counts.running : group.counts.pending);
  drop_entry(turn.state, group, index, entry);
  group.states.end(index, status);
  count_ended(turn.state, group, 1, status, EndReason::none);
  note_ended(turn.state, group, index, index, status);
  refresh_group(turn.state, group);
}

/// Marks `first … last`, all open and none with a live attempt or an entry.
void mark_range(Turn& turn, Group& group, std::uint32_t first, std::uint32_t last, TaskStatus status, EndReason reason) {
  turn.effects.rows.emplace_back(TaskMarkRow{group.job->row.id, group.position, first, last, status, reason, turn.now.wall});
  group.states.end_range(first, last, status);
  group.counts.pending -= last - first + 1;
  count_ended(turn.state, group, last - first + 1, status, reason);
  note_ended(turn.state, group, first, last, status);
}

/// Ends all open tasks of a group in which none has an entry.
void mark_open(Turn& turn, Group& group, TaskStatus status, EndReason reason) {
  group.fresh = 0;
  const std::uint32_t count = group.states.count();
  for (std::uint32_t first = group.states.next_open(0); first < count; first = group.states.next_open(first))
    mark_range(turn, group, first, group.states.next_ended(first) - 1, status, reason);
  refresh_group(turn.state, group);
}

/// Cancels an open task that has live attempts: the newest one's row tells the task's end.
void cancel_live_task(Turn& turn, Group& group, std::uint32_t index, EndReason reason) {
  TaskEntry& entry = get_entry(group, index);
  bool is_newest = true;
  while (entry.live_count > 0) {
    Attempt& attempt = *entry.live[entry.live_count - 1u];
    end_superfluous(turn, entry, attempt, reason);
    attempt.row.is_result = is_newest;
    is_newest = false;
    push_row(turn, attempt);
  }
  end_entered_task(turn, group, index, entry, TaskStatus::cancelled);
}

/// Which attempt's end is the failed task's: the newest that counts as a failure; the last one if the losses were too many.
Attempt& find_decisive(const Group& group, TaskEntry& entry, Attempt& last) {
  Attempt* attempt = entry.failures > group.spec->retries ? entry.newest : nullptr;
  while (attempt != nullptr && !counts_as_failure(attempt->row)) attempt = attempt->older;
  return attempt != nullptr ? *attempt : last;
}

void note_first_failure(Turn& turn, Job& job, const Attempt& result) {
  if (job.state.reason != EndReason::none) return;
  const AttemptRow& row = result.row;
  job.state.reason = row.reason;
  job.state.detail = task_id(*job.row.spec, row.ref.task) + " failed: " + std::string{to_string(row.reason)};
  if (row.reason == EndReason::exit) job.state.detail += ' ' + std::to_string(row.exit_code);
  if (row.reason == EndReason::signal) job.state.detail += ' ' + std::to_string(row.signal);
  push_row(turn, job);
}

void fail_task(Turn& turn, Group& group, std::uint32_t index, TaskEntry& entry, Attempt& last) {
  Attempt& result = find_decisive(group, entry, last);
  result.row.is_result = true;
  if (result.row.status == TaskStatus::cancelled) {  // its agent gave it up: the task was lost once too often
    result.row.status = TaskStatus::failed;
    result.row.reason = EndReason::lost;
  }
  push_row(turn, result);
  if (&result != &last) push_row(turn, last);
  note_first_failure(turn, *group.job, result);
  end_entered_task(turn, group, index, entry, TaskStatus::failed);
}

/// How long the task waits after an attempt that left the set: a failure always pauses, a loss only when it comes again, a refusal and a
/// recall never: another agent may take the task.
Duration pause_after(const TaskEntry& entry, const AttemptRow& row) {
  if (counts_as_failure(row)) return backoff(entry.failures);
  if (row.reason == EndReason::refused || row.reason == EndReason::recalled) return Duration{0};
  return entry.reschedules > 1 ? backoff(entry.reschedules - 1) : Duration{0};
}

/// Of the event that tells of it.
const char* kind_of_end(const AttemptRow& row) {
  if (row.reason == EndReason::recalled) return "attempt_recalled";
  return counts_as_failure(row) ? "attempt_failed" : "attempt_lost";
}

void stop_at_limit_of_failures(Turn& turn, Job& job) {
  const std::uint32_t limit = job.row.spec->max_fails;
  if (limit == 0 || job.failed < limit || job.open_groups == 0) return;
  if (job.state.reason == EndReason::max_fails) return;
  job.state.reason = EndReason::max_fails;
  job.state.detail = std::to_string(job.failed) + " tasks failed, the limit is " + std::to_string(limit);
  push_row(turn, job);
  for (const auto& group : job.groups) cancel_group(turn, *group, EndReason::max_fails);
}

void end_job(Turn& turn, Job& job) {
  JobStateRow& state = job.state;
  const bool is_failed = job.failed > 0 || state.reason == EndReason::preparation_failed;
  const bool is_cancelled = job.cancelled > 0 || state.cancel_requested;
  state.status = is_failed ? TaskStatus::failed : is_cancelled ? TaskStatus::cancelled : TaskStatus::completed;
  if (state.status == TaskStatus::cancelled) state.reason = EndReason::cancelled;
  if (state.status == TaskStatus::completed) state.reason = EndReason::none;
  state.ended_at = turn.now.wall;
  push_row(turn, job);
  turn.state.ended_in_turn.push_back(&job);
  turn.state.ended.emplace(state.ended_at, job.row.id);
  for (const auto& group : job.groups) leave_class(turn.state, *group);
}

}  // namespace

bool counts_as_failure(const AttemptRow& row) {
  if (row.status != TaskStatus::failed) return false;
  return row.reason != EndReason::lost && row.reason != EndReason::refused && row.reason != EndReason::cancelled &&
         row.reason != EndReason::superseded;
}

void count_end(TaskEntry& entry, const AttemptRow& row) {
  if (counts_as_failure(row)) {
    ++entry.failures;
  } else if (row.reason != EndReason::refused && row.reason != EndReason::recalled) {
    ++entry.reschedules;
  }
}

Stop make_stop(AgentNumber agent, const AttemptRef& ref, EndReason reason) {
  return {agent, ref, reason == EndReason::superseded ? EndReason::superseded : EndReason::cancelled};
}

Duration backoff(std::uint32_t n) {
  STINT_ASSERT(n > 0);
  Duration pause = limits::kBackoffFirst;
  for (std::uint32_t i = 1; i < n && pause < limits::kBackoffMax; ++i) pause *= 2;
  return std::min(pause, limits::kBackoffMax);
}

void refresh_entry(Group& group, TaskEntry& entry) {
  bool running = false;
  bool active = false;
  for (std::size_t i = 0; i < entry.live_count; ++i) {
    running = running || entry.live[i]->row.status == TaskStatus::running;
    active = active || !entry.live[i]->overdue;
  }
  if (running != entry.is_running) {
    entry.is_running = running;
    --(running ? group.counts.pending : group.counts.running);
    ++(running ? group.counts.running : group.counts.pending);
  }
  if (active != entry.is_active) {
    entry.is_active = active;
    group.active = active ? group.active + 1 : group.active - 1;
  }
}

bool has_used_tries(const Group& group, const TaskEntry& entry) {
  return entry.failures > group.spec->retries || (group.spec->reschedules && entry.reschedules > *group.spec->reschedules);
}

bool wants_attempt(const Group& group, const TaskEntry& entry) {
  if (entry.live_count == limits::kLiveAttempts || has_used_tries(group, entry)) return false;
  return std::all_of(entry.live.begin(), entry.live.begin() + entry.live_count, [](const Attempt* attempt) { return attempt->overdue; });
}

void leave_live_set(Turn& turn, Attempt& attempt) {
  Group& group = *attempt.group;
  const std::uint32_t index = attempt.row.ref.task.index;
  TaskEntry& entry = get_entry(group, index);
  drop_from_live(entry, attempt);
  count_end(entry, attempt.row);
  if (!attempt.holds()) release(turn.state, attempt);
  refresh_entry(group, entry);
  tell_attempt(turn, kind_of_end(attempt.row), attempt);
  if (entry.live_count == 0 && has_used_tries(group, entry)) {
    fail_task(turn, group, index, entry, attempt);
  } else {
    if (wants_attempt(group, entry)) {
      const Duration pause = pause_after(entry, attempt.row);
      if (pause > Duration{0}) attempt.row.retry_at = turn.now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(pause);
      entry.retry_at = std::max(entry.retry_at, attempt.row.retry_at);
      enqueue(turn.state, turn.now, group, index, entry);
    } else {
      dequeue(turn.state, group, index, entry);  // it waited for one more beside those out of reach, and may have none any more
    }
    push_row(turn, attempt);
    refresh_group(turn.state, group);
  }
  settle_job(turn, *group.job);
}

void complete_task(Turn& turn, Attempt& attempt) {
  Group& group = *attempt.group;
  const std::uint32_t index = attempt.row.ref.task.index;
  TaskEntry& entry = get_entry(group, index);
  drop_from_live(entry, attempt);
  attempt.row.is_result = true;
  if (attempt.row.has_result) ++group.results;
  if (!group.answered_by.empty()) group.answered_by[index] = attempt.row.agent;
  push_row(turn, attempt);
  while (entry.live_count > 0) {
    Attempt& other = *entry.live[entry.live_count - 1u];
    end_superfluous(turn, entry, other, EndReason::superseded);
    push_row(turn, other);
  }
  release(turn.state, attempt);
  end_entered_task(turn, group, index, entry, TaskStatus::completed);
  settle_job(turn, *group.job);
}

void end_releasing(Turn& turn, Attempt& attempt, UnixMillis ended_at) {
  STINT_ASSERT(attempt.is_releasing());
  attempt.row.ended_at = ended_at;
  push_row(turn, attempt);
  release(turn.state, attempt);
  if (!attempt.group->states.is_open(attempt.row.ref.task.index)) turn.state.attempts.erase(AttemptRef{attempt.row.ref});
}

void cancel_task(Turn& turn, Group& group, std::uint32_t index, EndReason reason) {
  if (!group.states.is_open(index)) return;
  const auto at = group.entries.find(index);
  if (at != group.entries.end() && at->second.live_count > 0) {
    cancel_live_task(turn, group, index, reason);
    return;
  }
  if (at != group.entries.end()) {
    drop_entry(turn.state, group, index, at->second);
  } else {
    --group.fresh;
  }
  mark_range(turn, group, index, index, TaskStatus::cancelled, reason);
  refresh_group(turn.state, group);
}

namespace {

/// Afterwards no task of the group has an entry: live ones have ended through their attempts' rows, the others are open.
void drop_entries(Turn& turn, Group& group, EndReason reason) {
  std::vector<std::uint32_t> live;
  std::vector<std::uint32_t> waiting;
  for (const auto& [index, entry] : group.entries) (entry.live_count > 0 ? live : waiting).push_back(index);
  std::sort(live.begin(), live.end());
  for (const std::uint32_t index : live) cancel_live_task(turn, group, index, reason);
  for (const std::uint32_t index : waiting) drop_entry(turn.state, group, index, get_entry(group, index));
}

}  // namespace

void cancel_group(Turn& turn, Group& group, EndReason reason) {
  drop_entries(turn, group, reason);
  if (!group.is_sized) {
    if (group.doom == EndReason::none) group.doom = EndReason::cancelled;
    size_group(turn, group, 0);
  }
  mark_open(turn, group, TaskStatus::cancelled, reason);
}

void fail_open_tasks(Turn& turn, Group& group, EndReason reason) {
  drop_entries(turn, group, reason);
  if (!group.is_sized) size_group(turn, group, 1);
  mark_open(turn, group, TaskStatus::failed, reason);
}

void reuse_range(Turn& turn, Group& group, std::uint32_t first, std::uint32_t last) {
  group.fresh -= last - first + 1;
  mark_range(turn, group, first, last, TaskStatus::completed, EndReason::reused);
}

void note_changed(State& state, Group& group) {
  if (group.is_changed) return;
  group.is_changed = true;
  state.changed.push_back(&group);
}

void settle_job(Turn& turn, Job& job) {
  stop_at_limit_of_failures(turn, job);
  auto& changed = turn.state.changed;
  while (!changed.empty()) {
    Group& group = *changed.back();
    changed.pop_back();
    group.is_changed = false;
    finish_group(turn, group);
    for (const std::uint32_t position : group.dependants) refresh_needs(turn, *group.job->groups[position]);
  }
  if (job.open_groups == 0 && !has_ended(job.state.status)) end_job(turn, job);
}

}  // namespace stint::core
