#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace stint::bench {

struct DispatchBenchOptions {
  std::string driver = "noop";                ///< or "exec"
  std::optional<std::uint32_t> tasks;         ///< of each shape (noop), of each round (exec); else the driver's own number
  std::optional<std::uint32_t> rounds;        ///< as above
  std::uint32_t jobs = 1'000;                 ///< of noop's second shape, `tasks` / `jobs` each
  std::uint32_t agents = 2;                   ///< of noop
};

/// `stint bench dispatch`: from the first byte of a submission to the last commit. Starts this program's own scheduler and agents as
/// processes of their own over TCP loopback on a real file system.
///
/// Driver noop: beside it, in the same rounds, the rate at which the same store alone writes the same rows, and HyperQueue in its own
/// no-execution mode with its journal on (the program that STINT_PEER_HQ_ZERO names). At the end of each round the scheduler is killed with
/// SIGKILL and its database is read.
/// Driver exec: real processes, beside a bare loop that spawns and waits, and HyperQueue (STINT_PEER_HQ).
///
/// Returns 0 if the bars are met, 1 if not, 2 if it cannot be set up, 77 if a bar's peer is missing.
int run_dispatch_bench(const DispatchBenchOptions& options, bool json, std::ostream& out);

}  // namespace stint::bench
