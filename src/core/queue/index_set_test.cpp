#include "core/queue/index_set.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/random.hpp"

namespace stint::core {
namespace {

/// Over many blocks: dense ones, empty ones, and the borders between them.
TEST(IndexSet, AgreesWithAPlainSet) {
  Prng draw{11};
  IndexSet set;
  std::set<std::uint32_t> plain;
  for (int round = 0; round < 60; ++round) {
    const auto first = static_cast<std::uint32_t>(draw.below(600'000));
    const auto length = static_cast<std::uint32_t>(1 + draw.below(8'000));
    for (std::uint32_t index = first; index < first + length; ++index) {
      if (plain.insert(index).second) {
        set.insert(index);
      } else if (index % 3 == 0) {
        plain.erase(index);
        set.erase(index);
      }
    }
    ASSERT_EQ(set.size(), plain.size());
    for (int question = 0; question < 50; ++question) {
      const auto index = static_cast<std::uint32_t>(draw.below(620'000));
      const auto at = plain.lower_bound(index);
      ASSERT_EQ(set.next(index), at == plain.end() ? IndexSet::kNone : *at);
      ASSERT_EQ(set.contains(index), plain.contains(index));
    }
    const auto index = static_cast<std::uint32_t>(draw.below(620'000));
    ASSERT_EQ(set.count_before(index), std::distance(plain.begin(), plain.lower_bound(index)));
  }
  while (!set.empty()) {
    ASSERT_EQ(set.first(), *plain.begin());
    plain.erase(plain.begin());
    set.erase(set.first());
  }
}

}  // namespace
}  // namespace stint::core
