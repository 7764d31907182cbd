#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/model/job.hpp"

namespace stint::core {

/// A need as people write it.
struct NamedNeed {
  std::string name;
  NeedOn on = NeedOn::success;
};
/// The references of one task: what it needs, and the task whose output is its list of items (a need too), if any.
struct WrittenRefs {
  std::vector<NamedNeed> needs;
  std::string items_from;
};

/// Orders `tasks` so that each comes after what it needs, and fills in TaskSpec::needs and EachSpec::from. Tasks keep the order they were
/// written in wherever the graph allows it; `refs[i]` are those of tasks[i]: any order, forward or back.
///
/// Errors:  invalid_argument  a name that no task has (with a suggestion), a name that two have, a circle. The detail names the tasks.
[[nodiscard]] Status link_needs(std::vector<TaskSpec>& tasks, const std::vector<WrittenRefs>& refs);

}  // namespace stint::core
