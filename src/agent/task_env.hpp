#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/values.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "protocol/messages.hpp"

namespace stint::agent {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// `12.train.3`: the id that people type; a task of an array is named by its value, not by its position.
[[nodiscard]] std::string task_id(const TaskRef& task, const protocol::TaskTemplate& tmpl);

/// STINT_INDEX: what the job calls this task of an array.
[[nodiscard]] std::uint64_t array_value(const TaskRef& task, const protocol::TaskTemplate& tmpl);

/// What a task finds in its environment: `base`, overridden by the job's own with `${{ NAME }}` filled in, overridden by Stint's variables.
/// Sorted by name, each name once. STINT_ITEM is here if the item is `extra`'s own text; `extra` may be null.
/// The drivers add the variables that name their files: STINT_REPORT, STINT_INPUTS, STINT_OUTPUTS, STINT_CHECKPOINT_DIR, and STINT_ITEM of
/// a batch. CUDA_VISIBLE_DEVICES comes with the indices (set_visible_gpus).
/// Errors:  invalid_argument  of fill_in; the detail names the variable.
[[nodiscard]] Result<Environment> make_task_environment(const Environment& base, const protocol::TaskTemplate& tmpl, const AttemptRef& ref,
                                                        const protocol::AssignedExtra* extra);

/// An empty list hides every GPU: a task that asked for none must not find its neighbour's.
void set_visible_gpus(Environment& env, const std::vector<std::uint32_t>& gpus);

}  // namespace stint::agent
