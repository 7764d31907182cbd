#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace stint::bench {

/// Seconds for `loops` threads that together start a program `times` times, each waiting for one before it starts the next: no pipes, no
/// limits, no record. Errors: io  it did not start, or ended with another exit status than 0.
[[nodiscard]] Result<double> time_bare_loop(const std::string& program, std::uint32_t times, std::uint32_t loops);

}  // namespace stint::bench
