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

AgentView make_view(const Agent& agent) {
  AgentView view{agent.row, agent.is_connected, agent.used, 0};
  for (const Attempt* attempt : agent.held) view.live_attempts += attempt->row.live ? 1 : 0;
  return view;
}

}  // namespace stint::core
