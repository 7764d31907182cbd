#pragma once

#include <string_view>

#include "core/state.hpp"

/// The audit trail: what happened, as rows that readers stream. Bodies are JSON objects, each with "at".
namespace stint::core {

void tell_job_submitted(Turn& turn, const Job& job);
/// `task`: the entry or task that was meant, `12.main` or `12.main.3`; empty: the whole job.
void tell_job_cancel_requested(Turn& turn, const Job& job, std::string_view task, std::string_view by);
/// group_sized: how many tasks an entry has whose items came from another.
void tell_group_sized(Turn& turn, const Group& group);
/// job_removed: retention took it away.
void tell_job_removed(Turn& turn, const Job& job);
/// attempt_failed, attempt_lost, attempt_recalled or attempt_conflict.
void tell_attempt(Turn& turn, const char* kind, const Attempt& attempt);
/// agent_registered, agent_connected, agent_disconnected, agent_draining, agent_revoked.
/// `by`: whose request it was; empty: nobody's.
void tell_agent(Turn& turn, const char* kind, const Agent& agent, std::string_view by = {});

/// Notes the end of tasks; they are told together at the end of the turn.
void note_ended(State& state, Group& group, std::uint32_t first, std::uint32_t last, TaskStatus status);
/// tasks_ended for each group and status of the turn, then job_ended for each job.
void tell_ended(Turn& turn);

}  // namespace stint::core
