#pragma once

#include <cstdint>
#include <optional>

#include "apps/stint/command_line.hpp"
#include "base/result.hpp"

namespace stint::cli {

/// The full-screen view of jobs, tasks, agents and metrics, until the user leaves it.
[[nodiscard]] Status watch_on_screen(const CommonOptions& options, std::optional<std::uint64_t> job);

}  // namespace stint::cli
