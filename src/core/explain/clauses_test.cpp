#include "core/explain/clauses.hpp"

#include <gtest/gtest.h>

#include "core/model/limits.hpp"

namespace stint::core {
namespace {

AgentExplanation miss(std::uint64_t agent, std::int64_t wanted, std::int64_t missing) {
  return {AgentNumber{agent}, "a" + std::to_string(agent), {{"memory", wanted, wanted - missing, missing, true, ""}}};
}

TEST(FindNearest, PrefersFewerClausesThenSmallerMissesThenLargerOffers) {
  const Resources small{1000, kGiB, 0, 0};
  const Resources large{2000, kGiB, 0, 0};
  EXPECT_EQ(find_nearest({}, {}), std::nullopt);
  EXPECT_EQ(find_nearest({miss(1, 100, 60), miss(2, 100, 50)}, {small, small}), AgentNumber{2});
  EXPECT_EQ(find_nearest({miss(1, 100, 50), miss(2, 100, 50)}, {small, large}), AgentNumber{2});
  EXPECT_EQ(find_nearest({miss(1, 100, 50), miss(2, 100, 50)}, {small, small}), AgentNumber{1});
  AgentExplanation two = miss(3, 100, 1);
  two.clauses.push_back(two.clauses.front());
  EXPECT_EQ(find_nearest({two, miss(2, 100, 99)}, {large, small}), AgentNumber{2});
  EXPECT_EQ(find_nearest({miss(1, limits::kBytes, limits::kBytes), miss(2, limits::kBytes, limits::kBytes - kGiB)}, {small, small}),
            AgentNumber{2});
}

TEST(FindClauses, TellsWhatIsShortNowFromWhatIsNeverThere) {
  AgentRow row;
  row.offer.resources = {4000, 8 * kGiB, 0, 0};
  row.offer.drivers = {"exec"};
  Shape shape;
  shape.driver = "exec";
  shape.resources = {2000, 16 * kGiB, 0, 0};
  const auto clauses = find_clauses(shape, {&row, true, {1000, 8 * kGiB, 0, 0}, 1, nullptr});
  ASSERT_EQ(clauses.size(), 2u);
  EXPECT_EQ(clauses[0].clause, "cpu");
  EXPECT_FALSE(clauses[0].permanent);
  EXPECT_EQ(clauses[0].offered, 1000);
  EXPECT_EQ(clauses[0].text, "it wants 2 CPUs, the agent has only 1 CPU free of 4 CPUs");
  EXPECT_EQ(clauses[1].clause, "memory");
  EXPECT_TRUE(clauses[1].permanent);
  EXPECT_EQ(clauses[1].offered, 8 * kGiB);
  EXPECT_EQ(clauses[1].missing, 8 * kGiB);
}

TEST(Format, RoundsDownToOneDecimal) {
  EXPECT_EQ(format_bytes(0), "0 bytes");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(16 * kGiB), "16 GiB");
  EXPECT_EQ(format_bytes(1'000'000'000'000), "931.3 GiB");
  EXPECT_EQ(format_bytes(limits::kBytes - 1), "1048575.9 TiB");
  EXPECT_EQ(format_cpu(500), "0.5 CPUs");
  EXPECT_EQ(format_cpu(1000), "1 CPU");
  EXPECT_EQ(format_cpu(1250), "1250 millicores");
}

}  // namespace
}  // namespace stint::core
