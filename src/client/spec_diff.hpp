#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace stint::client {

/// One difference between two jobs: `train.retries`, `2`, `3`. An empty text: the key is not there.
struct SpecChange {
  std::string key;
  std::string before;
  std::string after;
  bool operator==(const SpecChange&) const = default;
};

/// What changed from one job (its JSON) to another. Tasks are compared by their names; what says nothing about the job itself (the place it
/// was submitted from, variables of the user's shell, which come with every submission) is left out.
/// Errors:  corrupt  one is not the JSON of a job.
[[nodiscard]] Result<std::vector<SpecChange>> diff_specs(std::string_view before, std::string_view after);

}  // namespace stint::client
