#include "core/event_rows.hpp"

#include <algorithm>
#include <string_view>

#include "base/utc.hpp"
#include "core/model/json_text.hpp"

namespace stint::core {
namespace {

JsonText begin_body(UnixMillis at) {
  JsonText body;
  body.begin_object().put("at", format_utc(at));
  return body;
}

std::int64_t number_of(JobId id) { return static_cast<std::int64_t>(id.value); }

void push(Turn& turn, const char* kind, JobId job, JsonText& body) {
  turn.effects.rows.emplace_back(EventRow{turn.state.next_event_seq++, turn.now.wall, kind, job, body.end_object().take()});
}

constexpr std::array<TaskStatus, 3> kEnds{TaskStatus::completed, TaskStatus::failed, TaskStatus::cancelled};
std::size_t place_of(TaskStatus status) { return static_cast<std::size_t>(status) - static_cast<std::size_t>(TaskStatus::completed); }

void tell_group(Turn& turn, Group& group) {
  for (const TaskStatus status : kEnds) {
    IndexRanges& ranges = group.ended_in_turn[place_of(status)];
    if (ranges.empty()) continue;
    const std::string indexes = ranges.take_text(group.spec->array_first, group.spec->array_step);
    JsonText body = begin_body(turn.now.wall);
    body.put("job", number_of(group.job->row.id)).put("task", group.spec->name).put("state", to_string(status));
    if (group.spec->is_array) {
      body.put("indexes", indexes);
    } else {
      body.put("indexes", nullptr);
    }
    push(turn, "tasks_ended", group.job->row.id, body);
  }
  group.is_told_in_turn = false;
}

}  // namespace

void tell_job_submitted(Turn& turn, const Job& job) {
  JsonText body = begin_body(turn.now.wall);
  body.put("job", number_of(job.row.id)).put("name", job.row.spec->name).put("queue", job.row.spec->queue);
  body.put("tasks", static_cast<std::int64_t>(job.open)).put("by", job.row.submitted_by);
  push(turn, "job_submitted", job.row.id, body);
}

void tell_job_cancel_requested(Turn& turn, const Job& job, std::string_view task, std::string_view by) {
  JsonText body = begin_body(turn.now.wall);
  body.put("job", number_of(job.row.id));
  if (task.empty()) {
    body.put("task", nullptr);
  } else {
    body.put("task", task);
  }
  body.put("by", by);
  push(turn, "job_cancel_requested", job.row.id, body);
}

void tell_group_sized(Turn& turn, const Group& group) {
  JsonText body = begin_body(turn.now.wall);
  body.put("job", number_of(group.job->row.id)).put("task", group.spec->name).put("tasks", std::int64_t{group.states.count()});
  push(turn, "group_sized", group.job->row.id, body);
}

void tell_job_removed(Turn& turn, const Job& job) {
  JsonText body = begin_body(turn.now.wall);
  body.put("job", number_of(job.row.id)).put("name", job.row.spec->name).put("ended_at", format_utc(job.state.ended_at));
  push(turn, "job_removed", job.row.id, body);
}

void tell_attempt(Turn& turn, const char* kind, const Attempt& attempt) {
  const AttemptRow& row = attempt.row;
  const Agent* agent = turn.state.find_agent(row.agent);
  JsonText body = begin_body(turn.now.wall);
  body.put("job", number_of(row.ref.task.job)).put("task", task_id(*attempt.group->job->row.spec, row.ref.task));
  body.put("attempt", std::int64_t{row.ref.attempt}).put("agent", agent != nullptr ? agent->row.name : "");
  body.put("reason", to_string(row.reason)).put("exit_code", std::int64_t{row.exit_code}).put("signal", std::int64_t{row.signal});
  body.put("detail", row.detail);
  push(turn, kind, row.ref.task.job, body);
}

void tell_agent(Turn& turn, const char* kind, const Agent& agent, std::string_view by) {
  JsonText body = begin_body(turn.now.wall);
  body.put("agent", agent.row.name).put("number", static_cast<std::int64_t>(agent.row.number.value)).put("draining", agent.row.draining);
  if (!by.empty()) body.put("by", by);
  if (agent.row.drain_by > UnixMillis{}) body.put("drain_by", format_utc(agent.row.drain_by));
  push(turn, kind, {}, body);
}

void note_ended(State& state, Group& group, std::uint32_t first, std::uint32_t last, TaskStatus status) {
  group.ended_in_turn[place_of(status)].add(first, last);
  if (group.is_told_in_turn) return;
  group.is_told_in_turn = true;
  state.told_in_turn.push_back(&group);
}

void tell_ended(Turn& turn) {
  State& state = turn.state;
  std::sort(state.told_in_turn.begin(), state.told_in_turn.end(),
            [](const Group* a, const Group* b) { return GroupKey{a->job->row.id, a->position} < GroupKey{b->job->row.id, b->position}; });
  for (Group* group : state.told_in_turn) tell_group(turn, *group);
  state.told_in_turn.clear();
  std::sort(state.ended_in_turn.begin(), state.ended_in_turn.end(), [](const Job* a, const Job* b) { return a->row.id < b->row.id; });
  for (const Job* job : state.ended_in_turn) {
    JsonText body = begin_body(turn.now.wall);
    body.put("job", number_of(job->row.id)).put("name", job->row.spec->name).put("state", to_string(job->state.status));
    body.put("reason", to_string(job->state.reason)).put("detail", job->state.detail);
    push(turn, "job_ended", job->row.id, body);
  }
  state.ended_in_turn.clear();
}

}  // namespace stint::core
