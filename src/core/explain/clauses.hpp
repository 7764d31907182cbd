#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/explain/explanation.hpp"
#include "core/model/rows.hpp"
#include "core/placement/shape.hpp"

namespace stint::core {

/// What an agent is doing, as far as it keeps it from taking a task.
struct AgentSituation {
  const AgentRow* row = nullptr;
  bool is_connected = false;
  Resources free;                        ///< of its offer
  std::uint64_t held = 0;                ///< attempts it has
  const std::string* refusal = nullptr;  ///< what it said when it refused this job, if it did
};

/// Everything that keeps the agent from taking a task of this shape now; empty if nothing does.
[[nodiscard]] std::vector<Clause> find_clauses(const Shape& shape, const AgentSituation& agent);

/// The agent with the fewest clauses; among those the smallest misses in proportion to what is wanted, then the largest offer, then the
/// lowest
/// number. `offers` are the agents' whole resources, in the same order.
[[nodiscard]] std::optional<AgentNumber> find_nearest(const std::vector<AgentExplanation>& agents, const std::vector<Resources>& offers);

/// `16 GiB`, `1.5 GiB`, `300 bytes`.
[[nodiscard]] std::string format_bytes(std::int64_t bytes);
/// `4 CPUs`, `0.5 CPUs`.
[[nodiscard]] std::string format_cpu(std::int64_t millis);

}  // namespace stint::core
