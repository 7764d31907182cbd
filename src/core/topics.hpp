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
[[nodiscard]] Status cancel_tasks(Turn& turn, const CancelTasks& event);

// agents.cpp
[[nodiscard]] Result<AgentNumber> register_agent(Turn& turn, const RegisterAgent& event);
[[nodiscard]] Status drain_agent(Turn& turn, const DrainAgent& event);
[[nodiscard]] Status revoke_agent(Turn& turn, const RevokeAgent& event);
void change_offer(Turn& turn, Agent& agent, const AgentOffer& offer);
void disconnect_agent(Turn& turn, Agent& agent);
/// Its attempts' leases are over, or not: joins, losses, and the next timer.
void watch_leases(Turn& turn, Agent& agent);
void set_agent_timer(State& state, Agent& agent, Instant due);

// reconcile.cpp
void connect_agent(Turn& turn, const AgentConnected& event);

// reports.cpp
void apply_report(Turn& turn, const AttemptReport& report);

// place.cpp
void place_tasks(Turn& turn);

// recovery.cpp
[[nodiscard]] Status load_row(State& state, const Row& row);
[[nodiscard]] Status finish_loading(Turn& turn);

// views.cpp, digest.cpp, check.cpp
[[nodiscard]] JobView make_view(const Job& job);
[[nodiscard]] std::optional<TaskView> make_view(const State& state, const TaskRef& task);
[[nodiscard]] AgentView make_view(const Agent& agent);
[[nodiscard]] std::string make_digest(const State& state);
[[nodiscard]] std::vector<std::string> find_broken_invariants(const State& state);

}  // namespace stint::core
