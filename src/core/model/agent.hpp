#pragma once

#include <string>
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
  bool operator==(const AgentOffer&) const = default;
};

}  // namespace stint::core
