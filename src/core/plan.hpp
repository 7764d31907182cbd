#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/explain/explanation.hpp"
#include "core/model/job.hpp"

namespace stint::core {

struct State;

/// What one agent could do for one entry of a job that is only planned.
struct PlannedAgent {
  AgentExplanation why;         ///< no clauses: it would take a task now
  std::uint64_t fits_now = 0;   ///< tasks of the entry that it would take now, beside those of earlier entries of the plan
};
struct PlannedEntry {
  std::string name;
  std::uint64_t count = 0;      ///< tasks; 0 while that depends on another entry
  bool is_counted = true;       ///< false: its items come from another entry
  std::uint64_t starts_now = 0; ///< tasks that would start at once
  bool is_placeable = false;    ///< some agent that is known could take it, if not now
  std::vector<PlannedAgent> agents;
  Explanation why;              ///< nearest and would_help, for an entry that is not placeable
  std::string summary;          ///< one sentence
};

/// Where the tasks of `spec` would go now. Changes nothing. The spec is valid (find_problem).
[[nodiscard]] std::vector<PlannedEntry> plan_job(const State& state, const JobSpec& spec);

}  // namespace stint::core
