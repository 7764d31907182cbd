#include "sim/world.hpp"

#include <gtest/gtest.h>

#include "sim/seeds.hpp"

namespace stint::sim {
namespace {

TEST(World, GivesTheSameTraceForTheSameSeed) {
  for (const std::uint64_t seed : {7ULL, 38ULL, 121ULL}) {
    const Outcome first = World(seed).run();
    const Outcome second = World(seed).run();
    EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps) << "seed " << seed;
    EXPECT_GT(first.steps, 0U);
  }
}

TEST(World, GivesAnotherTraceForAnotherSeed) { EXPECT_NE(World(1).run().trace_hash, World(2).run().trace_hash); }

TEST(World, CompletesAllWorkWithoutFaults) {
  const Outcome outcome = World(5, Trace::Output::none, World::Faults::none).run();
  EXPECT_TRUE(outcome.is_clean()) << (outcome.findings.empty() ? "" : outcome.findings.front());
  EXPECT_GT(outcome.executions, 0U);
  EXPECT_GT(outcome.facts, 0U);
  EXPECT_GT(outcome.reloads, 0U);
}

TEST(Seeds, AreANumberOrARange) {
  EXPECT_EQ(*parse_seeds("7"), std::vector<std::uint64_t>{7});
  EXPECT_EQ(*parse_seeds("3..5"), (std::vector<std::uint64_t>{3, 4, 5}));
  for (const auto* bad : {"", "x", "5..3", "1..", "1.2", "1..2x"}) EXPECT_FALSE(parse_seeds(bad)) << bad;
}

}  // namespace
}  // namespace stint::sim
