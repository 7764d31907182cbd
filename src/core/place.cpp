// Who goes where, now. Classes are asked in order of their first group (priority, then job); one that no agent takes is put aside until
// capacity
// is freed that would, so a decision costs the classes and agents that can move, never the tasks that wait.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "core/event_rows.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

std::uint32_t take_next(Group& group) {
  if (!group.ready.empty()) {
    const std::uint32_t index = group.ready.first();
    group.ready.erase(index);
    group.entries.at(index).waiting = Waiting::no;
    return index;
  }
  STINT_ASSERT(group.fresh > 0);
  group.cursor = group.first_fresh();
  STINT_ASSERT(group.cursor < group.states.count());
  --group.fresh;
  return group.cursor++;
}

void mark_job_running(Turn& turn, Job& job) {
  if (job.state.status != TaskStatus::pending) return;
  job.state.status = TaskStatus::running;
  turn.effects.rows.emplace_back(job.state);
}

void block(State& state, TaskClass& task_class) {
  task_class.is_blocked = true;
  state.blocked.emplace(task_class.number, &task_class);
  refresh_class(state, task_class);
}

/// Classes that one of the freed agents would take are asked again.
void wake_classes(State& state, const std::set<AgentNumber>& freed) {
  for (auto at = state.blocked.begin(); at != state.blocked.end();) {
    TaskClass& task_class = *at->second;
    const bool fits = std::any_of(freed.begin(), freed.end(), [&](AgentNumber agent) {
      return state.capacity.fits(agent, task_class.key->shape, task_class.refusals);
    });
    ++at;
    if (!fits) continue;
    task_class.is_blocked = false;
    state.blocked.erase(task_class.number);
    refresh_class(state, task_class);
  }
}

/// Every class that agents take from is blocked afterwards, or has nothing left.
void place_runnable(Turn& turn) {
  State& state = turn.state;
  const TaskClass* walked = nullptr;
  std::optional<CapacityIndex::Walk> walk;
  while (!state.runnable.empty()) {
    TaskClass& task_class = *state.runnable.begin()->second;
    if (&task_class != walked) walk.emplace(state.capacity, task_class.key->shape, task_class.refusals);
    walked = &task_class;
    Group& group = *task_class.offered.begin()->second;
    // Every turn of this loop places a task, ends the group's offer or blocks the class.
    while (group.is_offered) {
      const std::optional<AgentNumber> agent = walk->find();
      if (!agent) {
        block(state, task_class);
        break;
      }
      place_next(turn, group, *state.find_agent(*agent), {});
      refresh_group(state, group);
    }
  }
}

}  // namespace

void place_task(Turn& turn, Group& group, std::uint32_t index, Agent& agent, const PlaceAs& as) {
  group.entered_end = std::max(group.entered_end, index + 1);
  TaskEntry& entry = group.entries[index];
  const AttemptRef ref{{group.job->row.id, group.position, index}, ++entry.attempts};
  Attempt& attempt = turn.state.attempts[ref];
  attempt.row.ref = ref;
  attempt.row.agent = agent.row.number;
  attempt.row.placed_at = turn.now.wall;
  attempt.is_queued = as.is_queued;
  if (as.lease_until > UnixMillis{}) {
    attempt.row.status = TaskStatus::running;  // nobody will say so
    attempt.row.started_at = turn.now.wall;
    attempt.row.lease_until = as.lease_until;
  }
  attempt.group = &group;
  attempt.older = entry.newest;
  entry.newest = &attempt;
  entry.live[entry.live_count++] = &attempt;
  hold(turn.state, agent, attempt);
  refresh_entry(group, entry);
  turn.effects.rows.emplace_back(attempt.row);
  turn.effects.sends.emplace_back(Assign{agent.row.number, ref});
  mark_job_running(turn, *group.job);
}

void place_next(Turn& turn, Group& group, Agent& agent, const PlaceAs& as) { place_task(turn, group, take_next(group), agent, as); }

void place_tasks(Turn& turn) {
  State& state = turn.state;
  const std::set<AgentNumber> freed = std::exchange(state.freed, {});
  for (const AgentNumber agent : freed) begin_queued(state, *state.find_agent(agent));
  wake_classes(state, freed);
  place_runnable(turn);
  for (const AgentNumber agent : freed) refill_queue(turn, *state.find_agent(agent));
  for (const AgentNumber agent : freed) recall_for(turn, *state.find_agent(agent));
  tell_ended(turn);
  state.is_settled = true;
}

}  // namespace stint::core
