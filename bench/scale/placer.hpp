#pragma once

#include <memory>

#include "bench/cell/cell_processes.hpp"
#include "bench/scale/swarm.hpp"

namespace stint::bench {

/// One simulated agent that takes placements from a cell.
class Placer {
 public:
  /// Connects; returns when it holds as many attempts as it may.
  [[nodiscard]] static Result<Placer> start(const CellProcesses& cell, const SwarmAgent& agent, std::uint32_t window);

  /// Completes so many attempts; returns the time until as many new ones have been assigned.
  [[nodiscard]] Result<Duration> exchange(std::uint64_t attempts);
  /// When the last assignment came.
  [[nodiscard]] Instant last_assigned() const { return Instant{Duration{swarm_->counters().last_assigned_ns}}; }
  /// Of frames, both ways, so far.
  [[nodiscard]] std::uint64_t network_bytes() const { return swarm_->counters().bytes; }

 private:
  explicit Placer(std::unique_ptr<Swarm> swarm) : swarm_(std::move(swarm)) {}
  [[nodiscard]] Status wait_for(std::uint64_t assigned) const;

  std::unique_ptr<Swarm> swarm_;
};

/// Until the process has used next to no processor time for a while: what it had to do is done.
[[nodiscard]] Status wait_until_idle(pid_t process);

}  // namespace stint::bench
