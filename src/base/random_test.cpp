#include "base/random.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <vector>

namespace stint {
namespace {

TEST(Prng, SameSeedGivesTheSameDraws) {
  Prng a(42), b(42), c(43);
  const auto first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
}

TEST(Prng, BelowReachesEveryValueAndNoOther) {
  Prng prng(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(prng.below(7));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Prng, ShuffleKeepsTheItems) {
  Prng prng(5);
  std::vector<int> items(50);
  std::iota(items.begin(), items.end(), 0);
  auto shuffled = items;
  prng.shuffle(std::span<int>(shuffled));
  EXPECT_NE(shuffled, items);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, items);
}

}  // namespace
}  // namespace stint
