#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of the agent daemon, by name.
namespace stint::agent::limits {

inline constexpr Duration kBackoffBase = std::chrono::milliseconds{100};  ///< first reconnect waits at most this
inline constexpr Duration kBackoffCap = std::chrono::seconds{15};         ///< and no later one more than this
inline constexpr std::uint32_t kBackoffAfterError =
    5;  ///< doublings at least, once the scheduler ended a session for cause: it will do so again

inline constexpr std::uint32_t kRejectsBelieved = 3;  ///< of an enrolment, one after the other: nobody signs them

/// How long an accepted attempt may stay unreported: one that starts or ends sooner costs one update less, and nobody acts on `pending`.
inline constexpr Duration kAcceptReportDelay = std::chrono::milliseconds{20};
/// Heartbeats that may be missing before a task with `stop_after` counts as alone, should this process stand still: one less than after
/// which the scheduler gives up the session, and begins to count.
inline constexpr int kQuietHeartbeats = 2;
inline constexpr Duration kReportInterval = std::chrono::seconds{1};  ///< between two progress reports of one attempt
inline constexpr Duration kJournalRetryInterval = std::chrono::seconds{1};  ///< after an append that failed

/// Between update numbers of an attempt that an earlier process accepted. If a power failure took the journal's last records, the scheduler
/// has
/// acknowledged numbers that we do not know of: more than these an attempt never has, so no number is used for two contents.
inline constexpr std::uint32_t kNumberStepRestored = 16;

inline constexpr std::size_t kUpdatesPerMessage = 1024;
inline constexpr std::size_t kLogChunkMax = std::size_t{64} << 10;  ///< bytes of one LogChunk
inline constexpr std::size_t kOutputWindow = std::size_t{64} << 10;  ///< bytes of one stream that the driver may hand over unasked
inline constexpr std::size_t kDetailMax = 4096;  ///< bytes of an update's text for people
inline constexpr std::size_t kReportLineMax = std::size_t{68} << 10;  ///< bytes of one line of STINT_REPORT: the largest result, and 4 KiB
/// Bytes of results and outputs sent and not acknowledged: half of a session's output queue, so that a thousand ends at once do not
/// overflow it.
inline constexpr std::size_t kLeftInFlight = std::size_t{8} << 20;
inline constexpr std::size_t kMetricsMax = 256;  ///< different metrics of one attempt between two reports
inline constexpr std::size_t kMetricNameMax = 128;  ///< bytes
inline constexpr std::size_t kBadReportLinesLogged = 3;  ///< per attempt; the rest is only counted

inline constexpr std::size_t kJournalRecordBytes = std::size_t{4} << 20;  ///< at which the changes of one turn go on in another record
inline constexpr std::size_t kJournalCompactMin = std::size_t{4} << 20;  ///< a smaller journal is left alone: a rewrite costs an fdatasync
inline constexpr std::size_t kJournalDeadFactor = 4;  ///< rewritten once it is this many times what is alive in it
inline constexpr std::size_t kHeldKeys = 4;  ///< keys of different epochs that an agent keeps
inline constexpr std::uint32_t kWindowDefault = 1024;  ///< attempts held at once, if the configuration names no number

}  // namespace stint::agent::limits
