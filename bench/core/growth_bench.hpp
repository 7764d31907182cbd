#pragma once

#include <cstdint>
#include <iosfwd>

namespace stint::bench {

struct GrowthBenchOptions {
  std::uint32_t pending = 10'000'000;   ///< the largest; the others are powers of ten below it, from 1,000 on
  std::uint32_t agents = 10'000;        ///< the largest; likewise, from 10 on
  int rounds = 31;
};

/// `stint bench growth`: what placing one task costs the scheduler's core as pending tasks and agents grow, in one process and one thread,
/// without store and network. Each point is the median of rounds that go through all points in turn; the bars are on the slopes of the cost
/// over the number, both in logarithms: 0 is independent, 1 proportional.
///
/// Returns 0 if all bars are met, 1 if not.
int run_growth_bench(const GrowthBenchOptions& options, bool json, std::ostream& out);

}  // namespace stint::bench
