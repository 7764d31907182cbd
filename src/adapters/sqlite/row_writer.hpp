#pragma once

#include <cstdint>
#include <utility>

#include "adapters/sqlite/attempt_writer.hpp"
#include "adapters/sqlite/database.hpp"
#include "core/model/rows.hpp"

namespace stint::sqlite {

/// Writes rows as upserts, so that the identical batch may be written twice.
class RowWriter {
 public:
  [[nodiscard]] static Result<RowWriter> make(Database& database);
  /// Before the first row of a batch: nothing is left of one that was rolled back.
  void begin_batch();
  [[nodiscard]] Status write(const core::Row& row);
  /// After the last row of a batch.
  [[nodiscard]] Status finish_batch() { return attempts_.finish(); }
  /// Bytes of output that are new since the last call.
  [[nodiscard]] std::int64_t take_log_bytes() { return std::exchange(log_bytes_, 0); }

 private:
  Status put(const core::JobRow& row);
  Status put(const core::JobStateRow& row);
  Status put(const core::AttemptRow& row) { return attempts_.put(row); }
  Status put(const core::TaskMarkRow& row);
  Status take_over(const core::TaskMarkRow& row);
  Status put(const core::AgentRow& row);
  Status put(const core::MasterKeyRow& row);
  Status put(const core::EventRow& row);
  Status put(const core::LogRow& row);
  Status put(const core::ReportRow& row);
  Status put(const core::MetaRow& row);
  Status put(const core::GroupRow& row);
  Status put(const core::OutputRow& row);
  Status put(const core::ResultRow& row);
  Status put(const core::CheckpointRow& row);
  Status put(const core::TokenRow& row);
  Status put(const core::EnrolTokenRow& row);
  Status put(const core::EnrolTokenRemovalRow& row);
  Status put(const core::JobRemovalRow& row);

  Statement job_, job_state_, mark_, agent_, key_, event_, log_, report_, meta_, token_, group_, output_, result_, checkpoint_;
  Statement earlier_, take_outputs_, take_results_;
  Statement removal_, drop_job_, drop_state_;
  Statement enrol_token_, drop_enrol_token_;
  AttemptWriter attempts_;
  Database* database_ = nullptr;
  std::int64_t log_bytes_ = 0;
  std::pair<JobId, std::int64_t> retried_;  ///< the job of the last mark `reused`, and the job that it tries again
};

}  // namespace stint::sqlite
