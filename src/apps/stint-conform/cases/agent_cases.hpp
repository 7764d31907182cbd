#pragma once

#include <vector>

#include "apps/stint-conform/agent_subject.hpp"
#include "apps/stint-conform/case.hpp"

namespace stint::conform::agent {

[[nodiscard]] std::vector<AgentCase> greeting_cases();

}  // namespace stint::conform::agent
