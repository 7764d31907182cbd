#pragma once

#include <cstdint>

#include "base/resources.hpp"

namespace stint::agent {

/// What of the agent's resources is taken by attempts that have been started, so that others can wait for theirs (AgentInfo.prefetch).
///
/// GPUs are handed out one by one (GpuPool) and not counted here.
class Room {
 public:
  /// Every amount 0, or `is_kept` false: there is always room, as for agents that get only what fits.
  Room(const Resources& offered, bool is_kept) : offered_(offered), is_kept_(is_kept) {}

  /// What a task's resources on the wire take: these were rounded up, and the scheduler placed it by what it had asked for.
  [[nodiscard]] static Resources of_task(const Resources& on_wire);

  /// True if so much is free; always, if nothing is taken: whoever assigned it knew what it did.
  [[nodiscard]] bool has(const Resources& wanted) const;
  void take(const Resources& room);
  void give_back(const Resources& room);

 private:
  Resources offered_;
  Resources taken_;
  std::uint64_t takers_ = 0;
  bool is_kept_;
};

}  // namespace stint::agent
