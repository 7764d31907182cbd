#pragma once

#include <chrono>
#include <cstdint>

namespace stint {

using Duration = std::chrono::nanoseconds;

/// The clocks are only names: the pure folders are handed `now` and cannot ask for it.
/// adapters/asio reads the real ones, tests/sim the virtual one.
struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
struct WallClock {
  using rep = std::int64_t;
  using period = std::milli;
  using duration = std::chrono::milliseconds;
  using time_point = std::chrono::time_point<WallClock>;
  static constexpr bool is_steady = false;
};

/// Nanoseconds of CLOCK_BOOTTIME (or the virtual clock). Compared only within one process.
using Instant = MonotonicClock::time_point;
/// Milliseconds since 1970 UTC: what is stored, sent and shown.
using UnixMillis = WallClock::time_point;

/// Both readings of one moment, handed to everything that decides.
struct Now {
  Instant mono;
  UnixMillis wall;
};

constexpr UnixMillis unix_millis(std::int64_t ms) { return UnixMillis{std::chrono::milliseconds{ms}}; }
constexpr std::int64_t to_ms(UnixMillis t) { return t.time_since_epoch().count(); }
constexpr std::int64_t to_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
constexpr Duration from_ms(std::int64_t ms) { return std::chrono::milliseconds{ms}; }

}  // namespace stint
