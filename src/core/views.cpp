#include <algorithm>

#include "core/topics.hpp"

namespace stint::core {

JobView make_view(const Job& job) {
  JobView view{job.row, job.state, {}, {}};
  for (const auto& group : job.groups) {
    const TaskCounts& counts = group->counts;
    view.groups.push_back({group->spec->name, counts});
    view.counts.pending += counts.pending;
    view.counts.running += counts.running;
    view.counts.completed += counts.completed;
    view.counts.failed += counts.failed;
    view.counts.cancelled += counts.cancelled;
  }
  return view;
}

GroupState make_state(const Group& group) {
  return {group.counts, group.is_sized, group.is_prepared, group.has_ended, group.items, group.needs_inputs};
}

std::optional<TaskView> make_view(const State& state, const TaskRef& task) {
  const Group* group = state.find_group(task.job, task.group);
  if (group == nullptr || task.index >= group->states.count()) return std::nullopt;
  TaskView view;
  view.ref = task;
  view.id = task_id(*group->job->row.spec, task);
  view.status = group->states.status(task.index);
  const auto at = group->entries.find(task.index);
  if (at == group->entries.end()) return view;
  const TaskEntry& entry = at->second;
  if (entry.is_running) view.status = TaskStatus::running;
  view.attempts = entry.attempts;
  view.failures = entry.failures;
  if (entry.waiting == Waiting::delayed) view.retry_at = entry.retry_at;
  if (entry.live_count == 0) view.reason = entry.newest->row.reason;
  for (std::size_t i = 0; i < entry.live_count; ++i) view.live.push_back(entry.live[i]->row);
  return view;
}

namespace {

/// Running tasks are few, since agents hold them: they are found among those that were placed.
std::vector<std::uint32_t> running_from(const Group& group, std::uint32_t from) {
  std::vector<std::uint32_t> running;
  if (group.counts.running == 0) return running;
  for (const auto& [index, entry] : group.entries)
    if (entry.is_running && index >= from) running.push_back(index);
  std::sort(running.begin(), running.end());
  return running;
}

bool is_running(const Group& group, std::uint32_t index) {
  if (index >= group.entered_end) return false;
  const auto at = group.entries.find(index);
  return at != group.entries.end() && at->second.is_running;
}

/// Not for running ones.
std::uint32_t next_with(const Group& group, std::uint32_t from, const std::optional<TaskStatus>& status) {
  if (!status) return from;
  std::uint32_t index = group.states.next_with(from, *status);
  while (status == TaskStatus::pending && index < group.states.count() && is_running(group, index))
    index = group.states.next_open(index + 1);
  return index;
}

}  // namespace

std::vector<TaskView> make_views(const State& state, const TaskRef& from, const std::optional<TaskStatus>& status, std::size_t most) {
  std::vector<TaskView> views;
  const Group* group = state.find_group(from.job, from.group);
  if (group == nullptr) return views;
  const auto add = [&](std::uint32_t index) { views.push_back(*make_view(state, TaskRef{from.job, from.group, index})); };
  if (status == TaskStatus::running) {
    for (const std::uint32_t index : running_from(*group, from.index))
      if (views.size() < most) add(index);
    return views;
  }
  const std::uint32_t count = group->states.count();
  for (std::uint32_t i = next_with(*group, from.index, status); i < count && views.size() < most; i = next_with(*group, i + 1, status))
    add(i);
  return views;
}

AgentView make_view(const Agent& agent) {
  AgentView view{agent.row, agent.is_connected, agent.used, 0, 0};
  for (const Attempt* attempt : agent.held) view.live_attempts += attempt->row.live ? 1 : 0;
  for (const Attempt* attempt : agent.queue) view.waiting += attempt->row.live ? 1 : 0;
  return view;
}

}  // namespace stint::core
