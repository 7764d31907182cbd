#pragma once

#include <cstdint>
#include <iosfwd>

namespace stint::bench {

struct LatencyBenchOptions {
  std::uint32_t rounds = 300;
  std::uint32_t tries = 5;  ///< see below
};

/// `stint bench latency`: how long it takes from the submission of a job until its process executes its first instruction, one job at a
/// time on a cell that has nothing else to do. It starts this program's own scheduler and an agent as processes of their own.
///
/// Both ends are read from CLOCK_MONOTONIC of this machine: before the first byte of the submission is sent, and by the task itself
/// (stint-first-instruction) before it does anything else. Before or after each one, in turn, stands an fdatasync of a small overwrite in a
/// file that has its size already, on the same file system: a job that is acknowledged is durable, so the disk's own time is not ours.
///
/// The bars are those of an idle machine. Whether this one was, the disk says: where the p99 of fdatasync is more than three times its
/// median (it is less than twice the median otherwise), somebody else was at it, and all is measured again, until `tries` times; the time
/// at which the disk was at its calmest counts. What Stint took has no part in that.
///
/// Returns 0 if the bars are met, 1 if not, 2 if it cannot be set up.
int run_latency_bench(const LatencyBenchOptions& options, bool json, std::ostream& out);

}  // namespace stint::bench
