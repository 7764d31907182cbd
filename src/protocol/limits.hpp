#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of the session layer, with its reason. What the peer sends beyond one is refused; what our own side sends within these is
/// always accepted. Source: docs/protocol.md "Limits".
namespace stint::protocol::limits {

// Time.
inline constexpr std::int64_t kToleranceMs = 5'000;                      ///< of a frame's timestamp, both ways
inline constexpr Duration kHandshake = std::chrono::seconds{5};  ///< from connection to the first valid DATA frame, or to HELLO_ACK
inline constexpr Duration kEnrolDecision = std::chrono::seconds{30};  ///< a scheduler's own time to decide on an ENROL and to write it down
inline constexpr Duration kProbe = std::chrono::seconds{5};  ///< a live session's time to show that it lives
inline constexpr int kLeaseHeartbeats = 3;  ///< missed ones that end a session
inline constexpr int kLeaseExtensions = 2;  ///< times that bytes inside one frame may stand for a heartbeat
inline constexpr Duration kClockSampleAge = std::chrono::minutes{10};  ///< of the round trips the agent's clock estimate is chosen from
inline constexpr std::size_t kClockSamples = 64;  ///< kept of them; enough for ten minutes at the shortest interval

// Lists. An honest sender splits what may be split.
inline constexpr std::size_t kListItems = 1'024;  ///< assignments, updates, acknowledgements, cancels, log acknowledgements in a frame
inline constexpr std::size_t kHeldItems = 16'384;  ///< Resume and Reconcile, which cannot be split: 768 KiB
inline constexpr std::size_t kListBytes = 1024 * 1024;  ///< at which a list of assignments or updates is cut
inline constexpr std::size_t kMetrics = 256;  ///< of one update
inline constexpr std::size_t kInfoItems = 256;  ///< labels, drivers, notes, shared paths: each
inline constexpr std::size_t kFiles = 4'096;  ///< outputs of one task, files of one attempt's items
inline constexpr std::size_t kFilesBytes = 768 * 1024;  ///< of one such list in a frame
inline constexpr std::size_t kPatterns = 1'024;  ///< outputs a task declares
inline constexpr std::size_t kValues = 64;  ///< ${{ NAME }} of one attempt
inline constexpr std::size_t kArguments = 16'384;  ///< of a command
inline constexpr std::size_t kEnvironment = 16'384;  ///< variables of a task

// Texts and bytes.
inline constexpr std::size_t kName = 256;  ///< names, versions, codes, kernel boot ids
inline constexpr std::size_t kText = 4 * 1024;  ///< details and paths; an honest sender cuts details to it
inline constexpr std::size_t kTemplateBytes = 1536 * 1024;  ///< all texts of one assignment together: with its tables it fits a frame
inline constexpr std::size_t kLogChunk = 64 * 1024;
inline constexpr std::size_t kReceipt = 16 * 1024;
inline constexpr std::size_t kResult = 64 * 1024;
inline constexpr std::size_t kItem = 256 * 1024;  ///< of one attempt: its item, or its batch of them
inline constexpr std::size_t kToken = 256;
inline constexpr std::size_t kCellPins = 4;  ///< keys a cell may show itself under
/// Texts and bytes copied out of one buffer: a small buffer may point to one long string many times.
inline constexpr std::size_t kDecodedBytes = 8 * 1024 * 1024;

// Numbers.
inline constexpr std::uint32_t kCpuMillis = 100'000'000;
inline constexpr std::uint32_t kGpus = 65'536;
inline constexpr std::uint64_t kTimeoutMs = std::uint64_t{100} * 366 * 24 * 3600 * 1000;

// FlatBuffers verifier: tables <= kTables + length / kBytesPerTable. A table that is not shared takes more bytes than that.
inline constexpr std::uint32_t kDepth = 16;
inline constexpr std::uint32_t kTables = 64;
inline constexpr std::uint32_t kBytesPerTable = 8;

// A session's queues.
inline constexpr std::size_t kOutputBytes = 16 * 1024 * 1024;  ///< queued and not taken; more closes the session
inline constexpr std::size_t kHeldReports = 1'024;  ///< reports waiting for credit; beyond it the oldest is dropped
inline constexpr std::uint32_t kCreditMax = 1'000'000;  ///< grants never add up to more

/// What HELLO_ACK may say. A smaller body limit would not hold a list cut at kListBytes.
inline constexpr std::uint32_t kBodyLimitMin = 2 * 1024 * 1024;
inline constexpr std::uint32_t kHeartbeatMsMin = 10;
inline constexpr std::uint32_t kHeartbeatMsMax = 3'600'000;

}  // namespace stint::protocol::limits
