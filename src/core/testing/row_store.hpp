#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "core/scheduler.hpp"

/// For tests only: what a store does with the core's rows, in memory.
namespace stint::core::testing {

/// Rows by table and key, upserted as a store would; gives them again in the order in which a store loads them.
class RowStore {
 public:
  void commit(const Effects& effects) {
    for (const Row& row : effects.rows) {
      rows_.insert_or_assign(std::pair{row.index(), std::visit(KeyOf{}, row)}, row);
      if (const auto* removal = std::get_if<JobRemovalRow>(&row))
        std::erase_if(rows_, [&](const auto& item) { return std::visit(JobOf{}, item.second) == removal->job; });
    }
  }

  /// A scheduler with nothing but these rows, as after a restart.
  [[nodiscard]] Result<Scheduler> reload(Now now, Effects& effects) const {
    Scheduler scheduler;
    for (const auto& [key, row] : rows_) STINT_TRY_VOID(scheduler.load(row));
    STINT_TRY_VOID(scheduler.finish_load(now, effects));
    return scheduler;
  }

  template <class T>
  [[nodiscard]] std::size_t count() const {
    std::size_t number = 0;
    for (const auto& [key, row] : rows_) number += std::holds_alternative<T>(row) ? 1 : 0;
    return number;
  }

 private:
  struct KeyOf {
    static std::string key(const AttemptRef& ref) {
      return std::to_string(ref.task.job.value) + '/' + std::to_string(ref.task.group) + '/' + std::to_string(ref.task.index) + '/' +
             std::to_string(ref.attempt);
    }
    std::string operator()(const JobRow& row) const { return std::to_string(row.id.value); }
    std::string operator()(const JobStateRow& row) const { return std::to_string(row.job.value); }
    std::string operator()(const AttemptRow& row) const { return key(row.ref); }
    std::string operator()(const TaskMarkRow& row) const {
      return std::to_string(row.job.value) + '/' + std::to_string(row.group) + '/' + std::to_string(row.first);
    }
    std::string operator()(const AgentRow& row) const { return std::to_string(row.number.value); }
    std::string operator()(const MasterKeyRow& row) const { return std::to_string(row.epoch.value); }
    std::string operator()(const EventRow& row) const { return std::to_string(row.seq); }
    std::string operator()(const LogRow& row) const {
      return key(row.ref) + '/' + std::to_string(row.stream) + '/' + std::to_string(row.offset);
    }
    std::string operator()(const ReportRow& row) const { return key(row.ref) + '/' + std::to_string(row.seq); }
    std::string operator()(const MetaRow& row) const { return row.name; }
    std::string operator()(const GroupRow& row) const { return std::to_string(row.job.value) + '/' + std::to_string(row.group); }
    std::string operator()(const OutputRow& row) const { return key({row.task, 0}) + row.file.path; }
    std::string operator()(const ResultRow& row) const { return key({row.task, 0}); }
    std::string operator()(const CheckpointRow& row) const { return key({row.task, 0}); }
    std::string operator()(const TokenRow& row) const { return std::to_string(row.id.value); }
    std::string operator()(const EnrolTokenRow& row) const { return std::to_string(row.id.value); }
    std::string operator()(const EnrolTokenRemovalRow& row) const { return std::to_string(row.id.value); }
    std::string operator()(const JobRemovalRow& row) const { return std::to_string(row.job.value); }
  };

  /// Whose rows go with a job. Events and the removal itself stay.
  struct JobOf {
    JobId operator()(const JobRow& row) const { return row.id; }
    JobId operator()(const JobStateRow& row) const { return row.job; }
    JobId operator()(const TaskMarkRow& row) const { return row.job; }
    JobId operator()(const AttemptRow& row) const { return row.ref.task.job; }
    JobId operator()(const LogRow& row) const { return row.ref.task.job; }
    JobId operator()(const ReportRow& row) const { return row.ref.task.job; }
    JobId operator()(const GroupRow& row) const { return row.job; }
    JobId operator()(const OutputRow& row) const { return row.task.job; }
    JobId operator()(const ResultRow& row) const { return row.task.job; }
    JobId operator()(const CheckpointRow& row) const { return row.task.job; }
    template <class Other>
    JobId operator()(const Other& /*row*/) const {
      return {};
    }
  };

  std::map<std::pair<std::size_t, std::string>, Row> rows_;  ///< text order of keys: rows of a table may come in any order
};

/// The invariants hold, and a reload of the rows gives the same memory.
inline void expect_sound(const Scheduler& scheduler, const RowStore& store, Now now, const std::string& where) {
  for (const std::string& finding : scheduler.check()) ADD_FAILURE() << where << ": " << finding;
  Effects ignored;
  const Result<Scheduler> loaded = store.reload(now, ignored);
  ASSERT_TRUE(loaded) << where << ": reload: " << loaded.error().detail;
  for (const std::string& finding : loaded->check()) ADD_FAILURE() << where << ", reloaded: " << finding;
  EXPECT_EQ(scheduler.digest(), loaded->digest()) << where;
}

}  // namespace stint::core::testing
