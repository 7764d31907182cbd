#pragma once

#include <cstdint>
#include <iosfwd>

namespace stint::bench {

struct DispatchBenchOptions {
  std::uint32_t tasks = 1'000'000;
  std::uint32_t jobs = 1'000;          ///< of the second shape, `tasks` / `jobs` each
  std::uint32_t agents = 2;
};

/// `stint bench dispatch`: from the first byte of a submission to the last commit, `noop` driver. Starts this program's own scheduler and
/// agents
/// as separate processes over TCP loopback on a real file system, kills the scheduler with SIGKILL at the end and reads its database.
/// Beside it the
/// rate at which the same store alone writes the same rows.
///
/// Returns 0 if every task is recorded whole, 1 if not, 2 if it cannot be set up.
int run_dispatch_bench(const DispatchBenchOptions& options, bool json, std::ostream& out);

}  // namespace stint::bench
