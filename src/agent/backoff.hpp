#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "base/time.hpp"

namespace stint::agent {

/// Delays between attempts to connect: uniform in [0, min(cap, base · 2^failures)], so that a thousand agents do not come back at once.
/// Source:  M. Brooker, "Exponential Backoff And Jitter", 2015: full jitter.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed) : prng_(seed) {}
  void reset() { failures_ = 0; }
  /// The next delays are at least those after `failures` failures.
  void raise_to(std::uint32_t failures);
  [[nodiscard]] Duration next_delay();

 private:
  Prng prng_;
  std::uint32_t failures_ = 0;
};

}  // namespace stint::agent
