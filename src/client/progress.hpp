#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "client/views.hpp"

namespace stint::client {

/// How fast tasks end and when the last one will.
///
/// Tasks that run together end together, so that a window of fixed length sees either a burst or nothing. The rate is taken over the last
/// half minute, and further back until as many tasks have ended as two times those that run at once (at least eight).
class RateMeter {
 public:
  void add(std::uint64_t ended, Instant now, std::uint64_t running = 0);
  /// Tasks per second; nothing until two moments at least a second apart are known.
  [[nodiscard]] std::optional<double> per_second() const;
  /// Nothing if the rate is unknown or zero.
  [[nodiscard]] std::optional<Duration> time_left(std::uint64_t open) const;
  /// Tasks per second between neighbouring moments, oldest first: a curve.
  [[nodiscard]] std::vector<double> history() const;

 private:
  struct Sample {
    Instant at;
    std::uint64_t ended;
  };
  std::deque<Sample> samples_;
  std::uint64_t running_ = 0;
};

/// `5.0/s`, `12/min`, `3.5/h`.
[[nodiscard]] std::string show_rate(double per_second);
/// `49/100 · 3 running · 1 failed`.
[[nodiscard]] std::string show_standing(const TaskCounts& tasks);

/// The live view of a job: one line with a bar for each of its entries, one for the whole if it has several.
/// `width` is the terminal's; no line is longer. `blocked` (why nothing runs) is shown when it is not empty.
[[nodiscard]] std::vector<std::string> show_progress(const JobView& job, const RateMeter& meter, const std::string& blocked,
                                                     std::size_t width);

/// The same for a pipe: `job 12: 3 running, 5 of 100 completed, 1 failed, 2.0/s, 47s left`.
[[nodiscard]] std::string show_counts(const JobView& job, const RateMeter& meter = {});
/// Of a job that has ended: `job 12 sweep: failed, 5 of 6 tasks completed, 1 failed`.
[[nodiscard]] std::string show_outcome(const JobView& job);

}  // namespace stint::client
