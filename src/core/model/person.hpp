#pragma once

#include "core/model/rows.hpp"

namespace stint::core {

/// A person, known as an agent since the first claim.
[[nodiscard]] inline bool is_person(const AgentRow& agent) {
  return agent.offer.drivers.size() == 1 && agent.offer.drivers.front() == "human";
}

}  // namespace stint::core
