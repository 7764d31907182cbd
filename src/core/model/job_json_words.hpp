#pragma once

#include <string_view>

/// The words of a job's JSON for the enums of job.hpp, in the order of their values.
namespace stint::core {

inline constexpr std::string_view kPolicies[] = {"keep", "stop_after", "replace"};
inline constexpr std::string_view kConditions[] = {"success", "failure", "always"};
inline constexpr std::string_view kItemKinds[] = {"lines", "files"};

}  // namespace stint::core
