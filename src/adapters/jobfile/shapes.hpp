#pragma once

#include <span>
#include <string_view>

namespace stint::adapters {

/// A commented job file to start from.
struct JobShape {
  std::string_view name;
  std::string_view summary;
  std::string_view yaml;
};

/// The first is what most people begin with.
[[nodiscard]] std::span<const JobShape> job_shapes();

}  // namespace stint::adapters
