// From rows to memory. Rows come in any order within a table, so loading only files them; finish_loading links what belongs together and
// refuses
// rows that contradict each other.
#include <algorithm>
#include <charconv>

#include "core/event_rows.hpp"
#include "core/groups.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

std::string describe(const State& state, const AttemptRef& ref) {
  const Job* job = state.find_job(ref.task.job);
  if (job != nullptr) return "attempt " + attempt_id(*job->row.spec, ref);
  return "attempt " + std::to_string(ref.attempt) + " of job " + std::to_string(ref.task.job.value);
}

tl::unexpected<Error> corrupt(std::string detail) { return fail(Errc::corrupt, std::move(detail)); }

void count_loaded(Group& group, std::uint32_t number, TaskStatus status, EndReason reason) {
  Job& job = *group.job;
  group.counts.pending -= number;
  job.open -= number;
  switch (status) {
    case TaskStatus::completed: group.counts.completed += number; break;
    case TaskStatus::failed: group.counts.failed += number, job.failed += number; break;
    default: group.counts.cancelled += number, (reason == EndReason::skipped ? group.skipped : job.cancelled) += number; break;
  }
}

struct Loader {
  State& state;

  Status operator()(const JobRow& row) {
    const std::string name = "job " + std::to_string(row.id.value);
    if (!row.id || row.id.value > limits::kJobId) return corrupt(name + ": ids are from 1 to " + std::to_string(limits::kJobId));
    if (row.spec == nullptr) return corrupt(name + " has no content");
    if (auto problem = find_problem(*row.spec)) return corrupt(name + ": " + *problem);
    if (state.find_job(row.id) != nullptr) return corrupt(name + " comes twice");
    add_job(state, row);
    return {};
  }

  Status operator()(const JobStateRow& row) {
    Job* job = state.find_job(row.job);
    if (job == nullptr) return corrupt("a state of job " + std::to_string(row.job.value) + ", which is not there");
    job->state = row;
    return {};
  }

  Status operator()(const GroupRow& row) {
    Group* group = state.find_group(row.job, row.group);
    if (group == nullptr || row.count > limits::kTasksPerArray)
      return corrupt("entry " + std::to_string(row.group) + " of job " + std::to_string(row.job.value) + " is not there, or too large");
    if (!group->is_sized && row.is_prepared) {
      group->is_sized = true;
      group->resize(row.count);
      group->job->open += row.count;
    }
    group->is_prepared = row.is_prepared;
    group->is_collected = row.is_collected;
    group->items = row.items;
    group->needs_inputs = row.needs_inputs;
    group->doom = row.doom;
    return {};
  }

  Status operator()(const AttemptRow& row) {
    const TaskRef& task = row.ref.task;
    Group* group = state.find_group(task.job, task.group);
    if (group == nullptr || task.index >= group->states.count() || row.ref.attempt == 0)
      return corrupt(describe(state, row.ref) + " is of a task that is not there");
    if (row.is_result) {
      if (row.live || !has_ended(row.status)) return corrupt(describe(state, row.ref) + " is a result, but has not ended");
      if (!group->states.is_open(task.index)) return corrupt(describe(state, row.ref) + " is the second result of its task");
      group->states.end(task.index, row.status);
      count_loaded(*group, 1, row.status, row.reason);
      if (row.has_result) ++group->results;
      if (!group->answered_by.empty() && row.status == TaskStatus::completed) group->answered_by[task.index] = row.agent;
    }
    const bool holds = row.live || row.ended_at == UnixMillis{};
    if (!holds && !group->states.is_open(task.index)) return {};
    const auto [at, added] = state.attempts.try_emplace(row.ref);
    if (!added) return corrupt(describe(state, row.ref) + " comes twice");
    at->second.row = row;
    at->second.group = group;
    return {};
  }

  Status operator()(const TaskMarkRow& row) {
    Group* group = state.find_group(row.job, row.group);
    const bool fits = group != nullptr && row.first <= row.last && row.last < group->states.count() && has_ended(row.status);
    if (!fits || group->states.next_ended(row.first) <= row.last)
      return corrupt("a mark of job " + std::to_string(row.job.value) + ", entry " + std::to_string(row.group) + ", from " +
                     std::to_string(row.first) + " to " + std::to_string(row.last) + " contradicts its tasks");
    group->states.end_range(row.first, row.last, row.status);
    count_loaded(*group, row.last - row.first + 1, row.status, row.reason);
    return {};
  }

  Status operator()(const AgentRow& row) {
    const std::string name = "agent " + std::to_string(row.number.value);
    if (!row.number || row.number.value > limits::kAgentNumber)
      return corrupt(name + ": numbers are from 1 to " + std::to_string(limits::kAgentNumber));
    if (state.find_agent(row.number) != nullptr) return corrupt(name + " comes twice");
    if (!row.revoked && !state.agent_names.emplace(row.name, row.number).second)
      return corrupt(name + ": two agents are named " + row.name);
    if (row.number.value > state.agents.size()) state.agents.resize(row.number.value);
    auto& place = state.agents[row.number.value - 1];
    place = std::make_unique<Agent>();
    place->row = row;
    return {};
  }

  Status operator()(const EventRow& row) {
    state.next_event_seq = std::max(state.next_event_seq, row.seq + 1);
    return {};
  }
  // Keys, output and reports are the daemon's.
  Status operator()(const MasterKeyRow&) { return {}; }
  Status operator()(const LogRow&) { return {}; }
  Status operator()(const ReportRow&) { return {}; }
  Status operator()(const OutputRow&) { return {}; }
  Status operator()(const ResultRow&) { return {}; }
  Status operator()(const CheckpointRow&) { return {}; }
  Status operator()(const TokenRow&) { return {}; }
  Status operator()(const EnrolTokenRow&) { return {}; }
  Status operator()(const EnrolTokenRemovalRow&) { return {}; }
  Status operator()(const MetaRow& row) {
    if (row.name != kIncarnation) return {};
    const auto [end, problem] = std::from_chars(row.value.data(), row.value.data() + row.value.size(), state.first_generation);
    if (problem != std::errc{} || end != row.value.data() + row.value.size()) return corrupt("the cell's incarnation is " + row.value);
    return {};
  }
  Status operator()(const JobRemovalRow& row) {
    const std::string name = "job " + std::to_string(row.job.value);
    if (!row.job || row.job.value > limits::kJobId) return corrupt(name + ": ids are from 1 to " + std::to_string(limits::kJobId));
    if (state.find_job(row.job) != nullptr) return corrupt(name + " was removed, and is there");
    if (row.job.value > state.jobs.size()) state.jobs.resize(row.job.value);
    return {};
  }
};

/// An attempt of an open task: adds it to its task's entry. They come in rising order.
Status link_attempt(Attempt& attempt) {
  Group& group = *attempt.group;
  const AttemptRow& row = attempt.row;
  const std::uint32_t index = row.ref.task.index;
  group.entered_end = std::max(group.entered_end, index + 1);
  TaskEntry& entry = group.entries[index];
  entry.attempts = row.ref.attempt;
  attempt.older = entry.newest;
  entry.newest = &attempt;
  entry.retry_at = std::max(entry.retry_at, row.retry_at);
  if (row.live) {
    if (entry.live_count == limits::kLiveAttempts)
      return corrupt("job " + std::to_string(row.ref.task.job.value) + " has a task with more than 3 live attempts");
    entry.live[entry.live_count++] = &attempt;
  } else {
    count_end(entry, row);
  }
  return {};
}

Status link_attempts(State& state) {
  std::vector<AttemptRef> refs;
  refs.reserve(state.attempts.size());
  for (const auto& [ref, attempt] : state.attempts) refs.push_back(ref);
  std::sort(refs.begin(), refs.end());
  for (const AttemptRef& ref : refs) {
    Attempt& attempt = state.attempts.at(ref);
    const bool is_open = attempt.group->states.is_open(ref.task.index);
    if (!is_open && attempt.row.live) return corrupt(describe(state, ref) + " is live, but its task has ended");
    if (is_open) STINT_TRY_VOID(link_attempt(attempt));
    if (attempt.holds()) {
      Agent* agent = state.find_agent(attempt.row.agent);
      if (agent == nullptr)
        return corrupt(describe(state, ref) + " is at agent " + std::to_string(attempt.row.agent.value) + ", which is not there");
      hold(state, *agent, attempt);  // whether it was queued there is found out when the agent is back (queue_overhang)
    } else if (!is_open) {
      state.attempts.erase(ref);  // its task's result came later in the table
    }
  }
  return {};
}

Status link_group(State& state, Now now, Group& group) {
  group.fresh = static_cast<std::uint32_t>(group.open() - group.entries.size());
  if (group.job->open_groups > 0) join_class(state, group, {});
  for (auto& [index, entry] : group.entries) {
    if (entry.live_count == 0 && has_used_tries(group, entry))
      return corrupt(describe(state, entry.newest->row.ref) + " was the last its task had, but none is its result");
    refresh_entry(group, entry);
    if (wants_attempt(group, entry)) enqueue(state, now, group, index, entry);
  }
  group.cursor = group.first_fresh();
  return {};
}

Status link_job(Turn& turn, Job& job) {
  job.open_groups = 0;
  for (const auto& group : job.groups) restore_group(*group);
  if ((job.open_groups == 0) != has_ended(job.state.status))
    return corrupt("job " + std::to_string(job.row.id.value) + " has " + std::to_string(job.open_groups) +
                   " open entries, but its state is " + std::string{to_string(job.state.status)});
  if (job.open_groups == 0) turn.state.ended.emplace(job.state.ended_at, job.row.id);
  note_retry(turn.state, job, 1);
  if (const JobId earlier = job.row.spec->retry_of; earlier && earlier < job.row.id)  // linked before: jobs come in the order of their ids
    for (const auto& group : job.groups)
      if (const Group* old = turn.state.find_group(earlier, group->position)) inherit_answers(*old, *group);
  for (const auto& group : job.groups) STINT_TRY_VOID(link_group(turn.state, turn.now, *group));
  for (const auto& group : job.groups) resume_group(turn, *group);
  return {};
}

void rearm(Turn& turn, Agent& agent) {
  if (agent.row.revoked) return;
  agent.is_shrunk = !agent.is_within_offer();
  agent.is_awaited = true;
  agent.disconnected_since = turn.now.mono;
  if (agent.row.disconnected_at == UnixMillis{}) {
    agent.row.disconnected_at = turn.now.wall;
    turn.effects.rows.emplace_back(agent.row);
    tell_agent(turn, "agent_disconnected", agent);
  }
  watch_leases(turn, agent);
  watch_drain(turn, agent);
}

}  // namespace

Status load_row(State& state, const Row& row) { return std::visit(Loader{state}, row); }

Status finish_loading(Turn& turn) {
  STINT_TRY_VOID(link_attempts(turn.state));
  for (const auto& job : turn.state.jobs)
    if (job != nullptr) STINT_TRY_VOID(link_job(turn, *job));
  for (const auto& agent : turn.state.agents)
    if (agent != nullptr) rearm(turn, *agent);
  return {};
}

}  // namespace stint::core
