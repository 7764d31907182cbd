#include "agent/backoff.hpp"

#include <algorithm>

#include "agent/limits.hpp"

namespace stint::agent {

void Backoff::raise_to(std::uint32_t failures) { failures_ = std::max(failures_, failures); }

Duration Backoff::next_delay() {
  Duration longest = limits::kBackoffBase;
  for (std::uint32_t i = 0; i < failures_ && longest < limits::kBackoffCap; ++i) longest *= 2;
  ++failures_;
  return prng_.between(Duration{0}, std::min(longest, limits::kBackoffCap));
}

}  // namespace stint::agent
