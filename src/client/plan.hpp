#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

/// What POST /v1/plan answers (schema/openapi.yaml "Plan"), read from its JSON.
namespace stint::client {

/// One thing that keeps a task from an agent.
struct PlanClause {
  std::string clause;
  std::string text;
  bool permanent = false;  ///< waiting does not help
};
struct PlanAgent {
  std::string agent;
  std::uint64_t fits_now = 0;  ///< tasks of the entry that would start on it at once
  std::vector<PlanClause> clauses;
};
struct PlanTask {
  std::string name;
  std::optional<std::uint64_t> count;  ///< none: known only when the entry that it takes its items from has ended
  std::uint64_t starts_now = 0;
  bool placeable = true;  ///< some agent could carry it, now or later
  std::optional<std::string> nearest;
  std::string summary;
  std::string would_help;
  std::vector<PlanAgent> agents;
};
struct Plan {
  std::vector<PlanTask> tasks;
  std::string tasks_json;  ///< as it was answered
  std::optional<std::uint64_t> previous_job;  ///< the last submission of the same name
  std::string previous_spec;                  ///< its JSON
  [[nodiscard]] bool is_placeable() const;
};

/// Errors:  corrupt  not JSON, or a key that must be there is not.
[[nodiscard]] Result<Plan> parse_plan(std::string_view json);

}  // namespace stint::client
