// Short tasks may wait at an agent for its resources: between the end of one and the start of the next then lies no way to the scheduler
// and back. The agent starts what waits with it by itself, in the order in which it came, as far as it fits; the core follows by the same
// rule, and where the two differ the agent's word counts. What waits at one agent is recalled when another has room and nothing else to do.
#include <algorithm>

#include "base/assert.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

constexpr int kRunsRemembered = 8;  // of Group::mean_run, about

/// The queue is about to have another length, or has it now.
void unlist(State& state, const Agent& agent) {
  if (!agent.queue.empty()) state.queues.erase({agent.queue.size(), agent.row.number});
}
void list(State& state, const Agent& agent) {
  if (!agent.queue.empty()) state.queues.emplace(agent.queue.size(), agent.row.number);
}

void begin(State& state, Agent& agent, Attempt& attempt) {
  leave_queue(state, agent, attempt);
  take_resources(agent, attempt);
}

void recall(Turn& turn, Attempt& attempt) {
  attempt.is_recalled = true;
  turn.effects.sends.emplace_back(Stop{attempt.row.agent, attempt.row.ref, EndReason::superseded, StopMode::recall});
}

/// Nobody has asked its agent to end it or to give it back.
[[nodiscard]] bool is_left_alone(const Attempt& attempt) { return attempt.row.live && !attempt.is_recalled; }

/// Whose next task would be placed at this agent first, if it had room for anything; null: nobody's, as far as was looked.
TaskClass* find_first_waiting(const State& state, const Agent& agent) {
  std::size_t asked = 0;
  for (auto at = state.waiting.begin(); at != state.waiting.end() && asked < limits::kClassesAsked; ++at, ++asked) {
    TaskClass& task_class = *at->second;
    if (state.capacity.suits(agent.row.number, task_class.key->shape, task_class.refusals)) return &task_class;
  }
  return nullptr;
}

/// Asks for what `idle` could begin at once, but for not more than half of what waits: the rest begins there as soon. True: it did ask.
bool recall_half(Turn& turn, Agent& busy, const Agent& idle) {
  Resources rest = idle.row.offer.resources - idle.used;
  std::size_t left = std::min<std::size_t>((busy.queue.size() + 1) / 2, window_of(idle.row.offer) - idle.held.size());
  bool has_asked = false;
  for (auto at = busy.queue.rbegin(); at != busy.queue.rend() && left > 0; ++at) {
    Attempt& attempt = **at;
    const TaskClass* task_class = attempt.group->task_class;
    if (!is_left_alone(attempt) || task_class == nullptr || !rest.covers(task_class->key->shape.resources)) continue;
    if (!turn.state.capacity.fits(idle.row.number, task_class->key->shape, task_class->refusals)) continue;
    rest -= task_class->key->shape.resources;
    recall(turn, attempt);
    has_asked = true;
    --left;
  }
  return has_asked;
}

}  // namespace

void join_queue(State& state, Agent& agent, Attempt& attempt) {
  attempt.is_queued = true;
  unlist(state, agent);
  agent.queue.push_back(&attempt);
  list(state, agent);
}

void leave_queue(State& state, Agent& agent, Attempt& attempt) {
  const auto at = std::find(agent.queue.begin(), agent.queue.end(), &attempt);
  STINT_ASSERT(at != agent.queue.end());
  unlist(state, agent);
  agent.queue.erase(at);
  list(state, agent);
  attempt.is_queued = false;
  attempt.is_recalled = false;
}

void note_run(Group& group, Duration run) {
  run = std::max(run, Duration{0});
  group.mean_run = group.mean_run ? *group.mean_run + (run - *group.mean_run) / kRunsRemembered : run;
}

void begin_queued(State& state, Agent& agent) {
  bool has_begun = false;
  for (std::size_t i = 0; i < agent.queue.size();) {
    Attempt& attempt = *agent.queue[i];
    const Resources free = agent.row.offer.resources - agent.used;
    if (is_left_alone(attempt) && free.covers(attempt.group->spec->resources)) {
      begin(state, agent, attempt);
      has_begun = true;
    } else {
      ++i;
    }
  }
  if (has_begun) refresh_agent(state, agent);
}

void begin_out_of_turn(State& state, Agent& agent, Attempt& attempt) {
  begin(state, agent, attempt);
  queue_overhang(state, agent);
}

void queue_overhang(State& state, Agent& agent) {
  const auto fits = [&] { return agent.row.offer.resources.covers(agent.used); };
  if (agent.row.offer.prefetch > 0) {
    for (auto at = agent.held.rbegin(); at != agent.held.rend() && !fits(); ++at) {
      Attempt& attempt = **at;
      if (attempt.is_queued || !attempt.row.live || attempt.row.status != TaskStatus::pending) continue;
      give_back_resources(agent, attempt);
      join_queue(state, agent, attempt);
    }
  }
  agent.is_shrunk = !agent.is_within_offer();
  refresh_agent(state, agent);
  if (agent.takes_work()) state.freed.insert(agent.row.number);  // the last one may have given back more than was missing
}

void refill_queue(Turn& turn, Agent& agent) {
  while (agent.queue_places() > 0) {
    TaskClass* first = find_first_waiting(turn.state, agent);
    if (first == nullptr) return;
    Group& group = *first->offered.begin()->second;
    if (!group.is_short()) return;  // it shall have what becomes free
    place_next(turn, group, agent, {.is_queued = true});
    refresh_group(turn.state, group);
  }
}

void recall_for(Turn& turn, const Agent& idle) {
  State& state = turn.state;
  if (state.queues.empty() || !idle.takes_work()) return;
  std::size_t asked = 0;
  for (auto at = state.queues.rbegin(); at != state.queues.rend() && asked < limits::kQueuesAsked; ++at, ++asked) {
    Agent& busy = *state.find_agent(at->second);
    if (&busy != &idle && busy.is_connected && recall_half(turn, busy, idle)) return;
  }
}

void settle_queue(Turn& turn, Agent& agent) {
  if (!agent.is_connected || (agent.row.offer.prefetch > 0 && !agent.row.draining)) return;
  for (Attempt* attempt : agent.queue)
    if (is_left_alone(*attempt)) recall(turn, *attempt);
}

}  // namespace stint::core
