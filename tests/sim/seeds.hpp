#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace stint::sim {

/// `7`, `1..200`.
/// Errors:  invalid_argument  not of that form, or from a greater to a smaller number.
[[nodiscard]] Result<std::vector<std::uint64_t>> parse_seeds(std::string_view text);

/// Those of tests/sim/seeds.txt: they found a bug once.
[[nodiscard]] std::vector<std::uint64_t> known_seeds();

}  // namespace stint::sim
