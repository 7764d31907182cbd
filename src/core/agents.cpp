// Agents come, change and go. What their silence means for their attempts is the task's disconnect policy.
#include <algorithm>

#include "core/event_rows.hpp"
#include "core/groups.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

Status find_usable(const State& state, AgentNumber number, Agent*& agent) {
  agent = state.find_agent(number);
  if (agent == nullptr) return fail(Errc::not_found, "agent " + std::to_string(number.value) + " is not known");
  return {};
}

/// The attempt leaves the live set because its agent is out of reach; the agent may still have it, so it goes on holding.
void give_up(Turn& turn, Attempt& attempt, std::string why) {
  attempt.row.status = TaskStatus::failed;
  attempt.row.reason = EndReason::lost;
  attempt.row.detail = std::move(why);
  leave_live_set(turn, attempt);
}

/// When the policy of the attempt's task acts, counted from when the agent went; Duration::max() if it has acted.
Duration patience_of(const Agent& agent, const Attempt& attempt) {
  const TaskSpec& spec = *attempt.group->spec;
  if (is_for_people(*attempt.group)) return Duration::max();  // a claim has a lease of its own
  switch (spec.on_disconnect) {
    case DisconnectPolicy::replace: return agent.is_awaited ? limits::kLease : Duration{0};
    case DisconnectPolicy::stop_after: return spec.lost_after + limits::kLease;
    case DisconnectPolicy::keep: break;
  }
  return attempt.overdue ? Duration::max() : spec.lost_after;
}

void let_join(Turn& turn, Attempt& attempt) {
  Group& group = *attempt.group;
  const std::uint32_t index = attempt.row.ref.task.index;
  TaskEntry& entry = group.entries.at(index);
  attempt.overdue = true;
  refresh_entry(group, entry);
  if (wants_attempt(group, entry) && entry.waiting == Waiting::no) enqueue(turn.state, turn.now, group, index, entry);
  refresh_group(turn.state, group);
}

/// In the order of their ids: the order of `held` depends on what ended when.
std::vector<AttemptRef> held_refs(const Agent& agent) {
  std::vector<AttemptRef> refs;
  for (const Attempt* attempt : agent.held) refs.push_back(attempt->row.ref);
  std::sort(refs.begin(), refs.end());
  return refs;
}

/// The attempt, if it is still live: what happened to one may have ended another's task.
Attempt* find_live(State& state, const AttemptRef& ref) {
  const auto at = state.attempts.find(ref);
  return at != state.attempts.end() && at->second.row.live ? &at->second : nullptr;
}

/// Its live attempts are asked to end. They stay live until the agent says that they have: one that completes within its grace counts, the
/// others are placed elsewhere as what an agent has given up.
void stop_all(Turn& turn, const Agent& agent) {
  for (const AttemptRef& ref : held_refs(agent))
    if (find_live(turn.state, ref) != nullptr) turn.effects.sends.emplace_back(make_stop(agent.row.number, ref, EndReason::superseded));
}

}  // namespace

Result<AgentNumber> register_agent(Turn& turn, const RegisterAgent& event) {
  State& state = turn.state;
  if (!is_agent_name(event.name))
    return fail(Errc::invalid_argument, "the agent's name is \"" + event.name.substr(0, 100) +
                                            "\"; a name has 1 to 64 letters, digits, _, - or ., and is not \"tokens\"");
  if (state.agent_names.contains(event.name))
    return fail(Errc::already_exists, "an agent is named " + event.name + " already; choose another name or revoke that one");
  const AgentNumber number{state.agents.size() + 1};
  if (number.value > limits::kAgentNumber)
    return fail(Errc::out_of_range, "the cell has had " + std::to_string(limits::kAgentNumber) + " agents, the limit");
  Agent& agent = *state.agents.emplace_back(std::make_unique<Agent>());
  agent.row.number = number;
  agent.row.name = event.name;
  agent.row.generation = state.first_generation;
  agent.row.terms = event.terms;
  agent.row.public_key = event.public_key;
  agent.row.registered_at = turn.now.wall;
  agent.row.disconnected_at = turn.now.wall;
  state.agent_names.emplace(event.name, number);
  turn.effects.rows.emplace_back(agent.row);
  tell_agent(turn, "agent_registered", agent, event.by);
  return number;
}

Status drain_agent(Turn& turn, const DrainAgent& event) {
  Agent* agent = nullptr;
  STINT_TRY_VOID(find_usable(turn.state, event.agent, agent));
  UnixMillis drain_by{};
  if (event.draining && event.deadline) drain_by = turn.now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(*event.deadline);
  if (agent->row.draining == event.draining && agent->row.drain_by == drain_by) return {};
  agent->row.draining = event.draining;
  agent->row.drain_by = drain_by;
  turn.effects.rows.emplace_back(agent->row);
  tell_agent(turn, "agent_draining", *agent, event.by);
  settle_queue(turn, *agent);
  refresh_agent(turn.state, *agent);
  if (agent->takes_work()) turn.state.freed.insert(event.agent);
  watch_drain(turn, *agent);
  return {};
}

void watch_drain(Turn& turn, Agent& agent) {
  Instant due = Instant::max();
  if (agent.row.draining && agent.row.drain_by > UnixMillis{}) {
    // A wall clock that was stepped may claim any distance; no deadline is further than the furthest.
    const Duration left = std::min<Duration>(agent.row.drain_by - turn.now.wall, limits::kDrainDeadline);
    if (left > Duration{0}) {
      due = turn.now.mono + left;
    } else if (agent.is_connected) {
      stop_all(turn, agent);
    }
  }
  if (due == agent.drain_timer) return;
  if (agent.drain_timer != Instant::max()) turn.state.timers.erase({agent.drain_timer, Timer::Kind::drain, agent.row.number, {}});
  agent.drain_timer = due;
  if (due != Instant::max()) turn.state.timers.insert({due, Timer::Kind::drain, agent.row.number, {}});
}

Status revoke_agent(Turn& turn, const RevokeAgent& event) {
  State& state = turn.state;
  Agent* agent = nullptr;
  STINT_TRY_VOID(find_usable(state, event.agent, agent));
  if (agent->row.revoked) return {};
  agent->row.revoked = true;
  ++agent->row.generation;
  agent->is_connected = false;
  agent->row.last_seen_at = turn.now.wall;
  agent->row.disconnected_at = turn.now.wall;
  state.agent_names.erase(agent->row.name);
  set_agent_timer(state, *agent, Instant::max());
  refresh_agent(state, *agent);
  turn.effects.rows.emplace_back(agent->row);
  turn.effects.sends.emplace_back(CutSession{event.agent});
  tell_agent(turn, "agent_revoked", *agent, event.by);
  // Nothing it says counts any more: what it held is lost, and its capacity with it.
  for (const AttemptRef& ref : held_refs(*agent)) {
    Attempt* attempt = find_live(state, ref);
    if (attempt != nullptr) give_up(turn, *attempt, "agent " + agent->row.name + " was revoked");
  }
  for (const AttemptRef& ref : held_refs(*agent)) end_releasing(turn, state.attempts.at(ref), turn.now.wall);
  return {};
}

void change_offer(Turn& turn, Agent& agent, const AgentOffer& offer) {
  agent.row.offer = cut_to_terms(offer, agent.row.terms);
  agent.is_shrunk = !agent.is_within_offer();
  turn.state.capacity.describe(agent.row.number, agent.row.offer);
  refresh_agent(turn.state, agent);
  if (agent.takes_work()) turn.state.freed.insert(agent.row.number);
}

void disconnect_agent(Turn& turn, Agent& agent) {
  if (!agent.is_connected) return;
  agent.is_connected = false;
  agent.is_awaited = false;
  agent.disconnected_since = turn.now.mono;
  agent.row.last_seen_at = turn.now.wall;
  agent.row.disconnected_at = turn.now.wall;
  refresh_agent(turn.state, agent);
  turn.effects.rows.emplace_back(agent.row);
  tell_agent(turn, "agent_disconnected", agent);
  watch_leases(turn, agent);
}

void watch_leases(Turn& turn, Agent& agent) {
  Instant next = Instant::max();
  const Duration gone = turn.now.mono - agent.disconnected_since;
  for (const AttemptRef& ref : held_refs(agent)) {
    Attempt* attempt = find_live(turn.state, ref);
    if (attempt == nullptr) continue;
    const Duration patience = patience_of(agent, *attempt);
    if (patience == Duration::max()) continue;
    if (gone < patience) {
      next = std::min(next, agent.disconnected_since + patience);
    } else if (attempt->group->spec->on_disconnect == DisconnectPolicy::keep) {
      let_join(turn, *attempt);
    } else {
      give_up(turn, *attempt, "agent " + agent.row.name + " is out of reach");
    }
  }
  set_agent_timer(turn.state, agent, next);
}

void set_agent_timer(State& state, Agent& agent, Instant due) {
  if (due == agent.timer) return;
  if (agent.timer != Instant::max()) state.timers.erase({agent.timer, Timer::Kind::agent, agent.row.number, {}});
  agent.timer = due;
  if (due != Instant::max()) state.timers.insert({due, Timer::Kind::agent, agent.row.number, {}});
}

}  // namespace stint::core
