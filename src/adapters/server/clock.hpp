#pragma once

#include <time.h>

#include "base/time.hpp"

namespace stint::server {

/// CLOCK_BOOTTIME (it goes on while the machine sleeps, and no one can set it) and the wall clock.
[[nodiscard]] inline Now read_clocks() {
  timespec boot{}, wall{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const auto ns = std::int64_t{boot.tv_sec} * 1'000'000'000 + boot.tv_nsec;
  return {Instant{Duration{ns}}, unix_millis(std::int64_t{wall.tv_sec} * 1000 + wall.tv_nsec / 1'000'000)};
}

}  // namespace stint::server
