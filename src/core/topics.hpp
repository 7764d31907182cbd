#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/events.hpp"
#include "core/state.hpp"

/// What Scheduler's members do, one file per topic.
namespace stint::core {

// jobs.cpp
/// Takes the job into memory: groups, needs, classes. Used by submit and by load.
Job& add_job(State& state, JobRow row);
[[nodiscard]] Result<JobId> submit_job(Turn& turn, SubmitJob event);
[[nodiscard]] Result<JobId> next_job_id(const State& state);
/// Writes the job and lets start what may.
void start_job(Turn& turn, Job& job);
[[nodiscard]] Status cancel_tasks(Turn& turn, const CancelTasks& event);

// retention.cpp
/// The job, if it is a retry, needs the one it retries: from now on (1), or no longer (-1).
void note_retry(State& state, const Job& job, int change);
std::size_t remove_ended_jobs(Turn& turn, const JobRetention& keep, std::size_t most);

// retry.cpp
[[nodiscard]] Result<JobId> retry_job(Turn& turn, const RetryJob& event);
/// Who answered in the job that this one tries again has answered here what was reused: no row says so.
void inherit_answers(const Group& old, Group& group);

// claim.cpp
void note_seen(Turn& turn, AgentNumber person);
[[nodiscard]] Result<std::vector<AttemptRef>> claim_work(Turn& turn, const ClaimWork& event);

// groups.cpp
[[nodiscard]] Status prepare_group(Turn& turn, const GroupPrepared& event);
[[nodiscard]] Status fail_group(Turn& turn, JobId job, std::uint32_t position, const std::string& detail);
[[nodiscard]] Status finish_collect(Turn& turn, JobId job, std::uint32_t position, FileRef file);

// agents.cpp
[[nodiscard]] Result<AgentNumber> register_agent(Turn& turn, const RegisterAgent& event);
[[nodiscard]] Status drain_agent(Turn& turn, const DrainAgent& event);
[[nodiscard]] Status revoke_agent(Turn& turn, const RevokeAgent& event);
void change_offer(Turn& turn, Agent& agent, const AgentOffer& offer);
void disconnect_agent(Turn& turn, Agent& agent);
/// Its attempts' leases are over, or not: joins, losses, and the next timer.
void watch_leases(Turn& turn, Agent& agent);
/// The deadline of its drain: sets the timer, or stops what runs when it has passed.
void watch_drain(Turn& turn, Agent& agent);
void set_agent_timer(State& state, Agent& agent, Instant due);

// reconcile.cpp
void connect_agent(Turn& turn, const AgentConnected& event);

// reports.cpp
void apply_report(Turn& turn, const AttemptReport& report);

// place.cpp
struct PlaceAs {
  UnixMillis lease_until{};  ///< a person's, who claimed it: it runs from now on; zero: an agent's
  bool is_queued = false;  ///< it waits there for resources
};
/// A new attempt of `index`, which waits or is fresh, at this agent.
void place_task(Turn& turn, Group& group, std::uint32_t index, Agent& agent, const PlaceAs& as);
/// Of the group's next task; it is offered.
void place_next(Turn& turn, Group& group, Agent& agent, const PlaceAs& as);
void place_tasks(Turn& turn);

// prefetch.cpp
/// How long a task of the group has run, said by its agent.
void note_run(Group& group, Duration run);
/// Queued attempts for which there is room at this agent now have its resources.
void begin_queued(State& state, Agent& agent);
/// The agent says that it has begun a queued attempt. Its word counts: others that had its resources and have not begun wait instead.
void begin_out_of_turn(State& state, Agent& agent, Attempt& attempt);
/// More is there than fits: what has not begun waits, the newest first, if the agent lets attempts wait.
void queue_overhang(State& state, Agent& agent);
/// The next tasks that would be placed here, if they are short, wait here.
void refill_queue(Turn& turn, Agent& agent);
/// This agent has room, and nobody in line that fits: others are asked to give back what waits with them.
void recall_for(Turn& turn, const Agent& idle);
/// Recalls all that waits at an agent that lets nothing wait any more, or drains.
void settle_queue(Turn& turn, Agent& agent);

// recovery.cpp
[[nodiscard]] Status load_row(State& state, const Row& row);
[[nodiscard]] Status finish_loading(Turn& turn);

// views.cpp, digest.cpp, check.cpp
[[nodiscard]] JobView make_view(const Job& job);
[[nodiscard]] GroupState make_state(const Group& group);
[[nodiscard]] std::optional<TaskView> make_view(const State& state, const TaskRef& task);
/// As Scheduler::find_tasks.
[[nodiscard]] std::vector<TaskView> make_views(const State& state, const TaskRef& from, const std::optional<TaskStatus>& status,
                                               std::size_t most);
[[nodiscard]] AgentView make_view(const Agent& agent);
[[nodiscard]] std::string make_digest(const State& state);
[[nodiscard]] std::vector<std::string> find_broken_invariants(const State& state);

}  // namespace stint::core
