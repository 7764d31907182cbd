#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace stint::sqlite {

/// When a batch is written on the thread that gives it, the owner's loop, and not on the store's own.
struct InlineLimits {
  /// A submission and its placement are four rows; of many, SQLite's own work would be worth sharing with another processor.
  std::size_t rows = 16;
  /// As long as the loop may stand still. A disk that needs longer for a flush stays with the thread.
  std::chrono::nanoseconds commit_time = std::chrono::milliseconds(2);
  /// So many commits, one after the other, must have taken no longer. A disk that is slow now and then holds up the loop once, and then
  /// not again before as many were fast.
  int fast_in_a_row = 8;
  /// Since the last commit ended. Under load the loop has better things to do than to wait for the disk: there batches gather meanwhile.
  std::chrono::nanoseconds quiet = std::chrono::milliseconds(2);
};

/// Whether the loop writes a batch itself. On an idle cell handing it to another thread and being told takes as long as the disk does.
///
/// Thread:  one at a time.
/// Source:  docs/adr/0022-a-quiet-loop-commits-itself.md
class InlineRule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit InlineRule(const InlineLimits& limits) : limits_(limits) {}

  [[nodiscard]] bool allows(std::size_t rows, Time now) const {
    return rows <= limits_.rows && fast_ >= limits_.fast_in_a_row && now - last_end_ >= limits_.quiet;
  }
  /// A commit, on whichever thread, ended.
  void on_commit(Time began, Time ended) {
    fast_ = ended - began <= limits_.commit_time ? std::min(fast_ + 1, limits_.fast_in_a_row) : 0;
    last_end_ = ended;
  }

 private:
  InlineLimits limits_;
  int fast_ = 0;
  Time last_end_{};
};

}  // namespace stint::sqlite
