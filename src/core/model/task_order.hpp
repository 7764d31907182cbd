#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/model/job.hpp"

namespace stint::core {

/// Orders `tasks` so that each comes after what it needs, and fills in TaskSpec::needs. Tasks keep the order they were written in
/// wherever the graph allows it; `needs[i]` holds the names that tasks[i] needs, as people write them: any order, forward or back.
///
/// Errors:  invalid_argument  a name that no task has (with a suggestion), a name that two have, a circle. The detail names the tasks.
[[nodiscard]] Status link_needs(std::vector<TaskSpec>& tasks, const std::vector<std::vector<std::string>>& needs);

}  // namespace stint::core
