#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/model/agent.hpp"

namespace stint::sqlite {

/// An agent's offer as the JSON text of agents.offer.
[[nodiscard]] std::string to_json(const core::AgentOffer& offer);
/// Errors:  corrupt  not what to_json wrote.
[[nodiscard]] Result<core::AgentOffer> parse_offer(const std::string& text);

/// The terms of an agent or an enrolment token: {"types":["trainer"],"labels":[["zone","b"]]}.
[[nodiscard]] std::string to_json(const core::AgentTerms& terms);
/// Errors:  corrupt  not what to_json wrote.
[[nodiscard]] Result<core::AgentTerms> parse_terms(const std::string& text);

}  // namespace stint::sqlite
