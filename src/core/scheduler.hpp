#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/effects.hpp"
#include "core/events.hpp"
#include "core/explain/explanation.hpp"
#include "core/model/rows.hpp"
#include "core/plan.hpp"
#include "core/views.hpp"

namespace stint::core {

struct State;
struct Turn;

/// The scheduler's brain: event + now -> effects. No clock, socket, disk, thread or random device; the same events give the same effects.
///
/// Order:   the caller commits `effects.rows` durably *before* it carries out `effects.sends` or tells anyone (promise 1).
/// Thread:  one thread owns it.
class Scheduler {
 public:
  Scheduler();
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;
  Scheduler& operator=(Scheduler&&) noexcept;

  /// Recovery: every row of the store in any order within a table, tables in the order of Row's alternatives; then finish_load once.
  /// Errors:  corrupt  rows that contradict each other; the detail names them.
  [[nodiscard]] Status load(const Row& row);
  /// All agents count as disconnected since `now`; leases are re-armed.
  [[nodiscard]] Status finish_load(Now now, Effects& effects);
  /// Adds an event of the daemon's own to the trail, whose numbers are the core's. `body` is a JSON object with "at" and "by".
  void add_event(std::string kind, std::string body, Now now, Effects& effects);
  /// The next event row's number: one above the store's last, since events are not loaded.
  void set_next_event_seq(std::uint64_t seq);

  /// Errors:  invalid_argument, out_of_range (find_problem's words), conflict (the idempotency key belongs to a job with another spec).
  /// The same key with the same spec gives the same job again and no effect.
  [[nodiscard]] Result<JobId> submit(SubmitJob event, Now now, Effects& effects);
  /// Errors:  not_found.  Cancelling what has ended is no error and no effect.
  /// Errors:  not_found;  conflict  the job has not ended, or completed whole: nothing is left to try again.
  [[nodiscard]] Result<JobId> retry(const RetryJob& event, Now now, Effects& effects);
  /// The answers to Prepare and Collect. Errors:  not_found, conflict  nothing of the kind is awaited;  out_of_range  too many tasks.
  [[nodiscard]] Status prepare_group(const GroupPrepared& event, Now now, Effects& effects);
  /// What was asked for cannot be had: the entry's tasks fail, and the job with them.
  [[nodiscard]] Status fail_group(JobId job, std::uint32_t group, const std::string& detail, Now now, Effects& effects);
  [[nodiscard]] Status finish_collect(JobId job, std::uint32_t group, FileRef file, Now now, Effects& effects);
  /// Places tasks of driver human on a person, in the order of priority and job; none goes to one who has had another copy of its item.
  /// Errors:  not_found  no such agent;  forbidden  it is revoked.
  [[nodiscard]] Result<std::vector<AttemptRef>> claim(const ClaimWork& event, Now now, Effects& effects);
  /// The person is at work: what `last_seen_at` says of one who has no session.
  void note_seen(AgentNumber person, Now now, Effects& effects);
  [[nodiscard]] Status cancel(const CancelTasks& event, Now now, Effects& effects);
  /// Errors:  already_exists (a name in use).
  [[nodiscard]] Result<AgentNumber> register_agent(const RegisterAgent& event, Now now, Effects& effects);
  /// Errors:  not_found.
  [[nodiscard]] Status drain_agent(const DrainAgent& event, Now now, Effects& effects);
  [[nodiscard]] Status revoke_agent(const RevokeAgent& event, Now now, Effects& effects);

  void on_agent_connected(const AgentConnected& event, Now now, Effects& effects);
  void on_agent_offer(AgentNumber agent, const AgentOffer& offer, Now now, Effects& effects);
  void on_agent_disconnected(AgentNumber agent, Now now, Effects& effects);
  /// A change of state reported by an agent (update number > 0). Always answered in effects: an Ack, and a Stop if the attempt is not live.
  void on_attempt_report(const AttemptReport& report, Now now, Effects& effects);
  void on_timer(Now now, Effects& effects);
  /// Removes at most `most` ended jobs that are beyond what shall be kept, the longest ended first; gives how many it removed.
  /// A job stays as long as an agent may still hold an attempt of it.
  std::size_t remove_ended_jobs(const JobRetention& keep, std::size_t most, Now now, Effects& effects);

  /// Places what fits now; call once per turn after all events of the turn, so that a burst is decided once.
  void place(Now now, Effects& effects);

  /// When on_timer is due; Instant::max() if never.
  [[nodiscard]] Instant next_deadline() const;

  [[nodiscard]] std::vector<JobView> jobs() const;
  /// The newest job with a smaller id that `is_wanted`.
  [[nodiscard]] std::optional<JobView> find_older_job(JobId than, const std::function<bool(const JobRow&, TaskStatus)>& is_wanted) const;
  /// No job: there is none.
  [[nodiscard]] JobId newest_job() const;
  [[nodiscard]] std::optional<JobView> find_job(JobId job) const;
  [[nodiscard]] std::optional<GroupState> find_group(JobId job, std::uint32_t group) const;
  [[nodiscard]] std::optional<TaskView> find_task(const TaskRef& task) const;
  /// Tasks of the entry of `from`, from that one on, in order, `most` at most; with `status`, those that are in it.
  [[nodiscard]] std::vector<TaskView> find_tasks(const TaskRef& from, const std::optional<TaskStatus>& status, std::size_t most) const;
  [[nodiscard]] std::vector<AgentView> agents() const;
  /// nullptr if the number was never given. Valid until the next event.
  [[nodiscard]] const AgentRow* find_agent(AgentNumber number) const;
  [[nodiscard]] const JobSpec* find_spec(JobId job) const;
  /// True if a job had this id and is gone.
  [[nodiscard]] bool was_removed(JobId job) const;
  [[nodiscard]] std::optional<AttemptRow> find_attempt(
      const AttemptRef& ref) const;  ///< live ones, and the ones of tasks that have not ended
  /// Attempts that this agent holds, in order.
  [[nodiscard]] std::vector<AttemptRef> held_by(AgentNumber agent) const;
  /// True if `ref` was given to this agent and has not been taken over in full: its output may still arrive.
  [[nodiscard]] bool may_write_log(AgentNumber agent, const AttemptRef& ref) const;
  /// Why a task is not running: per clause and per agent, with the nearest miss. For a task that runs or has ended it says that.
  [[nodiscard]] Result<Explanation> explain(const TaskRef& task, Now now) const;
  /// Why a job is not done, in one sentence, with the explanation of the first task that waits.
  [[nodiscard]] Result<Explanation> explain(JobId job, Now now) const;

  /// Where the tasks of a job would go now, and what keeps those that cannot be placed.
  /// Errors:  invalid_argument, out_of_range (find_problem).
  [[nodiscard]] Result<std::vector<PlannedEntry>> plan(const JobSpec& spec) const;
  /// Everything that a reload of the store must give again, as text (tests compare two of them).
  [[nodiscard]] std::string digest() const;
  /// Broken invariants in words; empty if all hold. Over-commit, live sets, counts, indexes against a recount.
  [[nodiscard]] std::vector<std::string> check() const;

 private:
  Turn begin(Now now, Effects& effects);

  std::unique_ptr<State> state_;
};

}  // namespace stint::core
