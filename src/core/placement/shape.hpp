#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/resources.hpp"
#include "base/task_words.hpp"
#include "core/model/agent.hpp"
#include "core/model/job.hpp"

namespace stint::core {

/// What a task demands of an agent. Tasks of the same shape fit the same agents, so one question answers for all of them.
struct Shape {
  std::optional<AgentType> type;  ///< none: any
  std::string driver;
  Resources resources;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<Constraint> constraints;
  std::string boot_id;  ///< empty: the directory is not checked, and `workdir` and `inode` are left empty too
  std::string workdir;
  std::uint64_t inode = 0;

  auto operator<=>(const Shape&) const = default;
};

[[nodiscard]] Shape make_shape(const TaskSpec& spec);

/// The parts of a fit that no work in progress changes.
[[nodiscard]] bool offers_type(const AgentOffer& offer, const Shape& shape);
[[nodiscard]] bool offers_driver(const AgentOffer& offer, const Shape& shape);
/// Every label it must carry, and every constraint on labels.
[[nodiscard]] bool offers_labels(const AgentOffer& offer, const Shape& shape);
/// The directory was seen on this very machine, or lies under one of the agent's shared paths.
[[nodiscard]] bool sees_workdir(const AgentOffer& offer, const Shape& shape);
/// Most attempts the agent takes at once.
[[nodiscard]] std::uint32_t window_of(const AgentOffer& offer);

}  // namespace stint::core
