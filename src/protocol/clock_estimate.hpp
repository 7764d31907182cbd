#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hpp"

namespace stint::protocol {

/// What the agent knows of session time: the difference between the scheduler's clock and its own CLOCK_BOOTTIME, from round trips.
///
/// The offset of a round trip is wrong by at most half its duration, so the shortest one of the last ten minutes is used; a wall clock,
/// which may be wrong by years or be stepped, has no part in it.
/// Units:   offsets in nanoseconds; session time in Unix milliseconds.
class ClockEstimate {
 public:
  /// Sent at `sent` and back at `arrived` on our clock; received there at `received_ms` and answered at `answered_ms`, session time.
  /// A sample that cannot be (back before it was sent, times beyond the year 2248) is ignored.
  void add(Instant sent, std::int64_t received_ms, std::int64_t answered_ms, Instant arrived);

  [[nodiscard]] bool is_known() const { return !samples_.empty(); }
  /// Session time at `t`, rounded down; needs a sample.
  [[nodiscard]] std::int64_t session_time_ms(Instant t) const;
  [[nodiscard]] std::int64_t offset_ns() const { return best_.offset_ns; }

 private:
  struct Sample {
    Instant at;
    std::int64_t round_trip_ns = 0;
    std::int64_t offset_ns = 0;
  };
  std::deque<Sample> samples_;  // oldest first
  Sample best_;
};

/// When the first byte of a frame can have arrived: after the reader last found the connection empty, not after the read that brought it.
struct Arrival {
  Instant empty_since;
  Instant read;
};

/// The five-second rule: how far `timestamp_ms` lies outside [earliest, latest], in ms; above 0 late, below 0 early, 0 inside.
[[nodiscard]] constexpr std::int64_t time_error_ms(std::int64_t timestamp_ms, std::int64_t earliest_ms, std::int64_t latest_ms) {
  if (timestamp_ms < earliest_ms) return earliest_ms - timestamp_ms;
  if (timestamp_ms > latest_ms) return latest_ms - timestamp_ms;
  return 0;
}

}  // namespace stint::protocol
