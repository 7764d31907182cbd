#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/pin.hpp"
#include "base/result.hpp"
#include "protocol/session.hpp"

namespace stint::bench {

/// Who one of the swarm's agents is to the scheduler.
struct SwarmAgent {
  AgentNumber number;
  KeyEpoch epoch;
  protocol::AgentKeyBytes key{};
};

struct SwarmOptions {
  std::string server;                    ///< HOST:PORT, HOST numeric
  std::vector<Pin> pins;                 ///< none: plain, else TLS
  std::uint32_t window = 1;              ///< attempts that each agent takes at once; it declares as many CPUs
};

/// What the swarm's process tells, by memory that both share. Only ever rises.
struct SwarmCounters {
  std::atomic<std::uint64_t> connected;         ///< sessions whose Reconcile has come
  std::atomic<std::uint64_t> lost;              ///< sessions that ended
  std::atomic<std::uint64_t> frames_out;
  std::atomic<std::uint64_t> bytes;             ///< of frames, both ways
  std::atomic<std::uint64_t> assigned;
  std::atomic<std::int64_t> last_assigned_ns;   ///< CLOCK_BOOTTIME
  std::atomic<std::uint64_t> to_complete;       ///< told to the swarm: so many attempts in all shall have been completed
};

/// Agents that speak the real protocol and have nothing behind it: they connect, say heartbeats, hold what they are assigned, and complete
/// it when they are told to. All in one process of its own, so that its descriptors and its work are not the scheduler's. An agent whose
/// connection ends, or whose scheduler is not there, dials again and again.
class Swarm {
 public:
  /// Forks: no other thread may run.
  [[nodiscard]] static Result<std::unique_ptr<Swarm>> start(SwarmOptions options, std::vector<SwarmAgent> agents);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  [[nodiscard]] const SwarmCounters& counters() const { return *counters_; }
  /// Completes so many more of the attempts that it holds, or will.
  void complete(std::uint64_t attempts);

 private:
  Swarm() = default;

  SwarmCounters* counters_ = nullptr;
  pid_t process_ = -1;
  int wake_fd_ = -1;
};

}  // namespace stint::bench
