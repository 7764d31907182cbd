// Promise 4: every task that is not running can say why. The questions are asked in the order in which the scheduler would: has it ended,
// does it
// run, may it start (needs, retry, parallelism), and then each agent in turn.
#include "core/explain.hpp"

#include <algorithm>

#include "base/utc.hpp"
#include "core/explain/clauses.hpp"
#include "core/explain/remedy.hpp"
#include "core/groups.hpp"

namespace stint::core {
namespace {

struct Question {
  const State& state;
  const Group& group;
  std::uint32_t index;
  Now now;
  std::string id;
};

std::string plural(std::uint64_t number, const std::string& thing) {
  return std::to_string(number) + ' ' + thing + (number == 1 ? "" : "s");
}

std::string name_of(const State& state, AgentNumber number) {
  const Agent* agent = state.find_agent(number);
  return agent == nullptr ? "agent " + std::to_string(number.value) : agent->row.name;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

const TaskEntry* find_entry(const Question& q) {
  const auto at = q.group.entries.find(q.index);
  return at == q.group.entries.end() ? nullptr : &at->second;
}

/// Agents that have not yet let go of an attempt of this ended task.
std::vector<std::string> agents_still_holding(const Question& q) {
  std::vector<std::string> names;
  for (const auto& agent : q.state.agents) {
    if (agent == nullptr) continue;
    const auto is_ours = [&](const Attempt* attempt) { return attempt->group == &q.group && attempt->row.ref.task.index == q.index; };
    if (std::any_of(agent->held.begin(), agent->held.end(), is_ours)) names.push_back(agent->row.name);
  }
  return names;
}

Explanation explain_ended(const Question& q) {
  Explanation answer;
  const TaskStatus status = q.group.states.status(q.index);
  const std::vector<std::string> holding = agents_still_holding(q);
  answer.state = status == TaskStatus::cancelled && !holding.empty() ? "cancelling" : "ended";
  answer.summary = q.id + " has ended: " + std::string{to_string(status)};
  if (q.group.doom == EndReason::needs_failed && status == TaskStatus::cancelled)
    answer.summary += ", since a task it needs did not complete";
  if (q.group.doom == EndReason::skipped && status == TaskStatus::cancelled) answer.summary += ", since what it waited for did not happen";
  if (!holding.empty()) answer.summary += "; " + join_words(holding) + " is still ending an attempt of it";
  answer.summary += '.';
  return answer;
}

Explanation explain_claimed(const Question& q, const AttemptRow& claim) {
  Explanation answer;
  answer.state = "claimed";
  answer.summary = q.id + " is claimed by " + name_of(q.state, claim.agent) + " until " + format_utc(claim.lease_until) +
                   "; without an answer by then it goes to the next who asks.";
  return answer;
}

Explanation explain_queued(const Question& q, const Attempt& attempt) {
  const Agent& agent = *q.state.find_agent(attempt.row.agent);
  Explanation answer;
  answer.state = "placed";
  answer.ahead = static_cast<std::uint64_t>(std::find(agent.queue.begin(), agent.queue.end(), &attempt) - agent.queue.begin());
  answer.summary = q.id + " waits at " + agent.row.name + (agent.is_connected ? "" : " (out of reach)") +
                   (answer.ahead > 0 ? ", behind " + plural(answer.ahead, "task") : "") +
                   ", for a short task there to end; the agent starts it by itself.";
  return answer;
}

Explanation explain_live(const Question& q, const TaskEntry& entry) {
  if (is_for_people(q.group)) return explain_claimed(q, entry.live[0]->row);
  Explanation answer;
  answer.state = entry.is_running ? "running" : "placed";
  if (entry.live_count == 1 && entry.live[0]->is_queued) return explain_queued(q, *entry.live[0]);
  std::vector<std::string> places;
  for (std::size_t i = 0; i < entry.live_count; ++i) {
    const Agent* agent = q.state.find_agent(entry.live[i]->row.agent);
    places.push_back(agent->row.name + (agent->is_connected ? "" : " (out of reach)"));
  }
  answer.summary = q.id + (entry.is_running ? " is running on " : " is placed on ") + join_words(places) +
                   (entry.is_running ? "." : ", which has not yet said that it started.");
  if (entry.live_count > 1) answer.summary += " The first to complete counts.";
  return answer;
}

Explanation explain_needs(const Question& q) {
  Explanation answer;
  answer.state = "waits_for_needs";
  std::uint64_t open = 0;
  bool is_success = true;
  for (const Need& need : q.group.spec->needs) {
    const Group& other = *q.group.job->groups[need.group];
    if (is_met(q.group, need)) continue;
    is_success = is_success && need.on == NeedOn::success;
    answer.waits_for.push_back(std::to_string(q.group.job->row.id.value) + '.' + other.spec->name);
    open += other.open();
  }
  answer.summary = q.id + " waits for " + join_words(answer.waits_for) + (is_success ? " to complete (" : " to end (") +
                   plural(open, "task") + " to go).";
  return answer;
}

Explanation explain_preparing(const Question& q) {
  Explanation answer;
  answer.state = "preparing";
  answer.summary = q.id + " is being prepared: what it needs of earlier tasks is put together.";
  return answer;
}

Explanation explain_people(const Question& q) {
  Explanation answer;
  answer.state = "waits_for_people";
  answer.ahead = q.group.is_offered && find_entry(q) == nullptr ? q.group.fresh_before(q.index) : 0;
  answer.summary = q.id + " waits for somebody to claim it" + (answer.ahead > 0 ? ", behind " + plural(answer.ahead, "task") : "") + '.';
  answer.would_help = "somebody who claims and answers: POST /v1/work/claim with a token of scope work";
  return answer;
}

Explanation explain_retry(const Question& q, const TaskEntry& entry) {
  Explanation answer;
  answer.state = "retry_wait";
  const std::int64_t seconds = (std::max<std::int64_t>(to_ms(entry.due - q.now.mono), 0) + 999) / 1000;
  const AttemptRow& last = entry.newest->row;
  answer.summary = q.id + " is tried again in " + plural(static_cast<std::uint64_t>(seconds), "second") + ": attempt " +
                   std::to_string(last.ref.attempt) + " on " + name_of(q.state, last.agent) + " ended (" +
                   std::string{to_string(last.reason)} + ").";
  return answer;
}

Explanation explain_max_parallel(const Question& q) {
  Explanation answer;
  answer.state = "max_parallel";
  answer.summary = q.id + " waits for its turn: " + plural(q.group.active, "task") + " of " + q.group.spec->name +
                   " run at once, the job's own limit (max_parallel " + std::to_string(q.group.spec->max_parallel) + ").";
  return answer;
}

/// Tasks that could be placed now and are asked before this one: of the same queue, with a higher priority or an earlier place. Costs the
/// entries that have such tasks, not the tasks, nor the jobs that have none.
std::uint64_t count_ahead(const Question& q) {
  const GroupKey own{q.group.job->row.id, q.group.position};
  const ClassKey& own_class = *q.group.task_class->key;
  std::uint64_t ahead = 0;
  for (const auto& [key, task_class] : q.state.classes) {
    if (key.queue != own_class.queue || key.priority < own_class.priority) continue;
    const auto end = key.priority == own_class.priority ? task_class.offered.lower_bound(own) : task_class.offered.end();
    for (auto at = task_class.offered.begin(); at != end; ++at) ahead += std::uint64_t{at->second->fresh} + at->second->ready.size();
  }
  if (!q.group.is_offered) return ahead;
  if (find_entry(q) != nullptr) return ahead + q.group.ready.count_before(q.index);
  return ahead + q.group.ready.size() + q.group.fresh_before(q.index);
}

AgentSituation situation_of(const Question& q, const Agent& agent) {
  AgentSituation situation{&agent.row, agent.is_connected, agent.row.offer.resources - agent.used, agent.held.size(), nullptr};
  for (const Refusal& refusal : q.group.task_class->refusals)
    if (refusal.agent == agent.row.number) situation.refusal = &refusal.detail;
  return situation;
}

bool could_ever_fit(const AgentExplanation& agent) {
  return std::none_of(agent.clauses.begin(), agent.clauses.end(), [](const Clause& clause) { return clause.permanent; });
}

std::string describe_nearest(const Explanation& answer) {
  for (const AgentExplanation& agent : answer.agents) {
    if (agent.agent != answer.nearest || agent.clauses.empty()) continue;
    std::vector<std::string> texts;
    for (const Clause& clause : agent.clauses) texts.push_back(clause.text);
    return "; the nearest is " + agent.name + ": " + join_words(texts);
  }
  return {};
}

void ask_agents(const Question& q, Explanation& answer) {
  std::vector<Resources> offers;
  for (const auto& agent : q.state.agents) {
    if (agent == nullptr || agent->row.revoked || is_person(agent->row)) continue;
    answer.agents.push_back({agent->row.number, agent->row.name, find_clauses(q.group.task_class->key->shape, situation_of(q, *agent))});
    offers.push_back(agent->row.offer.resources);
  }
  answer.nearest = find_nearest(answer.agents, offers);
}

Explanation explain_capacity(const Question& q) {
  Explanation answer;
  answer.ahead = count_ahead(q);
  ask_agents(q, answer);
  answer.would_help = find_remedy(q.group.task_class->key->shape, answer);
  const auto could = static_cast<std::uint64_t>(std::count_if(answer.agents.begin(), answer.agents.end(), could_ever_fit));
  if (answer.agents.empty()) {
    answer.state = "no_agents";
    answer.summary = q.id + " waits: no agent has joined yet.";
  } else if (could == 0) {
    answer.state = "no_agent_fits";
    answer.summary =
        q.id + (answer.agents.size() == 1 ? " does not fit the only agent" : " fits none of the " + plural(answer.agents.size(), "agent")) +
        describe_nearest(answer) + '.';
  } else {
    answer.state = answer.ahead > 0 ? "queued_behind" : "busy";
    answer.summary = q.id + " waits for one of " + plural(could, "agent") + " that could take it" +
                     (answer.ahead > 0 ? ", behind " + plural(answer.ahead, "task") : "") + describe_nearest(answer) + '.';
  }
  return answer;
}

Explanation answer_question(const Question& q) {
  const Group& group = q.group;
  if (!group.states.is_open(q.index)) return explain_ended(q);
  const TaskEntry* entry = find_entry(q);
  if (entry != nullptr && entry->live_count > 0) return explain_live(q, *entry);
  if (group.needs_open > 0) return explain_needs(q);
  if (!group.may_start) return explain_preparing(q);
  if (entry != nullptr && entry->waiting == Waiting::delayed) return explain_retry(q, *entry);
  if (group.spec->max_parallel > 0 && group.active >= group.spec->max_parallel) return explain_max_parallel(q);
  return is_for_people(group) ? explain_people(q) : explain_capacity(q);
}

/// The entry that comes first of all that have not ended, if no task of it is open: it is not sized yet, or only its collecting is left.
const Group* find_group_without_tasks(const Job& job) {
  const auto at = std::find_if(job.groups.begin(), job.groups.end(), [](const auto& group) { return !group->has_ended; });
  return at != job.groups.end() && (*at)->open() == 0 ? at->get() : nullptr;
}

Explanation explain_group(const Group& group, Now now, const State& state) {
  const Question q{state, group, 0, now, std::to_string(group.job->row.id.value) + '.' + group.spec->name};
  if (group.needs_open > 0) return explain_needs(q);
  if (!group.is_sized) return explain_preparing(q);
  Explanation answer;
  answer.state = "collecting";
  answer.summary = q.id + " has ended; what its tasks left is put together.";
  return answer;
}

/// The task that would be placed first of all that wait.
std::optional<std::uint32_t> first_waiting(const Group& group) {
  if (!group.ready.empty()) return group.ready.first();
  if (group.fresh > 0) return group.first_fresh();
  if (!group.delayed.empty()) return group.delayed.begin()->second;
  return std::nullopt;
}

/// The first task that waits, else the first open one.
std::optional<TaskRef> first_waiting(const Job& job) {
  for (const auto& group : job.groups)
    if (const auto index = first_waiting(*group)) return TaskRef{job.row.id, group->position, *index};
  for (const auto& group : job.groups)
    if (const std::uint32_t index = group->states.next_open(0); index < group->states.count())
      return TaskRef{job.row.id, group->position, index};
  return std::nullopt;
}

std::string describe_counts(const TaskCounts& counts) {
  std::vector<std::string> parts;
  const auto add = [&](std::uint64_t number, const char* word) {
    if (number > 0) parts.push_back(std::to_string(number) + ' ' + word);
  };
  add(counts.completed, "completed");
  add(counts.failed, "failed");
  add(counts.cancelled, "cancelled");
  add(counts.running, "running");
  add(counts.pending, "pending");
  return join_words(parts);
}

}  // namespace

Result<Explanation> explain_task(const State& state, const TaskRef& task, Now now) {
  const Group* group = state.find_group(task.job, task.group);
  if (group == nullptr || task.index >= group->states.count())
    return fail(Errc::not_found, "job " + std::to_string(task.job.value) + " has no such task");
  return answer_question({state, *group, task.index, now, task_id(*group->job->row.spec, task)});
}

Result<Explanation> explain_job(const State& state, JobId id, Now now) {
  const Job* job = state.find_job(id);
  if (job == nullptr) return fail(Errc::not_found, "job " + std::to_string(id.value) + " is not known");
  TaskCounts counts;
  for (const auto& group : job->groups) {
    counts.pending += group->counts.pending;
    counts.running += group->counts.running;
    counts.completed += group->counts.completed;
    counts.failed += group->counts.failed;
    counts.cancelled += group->counts.cancelled;
  }
  const std::string head = "Job " + std::to_string(id.value) + ": " + describe_counts(counts) + " of " + plural(counts.total(), "task");
  if (const Group* group = find_group_without_tasks(*job); group != nullptr) {
    Explanation answer = explain_group(*group, now, state);
    answer.summary = head + "; " + answer.summary;
    return answer;
  }
  const std::optional<TaskRef> waiting = first_waiting(*job);
  if (!waiting) {
    Explanation answer;
    answer.state = "ended";
    answer.summary = head + (job->state.detail.empty() ? "." : "; " + job->state.detail + ".");
    return answer;
  }
  STINT_TRY(Explanation answer, explain_task(state, *waiting, now));
  answer.summary = head + "; " + answer.summary;
  return answer;
}

}  // namespace stint::core
