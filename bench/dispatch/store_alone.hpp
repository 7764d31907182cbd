#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace stint::bench {

/// When tasks of an array end. Neighbours that are alike share a row (docs/storage.md "Runs").
enum class Ends {
  apart,  ///< each at a time of its own, as tasks do that work: a row for each
  alike,  ///< a thousand at once, as `noop` tasks do
};

/// Seconds that the same store alone takes to write the rows of so many tasks: each one's attempt once when placed, all of a batch at the
/// same time, and once when ended, batch after batch, until the last one is durable.
[[nodiscard]] Result<double> time_store_alone(std::uint32_t tasks, Ends ends);

}  // namespace stint::bench
