#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ports/store.hpp"

namespace stint::memory {

/// The tables of a cell in memory: the disk of the simulation and of unit tests. It outlives the stores that open it, as a file does.
class Tables {
 public:
  void apply(const core::Row& row);
  /// A transaction as it reaches the log: rows first, its number as the mark of the commit last. What was appended counts once it is
  /// marked.
  void append(std::vector<core::Row> rows) { appended_ = std::move(rows); }
  void mark_committed(BatchNumber number);
  /// As a database does at its start: a transaction without its mark never was.
  void recover() { appended_.clear(); }
  /// All that is beyond `keep`, at once.
  ports::Swept sweep(const ports::StoreRetention& keep, UnixMillis now);
  [[nodiscard]] Status each(const std::function<Status(const core::Row&)>& row) const;

  FencingToken token;
  BatchNumber last_batch;

 private:
  friend class MemoryReader;
  void take_over(const core::TaskMarkRow& mark);
  void remove(JobId job);
  std::uint64_t sweep_logs(const ports::StoreRetention& keep, UnixMillis now, std::uint64_t& bytes);
  std::uint64_t sweep_events(const ports::StoreRetention& keep, UnixMillis now);
  using LogKey = std::tuple<AttemptRef, std::uint8_t, std::uint64_t>;

  std::map<JobId, core::JobRow> jobs_;
  std::map<JobId, core::JobStateRow> job_states_;
  std::map<AttemptRef, core::AttemptRow> attempts_;
  std::map<std::tuple<JobId, std::uint32_t, std::uint32_t>, core::TaskMarkRow> marks_;
  std::map<AgentNumber, core::AgentRow> agents_;
  std::map<KeyEpoch, core::MasterKeyRow> keys_;
  std::map<std::string, core::MetaRow> meta_;
  std::map<core::TokenId, core::TokenRow> tokens_;
  std::map<core::EnrolTokenId, core::EnrolTokenRow> enrol_tokens_;
  std::map<std::uint64_t, core::EventRow> events_;
  std::map<LogKey, std::pair<std::uint64_t, core::LogRow>> logs_;  ///< with the order of arrival, from 1
  std::map<std::pair<AttemptRef, std::uint32_t>, core::ReportRow> reports_;
  std::map<std::pair<JobId, std::uint32_t>, core::GroupRow> groups_;
  std::map<std::pair<TaskRef, std::string>, core::OutputRow> outputs_;
  std::map<TaskRef, core::ResultRow> results_;
  std::map<TaskRef, core::CheckpointRow> checkpoints_;
  std::map<JobId, core::JobRemovalRow> removals_;
  std::uint64_t logs_arrived_ = 0;
  std::vector<core::Row> appended_;  ///< not yet marked
};

/// A store on Tables whose disk does what the test says: `commit` only queues; `finish_one` writes the oldest batch and answers.
class MemoryStore final : public ports::Store {
 public:
  enum class Fate {
    done,  ///< written and answered
    lost,  ///< neither written nor answered: the process died before
    torn,  ///< a part of it is in the log, without the mark: the process died in the middle
    unanswered,  ///< written, but nobody is told: the process died after
    no_space,  ///< not written; answered so
    io_lost,  ///< not written; answered with an error that does not say so
    io_written,  ///< written; answered with the same error
  };

  explicit MemoryStore(std::shared_ptr<Tables> tables) : tables_(std::move(tables)) {}

  Result<Opened> open(Committed committed) override;
  Status load(const std::function<Status(const core::Row&)>& row) override { return tables_->each(row); }
  void commit(ports::Batch batch) override { queue_.push_back(std::move(batch)); }
  void sweep(const ports::StoreRetention& keep, UnixMillis now, OnSwept swept) override { swept(tables_->sweep(keep, now)); }
  Result<Opened> reopen() override;

  [[nodiscard]] bool busy() const { return !queue_.empty(); }
  /// `torn_rows`: that reached the log.
  void finish_one(Fate fate = Fate::done, std::size_t torn_rows = 0);
  void finish_all() {
    while (busy()) finish_one();
  }
  void set_full(bool full) { full_ = full; }

 private:
  std::shared_ptr<Tables> tables_;
  Committed committed_;
  FencingToken token_;
  std::deque<ports::Batch> queue_;
  bool full_ = false;
  bool refusing_ = false;
};

class MemoryReader final : public ports::StoreReader {
 public:
  explicit MemoryReader(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

  Result<std::vector<core::AttemptRow>> attempts(const AttemptQuery& query) override;
  Result<std::vector<core::LogRow>> logs(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override;
  Result<LogEnds> log_ends(const AttemptRef& ref) override;
  Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> log_tail(const AttemptRef& ref, std::uint64_t after,
                                                                       std::size_t max_bytes) override;
  Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> log_newest(const AttemptRef& ref, std::size_t max_bytes) override;
  Result<std::vector<core::EventRow>> events(std::uint64_t after_seq, JobId job_or_zero, std::size_t limit) override;
  Result<std::uint64_t> last_event_seq() override;
  Result<std::vector<core::ReportRow>> reports(const AttemptRef& ref, std::uint32_t after_seq, std::size_t limit) override;
  Result<std::vector<core::ReportRow>> last_reports(const std::vector<AttemptRef>& refs) override;
  Result<std::vector<core::TaskMarkRow>> marks(JobId job) override;
  Result<std::vector<core::OutputRow>> outputs(const OutputQuery& query) override;
  Result<std::vector<core::ResultRow>> results(JobId job, std::uint32_t group, std::uint32_t from_index, std::size_t limit) override;
  Result<std::vector<TaskRef>> find_with_result(const std::vector<TaskRef>& tasks) override;
  Result<std::optional<core::CheckpointRow>> find_checkpoint(const TaskRef& task) override;
  Result<std::vector<BlobId>> find_referenced(const std::vector<BlobId>& blobs) override;

 private:
  std::shared_ptr<const Tables> tables_;
};

}  // namespace stint::memory
