#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/memory/store.hpp"
#include "core/model/rows.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

/// What is durable, kept by a second and simpler program than the one under test: it reads the rows as they reach the disk and says which
/// of them may not be there. Rules about one row hold at once, rules about several hold at the end of a batch.
class Durable {
 public:
  struct TaskEnd {
    TaskStatus status = TaskStatus::completed;
    std::optional<AttemptRef> result;  ///< none: a mark ended it
    EndReason reason = EndReason::none;  ///< of the mark
  };
  using GroupKey = std::pair<JobId, std::uint32_t>;
  using OutputKey = std::pair<TaskRef, std::string>;

  explicit Durable(Findings& findings) : findings_(findings) {}

  void apply_batch(const std::vector<core::Row>& batch);
  /// Is shown each batch before it is applied.
  void watch(std::function<void(const std::vector<core::Row>& batch)> watcher) { watcher_ = std::move(watcher); }
  /// What a start of the scheduler finds on its disk is what reached it in whole batches, and all of that.
  void compare(const memory::Tables& tables);

  [[nodiscard]] const core::JobRow* find_job(JobId id) const;
  [[nodiscard]] const core::JobRow* find_job(const std::string& idempotency_key) const;
  [[nodiscard]] const std::map<JobId, core::JobRow>& jobs() const { return jobs_; }
  [[nodiscard]] const std::map<AttemptRef, core::AttemptRow>& attempts() const { return attempts_; }
  [[nodiscard]] const std::map<TaskRef, TaskEnd>& ends() const { return ends_; }
  [[nodiscard]] const core::AgentRow* find_agent(AgentNumber number) const;
  [[nodiscard]] const TaskEnd* find_end(const TaskRef& task) const;
  /// What became known of the entry after submission; nullptr: nothing.
  [[nodiscard]] const core::GroupRow* find_group(const GroupKey& group) const;
  /// Tasks of an entry; none: nobody knows yet.
  [[nodiscard]] std::optional<std::uint32_t> size_of(const GroupKey& group) const;
  [[nodiscard]] const std::map<OutputKey, core::OutputRow>& outputs() const { return outputs_; }
  [[nodiscard]] const std::map<TaskRef, core::ResultRow>& results() const { return results_; }
  [[nodiscard]] std::uint64_t removals() const { return removed_.size(); }
  [[nodiscard]] bool was_removed(JobId job) const { return removed_.contains(job); }
  [[nodiscard]] TaskStatus state_of(JobId job) const;
  [[nodiscard]] bool all_jobs_ended() const { return open_jobs_.empty(); }
  /// `12.main.3`, for findings.
  [[nodiscard]] std::string name_of(const TaskRef& task) const;

 private:
  void apply(const core::JobRow& row);
  void apply(const core::JobStateRow& row);
  void apply(const core::AttemptRow& row);
  void apply(const core::TaskMarkRow& row);
  void apply(const core::GroupRow& row);
  void apply(const core::OutputRow& row);
  void apply(const core::ResultRow& row);
  void apply(const core::AgentRow& row);
  void apply(const core::JobRemovalRow& row);
  template <class Other>
  void apply(const Other& /*keys, events, output, reports, facts*/) {}

  void check_removal(JobId job);
  void forget(JobId job);
  void compare(const core::AttemptRow& row);
  void check_new_attempt(const core::AttemptRow& row);
  void check_change(const core::AttemptRow& before, const core::AttemptRow& row);
  void end_task(const TaskRef& task, const TaskEnd& end);
  void check_room(AgentNumber number);
  void count_held(const core::AttemptRow& row, int sign);
  void check_need(const AttemptRef& ref, const core::Need& need);
  void check_person(const core::AttemptRow& row);
  void check_reused(const TaskRef& task);
  void take_over(const TaskRef& earlier, const TaskRef& task);
  void check_result(const AttemptRef& ref);
  /// What a task leaves comes with the commit that makes an attempt of it the result, or from the job that this one tries again.
  void check_left(const TaskRef& task, std::uint32_t attempt);
  void check_batch();

  [[nodiscard]] const core::TaskSpec* find_spec(const TaskRef& task) const;
  [[nodiscard]] const core::TaskSpec& spec_of(const GroupKey& group) const { return jobs_.at(group.first).spec->tasks.at(group.second); }
  [[nodiscard]] bool has_group_ended(const GroupKey& group) const;
  [[nodiscard]] bool is_whole(const GroupKey& group) const;

  Findings& findings_;
  std::function<void(const std::vector<core::Row>&)> watcher_;
  std::map<JobId, core::JobRow> jobs_;
  std::map<std::string, JobId> by_key_;
  std::map<JobId, core::JobStateRow> job_states_;
  std::map<AttemptRef, core::AttemptRow> attempts_;
  std::map<TaskRef, TaskEnd> ends_;
  struct Ended {
    std::uint32_t tasks = 0;
    std::uint32_t completed = 0;
  };
  std::map<GroupKey, Ended> ended_;
  std::map<GroupKey, core::GroupRow> groups_;
  std::map<OutputKey, core::OutputRow> outputs_;
  std::map<TaskRef, core::ResultRow> results_;
  std::map<TaskRef, AgentNumber> answered_;  ///< by people, here or in the job that this one tries again
  std::map<AgentNumber, core::AgentRow> agents_;
  std::set<AgentNumber> emptied_;  ///< that had, once, a moment by which they were to be empty
  std::map<AgentNumber, Resources> held_;
  std::map<AgentNumber, Resources> started_;  ///< by those of them that have begun
  std::set<AgentNumber> given_work_;  ///< in this batch: an offer may shrink below what is in use, and then nothing may be added
  std::map<TaskRef, int> live_;
  std::set<JobId> open_jobs_;
  std::set<JobId> removed_;
  std::set<JobId> changed_;  ///< in this batch: their state is compared with their tasks at its end
  std::vector<AttemptRef> new_results_;
  std::vector<std::pair<TaskRef, std::uint32_t>> new_left_;  ///< and the attempt that is said to have left it
};

}  // namespace stint::sim
