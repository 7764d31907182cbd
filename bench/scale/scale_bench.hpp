#pragma once

#include <cstdint>
#include <iosfwd>

namespace stint::bench {

struct ScaleBenchOptions {
  std::uint32_t agents = 10'000;
  std::uint32_t tls_agents = 10'000;
  std::uint32_t heartbeat_seconds = 60;   ///< how long heartbeats are watched
  std::uint32_t cost_tasks = 200'000;     ///< of which the cost of one is taken
  std::uint32_t cost_jobs = 2'000;        ///< of one task each
  std::uint32_t pending = 10'000'000;     ///< tasks of the array
  std::uint32_t jobs = 1'000;
  std::uint32_t items = 10'000;           ///< of each job
  int rounds = 15;                        ///< of placements, taken in turns by a large cell and a small one
};

/// `stint bench scale`: what a connected agent and a pending task cost the real scheduler, a process of its own on a real file system:
/// resident memory, processor time, the rate of placements, and the time from a restart after SIGKILL to the first placement that an
/// agent is told. Agents are simulated (Swarm); they speak the real protocol.
///
/// Returns 0 if all bars are met, 1 if not, 2 if it cannot be set up.
int run_scale_bench(const ScaleBenchOptions& options, bool json, std::ostream& out);

}  // namespace stint::bench
