#include "bench/dispatch/store_alone.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/sqlite/store.hpp"
#include "bench/cell/folder.hpp"

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kStoreBatch = 4096;  ///< tasks per commit
constexpr std::uint32_t kAlikeEnds = 1000;   ///< tasks that end in the same millisecond: so many `noop` tasks an agent ends in one turn

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class StoreAlone {
 public:
  explicit StoreAlone(Ends ends) : ends_(ends) {}
  Result<double> run(std::uint32_t tasks) {
    STINT_TRY(const auto folder, Folder::make());
    return write_all((folder.path() / "state.db").string(), tasks);
  }

 private:
  Result<double> write_all(const std::string& path, std::uint32_t tasks) {
    auto store = sqlite::make_store({path, [this](std::function<void()> work) {
                                       const std::lock_guard lock(mutex_);
                                       work();
                                       wake_.notify_one();
                                     }});
    STINT_TRY(const auto opened, store->open([this](BatchNumber number, Status status) {
      written_ = number.value;
      if (!status) problem_ = status.error().detail;
    }));
    const auto start = Clock::now();
    std::uint64_t batch = opened.last_batch.value;
    for (std::uint32_t first = 0; first < tasks; first += kStoreBatch)
      for (const bool ended : {false, true})
        store->commit({BatchNumber{++batch}, rows(first, std::min(tasks, first + kStoreBatch), ended)});
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return written_ == batch; });
    if (!problem_.empty()) return fail(Errc::io, problem_);
    return seconds_since(start);
  }

  [[nodiscard]] std::vector<core::Row> rows(std::uint32_t first, std::uint32_t end, bool ended) const {
    std::vector<core::Row> made;
    made.reserve(end - first);
    const std::uint32_t per_ms = ends_ == Ends::alike ? kAlikeEnds : 1;
    for (std::uint32_t i = first; i < end; ++i) {
      core::AttemptRow row;
      row.ref = {{JobId{1}, 0, i}, 1};
      row.agent = AgentNumber{1};
      row.placed_at = row.started_at = unix_millis(1'700'000'000'000);
      if (ended) {
        row.status = TaskStatus::completed;
        row.reason = EndReason::exit;
        row.live = false;
        row.accepted = row.is_result = true;
        row.started_at = row.ended_at = row.placed_at + std::chrono::milliseconds(i / per_ms);
      }
      made.emplace_back(std::move(row));
    }
    return made;
  }

  Ends ends_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::uint64_t written_ = 0;
  std::string problem_;
};

}  // namespace

Result<double> time_store_alone(std::uint32_t tasks, Ends ends) { return StoreAlone(ends).run(tasks); }

}  // namespace stint::bench
