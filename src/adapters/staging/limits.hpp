#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of what travels to an attempt and back, with its reason.
namespace stint::staging::limits {

using namespace std::chrono_literals;

/// What a stopped attempt may still take to get its checkpoint to the scheduler.
inline constexpr Duration kStopPatience = 5s;
/// Times that one blob may come or go with the wrong digest: a file that grows while it is read is read anew.
inline constexpr int kDigestTries = 3;

/// Attempts whose files are on their way at once; the others wait their turn.
inline constexpr std::size_t kWorkers = 4;
/// Until somebody who waits for a blob that another attempt fetches looks again.
inline constexpr Duration kSharedFetchPoll = 50ms;

/// What was fetched in part, and by nobody since, goes after this.
inline constexpr Duration kPartialAge = 24h;

/// Files of one task's outputs: what the wire takes in one update.
inline constexpr std::size_t kOutputFiles = 4'096;
/// Files and directories below STINT_OUTPUTS or a checkpoint directory that are looked at.
inline constexpr std::size_t kTreeEntries = 100'000;
inline constexpr int kTreeDepth = 64;  ///< each level holds a descriptor while it is read
/// Of them, shown when a declared output is missing.
inline constexpr std::size_t kEntriesShown = 10;

/// Between two looks at the checkpoint directory of a running attempt.
inline constexpr Duration kCheckpointInterval = 30s;
/// Checkpoint directories without an attempt are kept so long, and so many at most; the scheduler has what was pushed of them.
inline constexpr Duration kCheckpointIdle = 24h;
inline constexpr std::size_t kCheckpointsIdle = 64;
/// Manifests pushed from one checkpoint directory that are remembered.
inline constexpr std::size_t kPushedRemembered = 16;

inline constexpr std::uint64_t kCacheBytes = std::uint64_t{20} << 30;  ///< unless the agent is told otherwise
inline constexpr std::size_t kRecordBytes = std::size_t{8} << 20;      ///< of one attempt's stage record

}  // namespace stint::staging::limits
