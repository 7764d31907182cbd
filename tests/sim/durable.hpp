#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

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
  };

  explicit Durable(Findings& findings) : findings_(findings) {}

  void apply_batch(const std::vector<core::Row>& batch);

  [[nodiscard]] const core::JobRow* find_job(JobId id) const;
  [[nodiscard]] const core::JobRow* find_job(const std::string& idempotency_key) const;
  [[nodiscard]] const std::map<JobId, core::JobRow>& jobs() const { return jobs_; }
  [[nodiscard]] const std::map<AttemptRef, core::AttemptRow>& attempts() const { return attempts_; }
  [[nodiscard]] const std::map<TaskRef, TaskEnd>& ends() const { return ends_; }
  [[nodiscard]] const TaskEnd* find_end(const TaskRef& task) const;
  [[nodiscard]] TaskStatus state_of(JobId job) const;
  [[nodiscard]] bool all_jobs_ended() const { return open_jobs_.empty(); }
  /// `12.main.3`, for findings.
  [[nodiscard]] std::string name_of(const TaskRef& task) const;

 private:
  void apply(const core::JobRow& row);
  void apply(const core::JobStateRow& row);
  void apply(const core::AttemptRow& row);
  void apply(const core::TaskMarkRow& row);
  void apply(const core::AgentRow& row) { agents_[row.number] = row; }
  template <class Other>
  void apply(const Other& /*keys, events, output, reports, facts*/) {}

  void check_new_attempt(const core::AttemptRow& row);
  void check_change(const core::AttemptRow& before, const core::AttemptRow& row);
  void end_task(const TaskRef& task, const TaskEnd& end);
  void count_held(const core::AttemptRow& row, int sign);
  void check_batch();

  [[nodiscard]] const core::TaskSpec* find_spec(const TaskRef& task) const;
  [[nodiscard]] bool is_complete(JobId job, std::uint32_t group) const;

  Findings& findings_;
  std::map<JobId, core::JobRow> jobs_;
  std::map<std::string, JobId> by_key_;
  std::map<JobId, core::JobStateRow> job_states_;
  std::map<AttemptRef, core::AttemptRow> attempts_;
  std::map<TaskRef, TaskEnd> ends_;
  std::map<std::pair<JobId, std::uint32_t>, std::uint32_t> completed_;  ///< tasks of a group
  std::map<AgentNumber, core::AgentRow> agents_;
  std::map<AgentNumber, Resources> held_;
  std::map<TaskRef, int> live_;
  std::set<JobId> open_jobs_;
  std::set<JobId> changed_;  ///< in this batch: their state is compared with their tasks at its end
  std::vector<AttemptRef> new_results_;
};

}  // namespace stint::sim
