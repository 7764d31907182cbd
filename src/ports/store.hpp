#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/model/rows.hpp"

namespace stint::ports {

/// Rows that become durable together. Numbers rise by one from Opened::last_batch + 1.
struct Batch {
  BatchNumber number;
  std::vector<core::Row> rows;
};

/// What leaves the store by itself. Zero: without limit.
struct StoreRetention {
  Duration log_age{};            ///< since the attempt ended; output of attempts that have not ended stays
  std::uint64_t log_bytes = 0;   ///< of all output together; the oldest of ended attempts goes first
  Duration event_age{};
  std::uint64_t events = 0;      ///< the newest one always stays: numbers must rise
  bool operator==(const StoreRetention&) const = default;
};

/// What one sweep took away.
struct Swept {
  std::uint64_t rows = 0;
  std::uint64_t log_bytes = 0;
  bool is_more = false;          ///< there is more to take away now
};

/// Where the scheduler's state lives. Writes go through commit, in order, mostly on the store's own thread if it has one.
///
/// Thread:  all calls and the callback on the owner's loop.
class Store {
 public:
  struct Opened {
    FencingToken token;
    BatchNumber last_batch;
  };
  /// ok: durable.  no_space: rolled back, nothing of it is there, later batches are refused with no_space too until reopen().
  /// fenced: another scheduler has taken over.  io, corrupt: the process must exit and recover; whether the batch is there is unknown.
  using Committed = std::function<void(BatchNumber, Status)>;

  virtual ~Store() = default;
  /// Takes the leadership with a token above all earlier ones, migrates.
  /// Errors:  conflict  another scheduler holds it (the detail names its process);  io, corrupt, no_space.
  [[nodiscard]] virtual Result<Opened> open(Committed committed) = 0;
  /// Every row but logs, reports and events, tables in the order of core::Row's alternatives; of a removed job its removal
  /// alone.
  [[nodiscard]] virtual Status load(const std::function<Status(const core::Row&)>& row) = 0;
  /// `committed` tells later; waits at most for a disk that was fast until now. An unknown outcome is resolved by reading the batch
  /// number: ours there -> ok, older -> again.
  virtual void commit(Batch batch) = 0;
  /// Whether commit() would have this on the disk within a moment: then it pays to prepare what is told when it is.
  [[nodiscard]] virtual bool is_prompt(const Batch& /*batch*/) const { return false; }
  using OnSwept = std::function<void(Result<Swept>)>;
  /// Takes away a little of what is beyond `keep`, and of what removed jobs have left behind: a transaction of some milliseconds, behind
  /// the batches that wait. Never blocks for the disk; `swept` tells later. One at a time.
  virtual void sweep(const StoreRetention& keep, UnixMillis now, OnSwept swept) = 0;
  /// After no_space: when there is room for a batch and a small write succeeds, commits are taken again and last_batch says from where.
  [[nodiscard]] virtual Result<Opened> reopen() = 0;
};

/// Reads of what is durable. Short: at most `limit` rows each; the daemon's memory answers what is hot.
class StoreReader {
 public:
  virtual ~StoreReader() = default;
  /// Attempt rows of a job in order of (group, index, attempt), from `from` on; only of `group`, and of `status`, if given.
  /// `results_only`: only attempts that ended their task.
  struct AttemptQuery {
    JobId job;
    std::optional<std::uint32_t> group;
    std::optional<TaskStatus> status;
    bool results_only = false;
    AttemptRef from;
    std::size_t limit = 1000;
  };
  [[nodiscard]] virtual Result<std::vector<core::AttemptRow>> attempts(const AttemptQuery& query) = 0;
  /// Chunks of one stream (0 = both, in order of arrival) from byte `offset`, at most `max_bytes` (at least one chunk if any).
  [[nodiscard]] virtual Result<std::vector<core::LogRow>> logs(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset,
                                                               std::size_t max_bytes) = 0;
  /// Durable end of each stream of an attempt.
  struct LogEnds {
    std::uint64_t out = 0;
    std::uint64_t err = 0;
  };
  [[nodiscard]] virtual Result<LogEnds> log_ends(const AttemptRef& ref) = 0;
  /// Chunks of one attempt in order of arrival, after the `after`-th; what `logs -f` follows. first = position of that chunk.
  [[nodiscard]] virtual Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> log_tail(const AttemptRef& ref, std::uint64_t after,
                                                                                             std::size_t max_bytes) = 0;
  /// The newest chunks of one attempt with their positions, in order of arrival: of each stream at most `max_bytes` and one chunk more;
  /// what is shown when a log is too long to be read. Cost does not grow with the log.
  [[nodiscard]] virtual Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> log_newest(const AttemptRef& ref,
                                                                                               std::size_t max_bytes) = 0;
  [[nodiscard]] virtual Result<std::vector<core::EventRow>> events(std::uint64_t after_seq, JobId job_or_zero, std::size_t limit) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> last_event_seq() = 0;
  [[nodiscard]] virtual Result<std::vector<core::ReportRow>> reports(const AttemptRef& ref, std::uint32_t after_seq, std::size_t limit) = 0;
  /// The last report of each of these attempts, all of one job, that has one, in their order: one query for a page of tasks.
  [[nodiscard]] virtual Result<std::vector<core::ReportRow>> last_reports(const std::vector<AttemptRef>& refs) = 0;
  [[nodiscard]] virtual Result<std::vector<core::TaskMarkRow>> marks(JobId job) = 0;
  /// Files that completed tasks left, in order of (group, index, path), from `from` on (its path excluded); only of `group` if given. What
  /// belongs to a whole entry has index core::kWholeEntry and so comes last of it.
  struct OutputQuery {
    JobId job;
    std::optional<std::uint32_t> group;
    TaskRef from;
    std::string after_path;
    std::size_t limit = 1000;
  };
  [[nodiscard]] virtual Result<std::vector<core::OutputRow>> outputs(const OutputQuery& query) = 0;
  /// Results of the tasks of one entry in order of their index, from `from_index` on.
  [[nodiscard]] virtual Result<std::vector<core::ResultRow>> results(JobId job, std::uint32_t group, std::uint32_t from_index,
                                                                     std::size_t limit) = 0;
  /// Those of `tasks`, all of one job, that have a result, in their order; the results themselves are not read.
  [[nodiscard]] virtual Result<std::vector<TaskRef>> find_with_result(const std::vector<TaskRef>& tasks) = 0;
  [[nodiscard]] virtual Result<std::optional<core::CheckpointRow>> find_checkpoint(const TaskRef& task) = 0;
  /// Those of `blobs` that an output, a checkpoint or what was prepared for an entry names.
  [[nodiscard]] virtual Result<std::vector<BlobId>> find_referenced(const std::vector<BlobId>& blobs) = 0;
};

}  // namespace stint::ports
