#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "client/views.hpp"

namespace stint::client {

/// How fast tasks end and when the last one will, from what was seen in the last half minute.
class RateMeter {
 public:
  void add(std::uint64_t ended, Instant now);
  /// Tasks per second; nothing until two moments at least a second apart are known.
  [[nodiscard]] std::optional<double> per_second() const;
  /// Nothing if the rate is unknown or zero.
  [[nodiscard]] std::optional<Duration> time_left(std::uint64_t open) const;

 private:
  struct Sample {
    Instant at;
    std::uint64_t ended;
  };
  std::deque<Sample> samples_;
};

/// The live view of a job: one line with a bar for each of its entries, one for the whole if it has several.
/// `width` is the terminal's; no line is longer. `blocked` (why nothing runs) is shown when it is not empty.
[[nodiscard]] std::vector<std::string> show_progress(const JobView& job, const RateMeter& meter, const std::string& blocked,
                                                     std::size_t width);

/// The same for a pipe: `job 12: 3 running, 5 of 100 completed, 1 failed`.
[[nodiscard]] std::string show_counts(const JobView& job);

}  // namespace stint::client
