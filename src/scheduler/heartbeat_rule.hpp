#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {

/// How often a new session's agent shall say that it is there: `base`, stretched so that all together say it at most
/// limits::kHeartbeatsPerSecond times a second, but never beyond limits::kHeartbeatMax (leases of 90 s count on it). Beside many others
/// less up
/// to an eighth, by `random`: agents that came at once, after a restart, shall not all speak at once for ever.
/// Source:  docs/protocol.md "Leases and heartbeats".
[[nodiscard]] inline Duration heartbeat_for(Duration base, std::size_t sessions, std::uint16_t random) {
  const Duration fair = std::chrono::seconds{1} * static_cast<std::int64_t>(sessions) / limits::kHeartbeatsPerSecond;
  const Duration interval = std::clamp(fair, base, std::max(base, limits::kHeartbeatMax));
  if (sessions < limits::kHeartbeatJitterFrom) return interval;
  return interval - interval / 8 * random / 65536;
}

}  // namespace stint::scheduler
