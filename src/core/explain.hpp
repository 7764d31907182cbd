#pragma once

#include "base/result.hpp"
#include "core/explain/explanation.hpp"
#include "core/state.hpp"

namespace stint::core {

[[nodiscard]] Result<Explanation> explain_task(const State& state, const TaskRef& task, Now now);
[[nodiscard]] Result<Explanation> explain_job(const State& state, JobId id, Now now);

}  // namespace stint::core
