#include "bench/scale/history.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/sqlite/store.hpp"
#include "base/random.hpp"

namespace stint::bench {
namespace {

constexpr std::uint32_t kFinishedOf = 10;
constexpr std::uint32_t kRowsOfBatch = 10'000;
constexpr UnixMillis kThen = unix_millis(1'790'000'000'000);

/// A tenth of them, in random order.
std::vector<std::uint32_t> draw_finished(std::uint32_t tasks) {
  Prng draw{1};
  std::vector<std::uint32_t> finished;
  for (std::uint32_t index = 0; index < tasks; ++index)
    if (draw.chance(1, kFinishedOf)) finished.push_back(index);
  draw.shuffle(std::span<std::uint32_t>(finished));
  return finished;
}

std::vector<core::Row> job_rows(std::uint32_t tasks) {
  core::TaskSpec task;
  task.name = "main";
  task.driver = "noop";
  task.is_array = true;
  task.array_count = tasks;
  auto spec = std::make_shared<core::JobSpec>();
  spec->tasks.push_back(std::move(task));
  core::JobRow job{JobId{1}, std::move(spec), "bench", {}, kThen};
  core::JobStateRow state;
  state.job = JobId{1};
  state.status = TaskStatus::running;
  return {job, state};
}

core::AttemptRow completed_row(std::uint32_t index, AgentNumber agent) {
  core::AttemptRow row;
  row.ref = {{JobId{1}, 0, index}, 1};
  row.agent = agent;
  row.status = TaskStatus::completed;
  row.reason = EndReason::exit;
  row.live = false;
  row.accepted = row.is_result = true;
  row.acked_update = 1;
  row.placed_at = row.started_at = row.ended_at = kThen;
  return row;
}

/// Commits batch after batch and waits for each, so that memory stays small.
class Writer {
 public:
  explicit Writer(const std::string& database)
      : store_(sqlite::make_store({database, [this](std::function<void()> work) {
                                     const std::lock_guard lock(mutex_);
                                     work();
                                     told_.notify_one();
                                   }})) {}

  Status open() {
    STINT_TRY(const auto opened, store_->open([this](BatchNumber number, Status status) {
      durable_ = number;
      outcome_ = std::move(status);
    }));
    last_ = durable_ = opened.last_batch;
    return {};
  }
  Status write(std::vector<core::Row> rows) {
    ++last_.value;
    store_->commit({last_, std::move(rows)});
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return durable_ == last_ || !outcome_; });
    return outcome_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  BatchNumber last_, durable_;
  Status outcome_;
  std::unique_ptr<ports::Store> store_;  // last: its thread is gone before what it tells
};

}  // namespace

Status write_array_history(const std::string& database, std::uint32_t tasks, AgentNumber agent) {
  Writer writer(database);
  STINT_TRY_VOID(writer.open());
  STINT_TRY_VOID(writer.write(job_rows(tasks)));
  const auto finished = draw_finished(tasks);
  for (std::size_t first = 0; first < finished.size(); first += kRowsOfBatch) {
    std::vector<core::Row> rows;
    for (std::size_t i = first; i < std::min<std::size_t>(finished.size(), first + kRowsOfBatch); ++i)
      rows.emplace_back(completed_row(finished[i], agent));
    STINT_TRY_VOID(writer.write(std::move(rows)));
  }
  return {};
}

}  // namespace stint::bench
