#pragma once

#include "core/state.hpp"

/// The steps every topic is made of: a task waits, is placed, its attempts leave the live set, it ends, and what that means for its job.
namespace stint::core {

/// Where a class finds what to place: puts the group in or out of its class, and the class in or out of the run.
void refresh_group(State& state, Group& group);
void refresh_class(State& state, TaskClass& task_class);
void join_class(State& state, Group& group, JobId only);
void leave_class(State& state, Group& group);

/// Moves what is due from the delayed to the ready.
void wake_delayed(State& state, Now now, Group& group);

/// Recounts what an entry means for its group after its live set or an attempt's status changed.
void refresh_entry(Group& group, TaskEntry& entry);
/// Puts an open task in line again, at once or at entry.retry_at.
void enqueue(State& state, Now now, Group& group, std::uint32_t index, TaskEntry& entry);
void dequeue(State& state, Group& group, std::uint32_t index, TaskEntry& entry);
/// Its failures or losses are more than it may have.
[[nodiscard]] bool has_used_tries(const Group& group, const TaskEntry& entry);
/// True if the task should have one more attempt: none is live, or none of the live ones is within reach.
[[nodiscard]] bool wants_attempt(const Group& group, const TaskEntry& entry);

/// The attempt takes its place at the agent, with its resources or, if `is_queued`, in the agent's queue; and gives it back.
void hold(State& state, Agent& agent, Attempt& attempt);
void release(State& state, Attempt& attempt);
/// The two halves of that, for one that changes from one to the other.
void take_resources(Agent& agent, Attempt& attempt);
void give_back_resources(Agent& agent, Attempt& attempt);
void join_queue(State& state, Agent& agent, Attempt& attempt);
void leave_queue(State& state, Agent& agent, Attempt& attempt);
/// After connected, draining, offer or window changed.
void refresh_agent(State& state, Agent& agent);

/// A live attempt leaves the set without a result: failed, lost, refused or given up. Decides about a retry when the set is empty.
/// `row.status` and `row.reason` are set; `row.ended_at` zero means that it goes on holding. Writes its row.
void leave_live_set(Turn& turn, Attempt& attempt);
/// The attempt is the task's result: the same batch ends the others. `row` is filled; writes it.
void complete_task(Turn& turn, Attempt& attempt);

/// The agent has let go of an attempt that only held its resources; `row` is filled but for `ended_at`. Writes its row.
/// The attempt may be gone afterwards.
void end_releasing(Turn& turn, Attempt& attempt, UnixMillis ended_at);

/// Ends every open task of the group: live ones through their attempts' rows, the others through marks. A group whose size is not known
/// gets none.
void cancel_group(Turn& turn, Group& group, EndReason reason);
/// Ends every open task of a group that cannot go on: those with live attempts as cancelled, the others as failed. A group whose size is
/// not known gets one.
void fail_open_tasks(Turn& turn, Group& group, EndReason reason);
/// Ends fresh tasks `first … last` as completed: they did in the job that this one tries again.
void reuse_range(Turn& turn, Group& group, std::uint32_t first, std::uint32_t last);
void cancel_task(Turn& turn, Group& group, std::uint32_t index, EndReason reason);
/// Something ended in the group: settle_job looks at it.
void note_changed(State& state, Group& group);
/// The job's limit of failures, groups that have ended, what that means for those that need them, the end of the job. Last step of every
/// event that may end tasks.
void settle_job(Turn& turn, Job& job);

/// A failed attempt that costs a retry. Losses and refusals do not.
[[nodiscard]] bool counts_as_failure(const AttemptRow& row);
/// Adds an attempt that left the live set without a result to its task's failures or reschedules. A refusal is neither: nothing was tried,
/// and who refused is not asked again. Nor is what was recalled before it began.
void count_end(TaskEntry& entry, const AttemptRow& row);
/// Asks the agent to end the attempt. It is told one of two reasons, whatever the row says: cancelled, or superseded by another attempt.
[[nodiscard]] Stop make_stop(AgentNumber agent, const AttemptRef& ref, EndReason reason);
/// The pause before the n-th further try (n from 1).
[[nodiscard]] Duration backoff(std::uint32_t n);

}  // namespace stint::core
