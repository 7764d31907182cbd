#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/world.hpp"

namespace stint::sim {

/// Runs every seed in one of `jobs` processes: a broken assertion ends a process, not the whole run, and counts as a finding of its seed.
/// `on_outcome` is called as outcomes come, in no order; false stops the run.
/// Errors:  io  no process could be made.
[[nodiscard]] Status run_seeds(const std::vector<std::uint64_t>& seeds, const FaultChoice& choice, std::size_t jobs,
                               const std::function<bool(const Outcome&)>& on_outcome);

/// Runs one plan in a process of its own.
[[nodiscard]] Outcome run_apart(const Plan& plan);

}  // namespace stint::sim
