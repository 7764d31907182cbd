#pragma once

#include <algorithm>
#include <cstdint>

/// What writer and readers of `attempt_runs` agree on (docs/storage.md "Runs").
namespace stint::sqlite {

/// Tasks of a run. Whatever run covers a task begins at most this far before it, so it is found without looking at others.
inline constexpr std::uint32_t kRunMax = 4096;

/// Fewer rows cost less one by one than carving does.
inline constexpr std::uint32_t kRunMin = 8;

/// Columns behind the key and `last`.
inline constexpr const char* kRunFacts =
    "agent, status, reason, live, accepted, is_result, exit_code, signal, acked_update, update_digest, placed_ms, started_ms, ended_ms, "
    "instance";

/// Where a run that covers `index` begins at the earliest.
[[nodiscard]] constexpr std::int64_t first_of_covering(std::uint32_t index) {
  return std::max<std::int64_t>(std::int64_t{index} - (kRunMax - 1), 0);
}

}  // namespace stint::sqlite
