// Where tasks wait: in line again after an attempt, in a group that is offered or not, in a class that some agent takes or none does.
#include <algorithm>

#include "base/assert.hpp"
#include "core/groups.hpp"
#include "core/task_life.hpp"

namespace stint::core {
namespace {

GroupKey key_of(const Group& group) { return {group.job->row.id, group.position}; }

std::pair<std::int32_t, GroupKey> claim_place(const Group& group) { return {-group.job->row.spec->priority, key_of(group)}; }

bool has_something_to_place(const Group& group) {
  if (!group.may_start || group.task_class == nullptr) return false;
  if (group.spec->max_parallel > 0 && group.active >= group.spec->max_parallel) return false;
  return group.fresh > 0 || !group.ready.empty();
}

void set_timer(State& state, Group& group) {
  const Instant due = group.delayed.empty() ? Instant::max() : group.delayed.begin()->first;
  if (due == group.timer) return;
  if (group.timer != Instant::max()) state.timers.erase({group.timer, Timer::Kind::group, {}, key_of(group)});
  group.timer = due;
  if (due != Instant::max()) state.timers.insert({due, Timer::Kind::group, {}, key_of(group)});
}

}  // namespace

std::uint32_t Group::first_fresh() const {
  // Tasks in the order of their index: those below the cursor were placed or have ended.
  std::uint32_t index = states.next_open(cursor);
  while (index < entered_end && entries.contains(index)) index = states.next_open(index + 1);
  return index;
}

std::uint64_t Group::fresh_before(std::uint32_t index) const {
  if (index <= cursor) return 0;
  const std::uint32_t open = states.count_open_before(index) - states.count_open_before(cursor);
  if (entered_end <= cursor) return open;
  // Some was entered out of turn: people take what they have not answered yet, and a reload begins anew.
  const auto is_between = [&](const auto& entry) { return entry.first >= cursor && entry.first < index; };
  return open - static_cast<std::uint64_t>(std::count_if(entries.begin(), entries.end(), is_between));
}

void refresh_group(State& state, Group& group) {
  const bool should = has_something_to_place(group);
  if (should == group.is_offered) return;
  group.is_offered = should;
  if (is_for_people(group)) {
    if (should) {
      state.claimable.emplace(claim_place(group), &group);
    } else {
      state.claimable.erase(claim_place(group));
    }
    return;
  }
  TaskClass& task_class = *group.task_class;
  if (should) {
    task_class.offered.emplace(key_of(group), &group);
  } else {
    task_class.offered.erase(key_of(group));
  }
  refresh_class(state, task_class);
}

void refresh_class(State& state, TaskClass& task_class) {
  std::optional<TurnKey> turn;
  if (!task_class.offered.empty()) turn = TurnKey{-task_class.key->priority, task_class.offered.begin()->first, task_class.number};
  if (turn == task_class.turn && task_class.is_blocked == task_class.turn_is_blocked) return;
  const auto line = [&]() -> auto& { return task_class.turn_is_blocked ? state.waiting : state.runnable; };
  if (task_class.turn) line().erase(*task_class.turn);
  task_class.turn = turn;
  task_class.turn_is_blocked = task_class.is_blocked;
  if (turn) line().emplace(*turn, &task_class);
}

void join_class(State& state, Group& group, JobId only) {
  STINT_ASSERT(group.task_class == nullptr);
  const JobSpec& spec = *group.job->row.spec;
  const auto [at, added] = state.classes.try_emplace(ClassKey{make_shape(*group.spec), spec.queue, spec.priority, only});
  TaskClass& task_class = at->second;
  if (added) {
    task_class.key = &at->first;
    task_class.number = state.next_class++;
  }
  ++task_class.groups;
  group.task_class = &task_class;
  refresh_group(state, group);
}

void leave_class(State& state, Group& group) {
  if (group.task_class == nullptr) return;
  TaskClass& task_class = *group.task_class;
  group.task_class = nullptr;
  if (group.is_offered && is_for_people(group)) {
    group.is_offered = false;
    state.claimable.erase(claim_place(group));
  } else if (group.is_offered) {
    group.is_offered = false;
    task_class.offered.erase(key_of(group));
    refresh_class(state, task_class);
  }
  if (--task_class.groups > 0) return;
  state.blocked.erase(task_class.number);
  state.classes.erase(ClassKey{*task_class.key});
}

void enqueue(State& state, Now now, Group& group, std::uint32_t index, TaskEntry& entry) {
  dequeue(state, group, index, entry);
  // A wall clock that was stepped may claim any distance; no pause is longer than the longest.
  const Duration pause = std::min<Duration>(entry.retry_at - now.wall, limits::kBackoffMax);
  if (pause <= Duration{0}) {
    entry.waiting = Waiting::ready;
    group.ready.insert(index);
  } else {
    entry.waiting = Waiting::delayed;
    entry.due = now.mono + pause;
    group.delayed.emplace(entry.due, index);
    set_timer(state, group);
  }
  refresh_group(state, group);
}

void dequeue(State& state, Group& group, std::uint32_t index, TaskEntry& entry) {
  if (entry.waiting == Waiting::no) return;
  if (entry.waiting == Waiting::ready) {
    group.ready.erase(index);
  } else {
    group.delayed.erase({entry.due, index});
    set_timer(state, group);
  }
  entry.waiting = Waiting::no;
  refresh_group(state, group);
}

void wake_delayed(State& state, Now now, Group& group) {
  while (!group.delayed.empty() && group.delayed.begin()->first <= now.mono) {
    const std::uint32_t index = group.delayed.begin()->second;
    group.delayed.erase(group.delayed.begin());
    group.entries.at(index).waiting = Waiting::ready;
    group.ready.insert(index);
  }
  set_timer(state, group);
  refresh_group(state, group);
}

void take_resources(Agent& agent, Attempt& attempt) {
  agent.used += attempt.group->spec->resources;
  attempt.is_short = attempt.group->is_short();
  if (attempt.is_short) ++agent.short_running;
}

void give_back_resources(Agent& agent, Attempt& attempt) {
  agent.used -= attempt.group->spec->resources;
  if (attempt.is_short) --agent.short_running;
  attempt.is_short = false;
}

void hold(State& state, Agent& agent, Attempt& attempt) {
  attempt.position = static_cast<std::uint32_t>(agent.held.size());
  agent.held.push_back(&attempt);
  if (attempt.is_queued) {
    join_queue(state, agent, attempt);
  } else {
    take_resources(agent, attempt);
  }
  ++attempt.group->job->holding;
  refresh_agent(state, agent);
}

void release(State& state, Attempt& attempt) {
  Agent* agent = state.find_agent(attempt.row.agent);
  STINT_ASSERT(agent != nullptr && attempt.position < agent->held.size() && agent->held[attempt.position] == &attempt);
  agent->held[attempt.position] = agent->held.back();
  agent->held[attempt.position]->position = attempt.position;
  agent->held.pop_back();
  if (attempt.is_queued) {
    leave_queue(state, *agent, attempt);
  } else {
    give_back_resources(*agent, attempt);
  }
  --attempt.group->job->holding;
  if (agent->is_within_offer()) agent->is_shrunk = false;
  refresh_agent(state, *agent);
  if (agent->takes_work()) state.freed.insert(agent->row.number);
}

void refresh_agent(State& state, Agent& agent) {
  if (agent.takes_work()) {
    state.capacity.put(agent.row.number, agent.row.offer.resources - agent.used);
  } else {
    state.capacity.remove(agent.row.number);
  }
}

}  // namespace stint::core
