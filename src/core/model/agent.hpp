#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/task_words.hpp"

namespace stint::core {

/// What an agent says it can do: the placement's half of protocol AgentInfo.
struct AgentOffer {
  std::vector<AgentType> types;            ///< empty = all five
  Resources resources;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::string> drivers;
  std::vector<std::string> notes;          ///< what it cannot enforce
  std::vector<std::string> shared_paths;
  std::string boot_id;
  std::string host;
  std::string version;
  std::uint32_t window = 0;                ///< most attempts it takes at once; 0 = no limit
  std::uint32_t prefetch = 0;              ///< how many of them may wait with it until its resources are free for them
  bool operator==(const AgentOffer&) const = default;
};

/// What an agent's enrolment token says of it, for ever: nothing that the agent offers goes beyond it.
struct AgentTerms {
  std::vector<AgentType> types;            ///< it may serve; empty: any
  std::vector<std::pair<std::string, std::string>> labels;  ///< it has exactly these; empty: those it says itself
  bool operator==(const AgentTerms&) const = default;
};

/// The offer cut to the terms, with a note for people on what was cut. An agent that offers none of the types it may serve is left without
/// a driver: it takes nothing.
[[nodiscard]] AgentOffer cut_to_terms(AgentOffer offer, const AgentTerms& terms);

/// 1 to 64 letters, digits, `_`, `-` or `.`, and not `tokens`: GET /v1/agents/tokens shows something else.
[[nodiscard]] bool is_agent_name(std::string_view text);

/// Ed25519; all zero: none.
using AgentPublicKey = std::array<std::uint8_t, 32>;

}  // namespace stint::core
