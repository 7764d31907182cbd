#pragma once

#include <vector>

#include "apps/stint-conform/agent_subject.hpp"
#include "apps/stint-conform/case.hpp"

namespace stint::conform::agent {

[[nodiscard]] std::vector<AgentCase> greeting_cases();
[[nodiscard]] std::vector<AgentCase> answer_cases();
[[nodiscard]] std::vector<AgentCase> meaningless_answer_cases();
[[nodiscard]] std::vector<AgentCase> rejection_cases();
[[nodiscard]] std::vector<AgentCase> order_cases();
[[nodiscard]] std::vector<AgentCase> meaning_cases();
[[nodiscard]] std::vector<AgentCase> work_cases();
[[nodiscard]] std::vector<AgentCase> held_cases();
[[nodiscard]] std::vector<AgentCase> output_cases();
[[nodiscard]] std::vector<AgentCase> provisional_cases();
[[nodiscard]] std::vector<AgentCase> enrol_cases();
[[nodiscard]] std::vector<AgentCase> enrol_answer_cases();
[[nodiscard]] std::vector<AgentCase> rekey_cases();
[[nodiscard]] std::vector<AgentCase> bad_rekey_cases();
[[nodiscard]] std::vector<AgentCase> pin_cases();
[[nodiscard]] std::vector<AgentCase> tls_cases();

}  // namespace stint::conform::agent
