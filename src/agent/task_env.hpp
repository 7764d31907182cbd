#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "protocol/messages.hpp"

namespace stint::agent {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// `12.train.3`: the id that people type; a task of an array is named by its value, not by its position.
[[nodiscard]] std::string task_id(const TaskRef& task, const protocol::TaskTemplate& tmpl);

/// What a task finds in its environment: `base`, overridden by the job's own, overridden by Stint's variables. Sorted by name, each name
/// once.
/// STINT_REPORT is the driver's to add: it owns the file. CUDA_VISIBLE_DEVICES comes with the indices (set_visible_gpus).
[[nodiscard]] Environment make_task_environment(const Environment& base, const protocol::TaskTemplate& tmpl, const AttemptRef& ref);

/// An empty list hides every GPU: a task that asked for none must not find its neighbour's.
void set_visible_gpus(Environment& env, const std::vector<std::uint32_t>& gpus);

}  // namespace stint::agent
