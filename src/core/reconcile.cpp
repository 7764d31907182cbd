// A connection begins with a comparison, both ways: what the agent holds, and what the scheduler believes it holds.
#include <algorithm>

#include "core/event_rows.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

/// Its agent is back: nobody needs to join any more.
void be_in_reach(State& state, Attempt& attempt) {
  if (!attempt.overdue) return;
  Group& group = *attempt.group;
  const std::uint32_t index = attempt.row.ref.task.index;
  TaskEntry& entry = group.entries.at(index);
  attempt.overdue = false;
  refresh_entry(group, entry);
  dequeue(state, group, index, entry);
  refresh_group(state, group);
}

void keep(Turn& turn, const Agent& agent, Attempt& attempt, TaskStatus status) {
  if (!has_ended(status)) attempt.is_recalled = false;  // if it was asked, it did not hear
  attempt.reconciled_in = turn.state.reconciliations;
  if (!attempt.row.accepted || attempt.row.instance != agent.row.instance) {
    attempt.row.accepted = true;
    attempt.row.instance = agent.row.instance;
    turn.effects.rows.emplace_back(attempt.row);
  }
  be_in_reach(turn.state, attempt);
}

Verdict judge_held(Turn& turn, const Agent& agent, const HeldAttempt& held) {
  Verdict verdict{agent.row.number, held.ref, has_ended(held.status) ? HeldVerdict::forget : HeldVerdict::stop, 0};
  const auto at = turn.state.attempts.find(held.ref);
  if (at == turn.state.attempts.end() || at->second.row.agent != agent.row.number) {
    // Given by a scheduler that died before it had written so. Its end must not be told: the name may soon be that of another attempt.
    if (held.status == TaskStatus::pending) verdict.verdict = HeldVerdict::forget;
    return verdict;
  }
  Attempt& attempt = at->second;
  verdict.acked_update = attempt.row.acked_update;
  attempt.reconciled_in = turn.state.reconciliations;
  if (attempt.row.live) {
    verdict.verdict = HeldVerdict::keep;
    keep(turn, agent, attempt, held.status);
  } else if (attempt.is_releasing() && has_ended(held.status)) {
    end_releasing(turn, attempt, turn.now.wall);
  }
  return verdict;
}

/// It never came to the agent, and does not go there again.
void take_back(Turn& turn, Attempt& attempt) {
  attempt.row.status = TaskStatus::cancelled;
  attempt.row.reason = EndReason::recalled;
  attempt.row.ended_at = turn.now.wall;
  leave_live_set(turn, attempt);
}

/// What the agent should hold and does not: lost if it had accepted it, else assigned once more.
void judge_missing(Turn& turn, const Agent& agent, Attempt& attempt, std::vector<AttemptRef>& again) {
  if (attempt.is_releasing()) {
    end_releasing(turn, attempt, turn.now.wall);
    return;
  }
  if (!attempt.row.accepted) {
    be_in_reach(turn.state, attempt);
    // Its earlier self had let it wait; this one would start it at once.
    if (agent.row.offer.prefetch == 0 && (attempt.is_queued || !agent.is_within_offer())) return take_back(turn, attempt);
    again.push_back(attempt.row.ref);
    return;
  }
  attempt.row.status = TaskStatus::failed;
  attempt.row.reason = EndReason::lost;
  attempt.row.detail = "the agent came back without it";
  attempt.row.ended_at = turn.now.wall;
  leave_live_set(turn, attempt);
}

/// Another state directory than before: nothing that the earlier one accepted can be here, whatever the list says.
bool is_of_other_instance(const Agent& agent, const State& state, const HeldAttempt& held) {
  const auto at = state.attempts.find(held.ref);
  return at != state.attempts.end() && at->second.row.accepted && at->second.row.instance != agent.row.instance;
}

std::vector<AttemptRef> missing_refs(const State& state, const Agent& agent) {
  std::vector<AttemptRef> refs;
  for (const Attempt* attempt : agent.held)
    if (attempt->reconciled_in != state.reconciliations) refs.push_back(attempt->row.ref);
  std::sort(refs.begin(), refs.end());
  return refs;
}

void clear_refusals(State& state, AgentNumber agent) {
  for (auto& [key, task_class] : state.classes)
    if (key.only) std::erase_if(task_class.refusals, [&](const Refusal& refusal) { return refusal.agent == agent; });
}

void admit(Turn& turn, Agent& agent, const AgentConnected& event) {
  agent.row.instance = event.instance;
  agent.row.key_epoch = event.key_epoch;
  agent.row.last_seen_at = turn.now.wall;
  agent.row.disconnected_at = {};
  agent.is_connected = true;
  set_agent_timer(turn.state, agent, Instant::max());
  clear_refusals(turn.state, agent.row.number);
  change_offer(turn, agent, event.offer);
  turn.effects.rows.emplace_back(agent.row);
  tell_agent(turn, "agent_connected", agent);
}

}  // namespace

void connect_agent(Turn& turn, const AgentConnected& event) {
  State& state = turn.state;
  Agent* agent = state.find_agent(event.agent);
  if (agent == nullptr || agent->row.revoked) {
    turn.effects.sends.emplace_back(CutSession{event.agent});
    return;
  }
  admit(turn, *agent, event);
  ++state.reconciliations;
  for (const HeldAttempt& held : event.held) {
    if (is_of_other_instance(*agent, state, held)) {
      turn.effects.sends.emplace_back(Verdict{event.agent, held.ref, has_ended(held.status) ? HeldVerdict::forget : HeldVerdict::stop, 0});
    } else {
      turn.effects.sends.emplace_back(judge_held(turn, *agent, held));
    }
  }
  std::vector<AttemptRef> again;
  for (const AttemptRef& ref : missing_refs(state, *agent)) {
    const auto at = state.attempts.find(ref);
    if (at != state.attempts.end() && at->second.holds()) judge_missing(turn, *agent, at->second, again);
  }
  turn.effects.sends.emplace_back(Reconciled{event.agent});
  for (const AttemptRef& ref : again) turn.effects.sends.emplace_back(Assign{event.agent, ref});
  queue_overhang(state, *agent);
  settle_queue(turn, *agent);
  watch_drain(turn, *agent);
}

}  // namespace stint::core
