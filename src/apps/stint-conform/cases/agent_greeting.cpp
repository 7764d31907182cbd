#include "apps/stint-conform/cases/agent_cases.hpp"

namespace stint::conform::agent {
std::vector<AgentCase> greeting_cases() { return {}; }
}  // namespace stint::conform::agent
