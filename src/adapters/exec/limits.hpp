#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of the keeper and of its client, with its reason.
namespace stint::exec::limits {

using namespace std::chrono_literals;

/// One message, either way. A task's arguments and environment are at most 2 MiB on Linux (ARG_MAX with the default stack),
/// output chunks are smaller.
inline constexpr std::size_t kMessageMax = std::size_t{4} << 20;
/// Bytes taken from a socket before whoever holds it looks at its other descriptors again.
inline constexpr std::size_t kReceiveBudget = std::size_t{1} << 20;
/// Output and report lines are pushed only while less than this waits for the agent: the rest stays in the spool.
inline constexpr std::size_t kUnsentHigh = std::size_t{1} << 20;
/// One Output message, and one read from a task's pipe (the capacity of a Linux pipe).
inline constexpr std::size_t kOutputChunk = std::size_t{64} << 10;
/// Chunks taken from one pipe before the other tasks have their turn.
inline constexpr int kChunksPerTurn = 4;
/// Attempts one keeper holds, ended and unreleased ones included; more are refused.
inline constexpr std::size_t kAttemptsMax = 65'536;
/// Threads that start processes. While one waits for its child to be loaded the others go on; more than a few find no free processor.
inline constexpr std::size_t kSpawnThreads = 8;
/// Processes being started at a time: what is ordered beyond that waits where it can still be cancelled.
inline constexpr std::size_t kSpawnsAtOnce = 2 * kSpawnThreads;
/// From so many tasks at a time on, the agent is told of what happens to them at most this often: each message by itself costs it, and the
/// scheduler, more than the task costs us.
inline constexpr std::size_t kTellTogether = 8;
inline constexpr Duration kTellPause = 4ms;
/// Cgroups without a task that wait for the next one; a few descriptors each.
inline constexpr std::size_t kSpareCgroups = 256;
/// Connections at a time: one agent, its successor, a few controls.
inline constexpr std::size_t kConnectionsMax = 8;
/// A stranger's connection that has not said hello is closed after this.
inline constexpr Duration kHelloWithin = 5s;

/// Spool files are cut here: a segment goes when everything in it is released.
inline constexpr std::uint64_t kSegmentBytes = std::uint64_t{16} << 20;
/// Output of one attempt, both streams; what comes after is dropped behind a visible line, and counted.
inline constexpr std::uint64_t kSpoolPerAttempt = std::uint64_t{1} << 30;
/// Released pieces of a segment that is still needed are given back to the file system from this size on.
inline constexpr std::uint64_t kPunchMin = 4096;
/// How often a full disk is tried again.
inline constexpr Duration kSpoolRetry = 200ms;

/// One line of a report file: a result of 64 KiB and the keys around it. The rest of a longer one is left out.
inline constexpr std::size_t kReportLineMax = std::size_t{68} << 10;
/// Bytes of report lines in one message, and twice that unacknowledged per attempt.
inline constexpr std::size_t kReportChunk = std::size_t{256} << 10;
inline constexpr std::size_t kReportWindow = 2 * kReportChunk;

/// A timeout or grace beyond this is none: the clock stays far from its end.
inline constexpr Duration kDeadlineMax = 24h * 3650;
/// A task that is alone for too long is killed that much later, whatever its grace: ten seconds before the scheduler, which waits a lease
/// of
/// 90 s (core::limits::kLease), starts another.
inline constexpr Duration kLeashKill = 80s;
/// After the main process has ended, a background process may hold the pipes open for this long.
inline constexpr Duration kDrain = 1s;
/// A keeper that is told to go gives its tasks their own grace, but not more than this.
inline constexpr Duration kShutdownGrace = 10s;
/// A keeper without an agent that holds nothing ends itself after this.
inline constexpr Duration kIdleExit = 60s;
/// At most so often a keeper without an agent or a running task looks whether anybody could find it.
inline constexpr Duration kStateDirLook = 1s;
/// The log file is moved aside at the start when it is longer than this.
inline constexpr std::int64_t kLogBytes = std::int64_t{1} << 20;

/// The client's pause before it tries again to reach or start a keeper: doubled each time.
inline constexpr Duration kRetryMin = 5ms;
inline constexpr Duration kRetryMax = 1s;

/// Period of the kernel's CPU quota; the smallest quota it takes is 1 ms.
inline constexpr std::int64_t kCpuPeriodUs = 100'000;
inline constexpr std::int64_t kCpuQuotaMinUs = 1'000;

}  // namespace stint::exec::limits
