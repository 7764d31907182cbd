// Counts everything again, by a simpler way than the one that keeps the counts, and says what differs. Tests run it after every event.
#include <algorithm>

#include "core/groups.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

class Findings {
 public:
  void expect(bool holds, const std::string& subject, const char* rule) {
    if (!holds) texts_.push_back(subject + ": " + rule);
  }
  std::vector<std::string> take() { return std::move(texts_); }

 private:
  std::vector<std::string> texts_;
};

std::string name_of(const Attempt& attempt) { return attempt_id(*attempt.group->job->row.spec, attempt.row.ref); }
std::string name_of(const Group& group) { return std::to_string(group.job->row.id.value) + '.' + group.spec->name; }

void check_agent(const State& state, const Agent& agent, Findings& findings) {
  const std::string& name = agent.row.name;
  Resources used;
  std::size_t queued = 0;
  std::uint32_t short_running = 0;
  for (std::size_t i = 0; i < agent.held.size(); ++i) {
    const Attempt& attempt = *agent.held[i];
    queued += attempt.is_queued ? 1 : 0;
    short_running += attempt.is_short ? 1 : 0;
    if (!attempt.is_queued) used += attempt.group->spec->resources;
    findings.expect(!attempt.is_queued || attempt.row.status != TaskStatus::running, name, "runs an attempt that is queued there");
    findings.expect(!attempt.is_queued || !attempt.is_short, name, "has an attempt that waits and counts as running");
    findings.expect(!attempt.is_recalled || attempt.is_queued, name, "is asked to give back what does not wait there");
    findings.expect(attempt.position == i && attempt.row.agent == agent.row.number, name, "holds an attempt that believes to be elsewhere");
    findings.expect(attempt.holds(), name, "holds an attempt that has let go");
  }
  for (const Attempt* attempt : agent.queue)
    findings.expect(attempt->is_queued && attempt->position < agent.held.size() && agent.held[attempt->position] == attempt, name,
                    "has in its queue what does not wait there");
  findings.expect(queued == agent.queue.size() && short_running == agent.short_running, name, "queue differs from a recount");
  findings.expect(state.queues.contains({agent.queue.size(), agent.row.number}) == !agent.queue.empty(), name,
                  "is among the agents with a queue, or not, against what it has");
  findings.expect(used == agent.used, name, "used resources differ from a recount");
  findings.expect(agent.is_shrunk || agent.row.offer.resources.covers(used), name, "over-committed");
  findings.expect(agent.is_shrunk || agent.held.size() <= window_of(agent.row.offer), name, "has more attempts than its window");
  findings.expect(state.capacity.contains(agent.row.number) == agent.takes_work(), name,
                  "is in the capacity index, or not, against what it is");
  if (agent.takes_work())
    findings.expect(state.capacity.free(agent.row.number) == agent.row.offer.resources - used, name,
                    "free capacity differs from a recount");
  const bool has_timer = agent.timer != Instant::max();
  findings.expect(state.timers.contains({agent.timer, Timer::Kind::agent, agent.row.number, {}}) == has_timer, name,
                  "timer is not in the set");
  findings.expect(!agent.is_connected || !has_timer, name, "is connected, but its leases are watched");
  const bool has_drain_timer = agent.drain_timer != Instant::max();
  findings.expect(state.timers.contains({agent.drain_timer, Timer::Kind::drain, agent.row.number, {}}) == has_drain_timer, name,
                  "drain timer is not in the set");
  findings.expect(!has_drain_timer || (agent.row.draining && agent.row.drain_by > UnixMillis{}), name, "has a drain timer without a drain");
}

void check_attempts(const State& state, Findings& findings) {
  std::uint64_t holding = 0;
  for (const auto& [ref, attempt] : state.attempts) {
    const std::string name = name_of(attempt);
    findings.expect(ref == attempt.row.ref, name, "is filed under another id");
    const bool is_open = attempt.group->states.is_open(ref.task.index);
    findings.expect(is_open || attempt.is_releasing(), name, "is kept though its task has ended and no agent has it");
    findings.expect(!attempt.row.live || !has_ended(attempt.row.status), name, "is live and has ended");
    findings.expect(!attempt.row.live || !attempt.row.is_result, name, "is live and a result");
    holding += attempt.holds() ? 1 : 0;
    if (attempt.holds() && state.find_agent(attempt.row.agent) == nullptr) findings.expect(false, name, "is at an agent that is not there");
  }
  std::uint64_t held = 0;
  for (const auto& agent : state.agents) held += agent == nullptr ? 0 : agent->held.size();
  findings.expect(holding == held, "attempts", "that hold are not those that agents have");
}

void check_entry(const Group& group, std::uint32_t index, const TaskEntry& entry, Findings& findings) {
  const std::string name = task_id(*group.job->row.spec, {group.job->row.id, group.position, index});
  findings.expect(group.states.is_open(index), name, "has ended, but has an entry");
  findings.expect(index < group.entered_end, name, "lies above the last entry");
  std::uint32_t attempts = 0;
  std::size_t live = 0;
  std::uint32_t failures = 0;
  std::uint32_t reschedules = 0;
  bool is_running = false;
  bool is_active = false;
  for (const Attempt* attempt = entry.newest; attempt != nullptr; attempt = attempt->older) {
    ++attempts;
    if (!attempt->row.live) {
      const bool is_failure = counts_as_failure(attempt->row);
      const bool is_given_back = attempt->row.reason == EndReason::refused || attempt->row.reason == EndReason::recalled;
      failures += is_failure ? 1 : 0;
      reschedules += is_failure || is_given_back ? 0 : 1;
      continue;
    }
    ++live;
    is_running = is_running || attempt->row.status == TaskStatus::running;
    is_active = is_active || !attempt->overdue;
  }
  findings.expect(attempts == entry.attempts, name, "attempts differ from a recount");
  findings.expect(live == entry.live_count && live <= limits::kLiveAttempts, name, "live set differs from a recount");
  findings.expect(failures == entry.failures && reschedules == entry.reschedules, name, "failures or reschedules differ from a recount");
  findings.expect(is_running == entry.is_running && is_active == entry.is_active, name, "its conditions differ from a recount");
  findings.expect(live > 0 || !has_used_tries(group, entry), name, "has used its retries and is open with an empty live set");
  findings.expect((entry.waiting != Waiting::no) == wants_attempt(group, entry), name, "waits, or not, against what it wants");
  findings.expect(group.ready.contains(index) == (entry.waiting == Waiting::ready), name, "is in line, or not, against what it says");
  findings.expect(group.delayed.contains({entry.due, index}) == (entry.waiting == Waiting::delayed), name,
                  "is delayed, or not, against what it says");
}

void check_group(const State& state, const Group& group, Findings& findings) {
  const std::string name = name_of(group);
  TaskCounts counts;
  for (std::uint32_t i = 0; i < group.states.count(); ++i) {
    switch (group.states.status(i)) {
      case TaskStatus::completed: ++counts.completed; break;
      case TaskStatus::failed: ++counts.failed; break;
      case TaskStatus::cancelled: ++counts.cancelled; break;
      default: ++counts.pending; break;
    }
  }
  findings.expect(group.fresh == counts.pending - group.entries.size(), name, "fresh tasks differ from a recount");
  std::uint32_t active = 0;
  for (const auto& [index, entry] : group.entries) {
    check_entry(group, index, entry, findings);
    active += entry.is_active ? 1 : 0;
    if (entry.is_running) --counts.pending, ++counts.running;
  }
  findings.expect(counts == group.counts, name, "counts differ from a recount");
  findings.expect(active == group.active, name, "active tasks differ from a recount");
  const bool is_open = !group.has_ended && group.doom == EndReason::none;
  const bool is_awaited = group.awaited != Awaited::nothing;
  findings.expect(!is_open || count_open_needs(group) == group.needs_open, name, "needs differ from a recount");
  findings.expect(group.doom == EndReason::none || (group.is_sized && group.open() == 0), name, "will never start, but has open tasks");
  findings.expect(!group.may_start || group.needs_open == 0, name, "may start, but a need is not met");
  findings.expect(group.has_ended || is_awaited || group.may_start || group.needs_open > 0, name, "waits for nothing, but may not start");
  findings.expect(!group.has_ended || (group.is_sized && group.open() == 0), name, "has ended with open tasks");
  findings.expect(group.has_ended || !group.is_sized || group.open() > 0 || is_awaited, name, "has no open task, but has not ended");
  findings.expect(group.awaited != Awaited::collection || (wants_collect(group) && group.open() == 0), name,
                  "is collected before all its tasks have ended");
  const bool has_timer = group.timer != Instant::max();
  findings.expect(has_timer == !group.delayed.empty(), name, "delayed tasks without a timer");
  findings.expect(state.timers.contains({group.timer, Timer::Kind::group, {}, {group.job->row.id, group.position}}) == has_timer, name,
                  "timer is not in the set");
}

void check_offer(const State& state, const Group& group, Findings& findings) {
  const bool may_start = group.may_start && (group.spec->max_parallel == 0 || group.active < group.spec->max_parallel);
  const bool should = may_start && group.task_class != nullptr && (group.fresh > 0 || !group.ready.empty());
  findings.expect(should == group.is_offered, name_of(group), "is offered, or not, against what it has");
  if (group.task_class == nullptr) return;
  if (is_for_people(group)) {
    const auto place = std::pair{-group.job->row.spec->priority, GroupKey{group.job->row.id, group.position}};
    findings.expect(state.claimable.contains(place) == group.is_offered, name_of(group), "is not where people look");
    return;
  }
  const auto& offered = group.task_class->offered;
  findings.expect(offered.contains({group.job->row.id, group.position}) == group.is_offered, name_of(group),
                  "is not where its class looks");
  if (!state.is_settled || !group.is_offered) return;
  for (const auto& agent : state.agents)
    if (agent != nullptr)
      findings.expect(!state.capacity.fits(agent->row.number, group.task_class->key->shape, group.task_class->refusals), name_of(group),
                      "lost wake-up: it has something to place and an agent would take it");
}

void check_job(const State& state, const Job& job, Findings& findings) {
  const std::string name = "job " + std::to_string(job.row.id.value);
  TaskCounts sum;
  std::uint32_t open_groups = 0;
  for (const auto& group : job.groups) {
    check_group(state, *group, findings);
    check_offer(state, *group, findings);
    sum.pending += group->open();
    sum.failed += group->counts.failed;
    sum.cancelled += group->counts.cancelled - group->skipped;
    open_groups += group->has_ended ? 0 : 1;
  }
  findings.expect(open_groups == job.open_groups, name, "open entries differ from a recount");
  findings.expect(sum.pending == job.open && sum.failed == job.failed && sum.cancelled == job.cancelled, name,
                  "counts differ from a recount");
  findings.expect((job.open_groups == 0) == has_ended(job.state.status), name, "its state contradicts its tasks");
  findings.expect(job.row.spec->max_fails == 0 || job.failed < job.row.spec->max_fails || job.open == 0, name,
                  "goes on over its limit of failures");
}

void check_retention(const State& state, Findings& findings) {
  std::size_t ended = 0;
  std::uint64_t holding = 0;
  for (const auto& job : state.jobs) {
    if (job == nullptr) continue;
    holding += job->holding;
    if (!has_ended(job->state.status)) continue;
    ++ended;
    findings.expect(state.ended.contains({job->state.ended_at, job->row.id}), "job " + std::to_string(job->row.id.value),
                    "has ended, and retention does not know");
  }
  findings.expect(ended == state.ended.size(), "retention", "knows of jobs that have not ended");
  std::uint64_t held = 0;
  for (const auto& agent : state.agents) held += agent == nullptr ? 0 : agent->held.size();
  findings.expect(holding == held, "jobs", "count other holding attempts than agents");
}

void check_classes(const State& state, Findings& findings) {
  std::size_t runnable = 0;
  std::size_t waiting = 0;
  for (const auto& [key, task_class] : state.classes) {
    const std::string name = "class " + std::to_string(task_class.number);
    const bool should_run = !task_class.offered.empty() && !task_class.is_blocked;
    findings.expect(!task_class.offered.empty() == task_class.turn.has_value(), name, "has a turn, or none, against what it has");
    if (task_class.turn)
      findings.expect((task_class.is_blocked ? state.waiting : state.runnable).contains(*task_class.turn), name, "is not in its line");
    waiting += !task_class.offered.empty() && task_class.is_blocked ? 1 : 0;
    findings.expect(state.blocked.contains(task_class.number) == task_class.is_blocked, name, "is not among the blocked");
    runnable += should_run ? 1 : 0;
  }
  findings.expect(runnable == state.runnable.size() && waiting == state.waiting.size(), "classes", "in line are more than there are");
}

}  // namespace

std::vector<std::string> find_broken_invariants(const State& state) {
  Findings findings;
  for (const auto& agent : state.agents)
    if (agent != nullptr) check_agent(state, *agent, findings);
  check_attempts(state, findings);
  for (const auto& job : state.jobs)
    if (job != nullptr) check_job(state, *job, findings);
  check_classes(state, findings);
  check_retention(state, findings);
  return findings.take();
}

}  // namespace stint::core
