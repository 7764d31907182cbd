#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace stint::bench {

/// Seconds that the same store alone takes to write the rows of so many tasks: each one's attempt once when placed and once when ended,
/// batch after batch, until the last one is durable.
[[nodiscard]] Result<double> time_store_alone(std::uint32_t tasks);

}  // namespace stint::bench
