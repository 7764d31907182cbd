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
  std::uint64_t executions = 0;
  for (std::uint64_t seed = 5; seed < 9; ++seed) {
    const Outcome outcome = World(draw_plan(seed, {{}, FaultSet().set()})).run();
    EXPECT_TRUE(outcome.is_clean()) << (outcome.findings.empty() ? "" : outcome.findings.front());
    EXPECT_GT(outcome.facts, 0U);
    EXPECT_GT(outcome.reloads, 0U);
    for (std::size_t kind = 0; kind < kFaults; ++kind) EXPECT_EQ(outcome.faults.of(static_cast<Fault>(kind)), 0U);
    executions += outcome.executions;
  }
  EXPECT_GT(executions, 0U);
}

TEST(World, CountsWhatItWasAskedToBreak) {
  const FaultSet only = *parse_faults("partition_one_way,torn_batch,crash_scheduler");
  FaultCounts counts;
  for (std::uint64_t seed = 1; seed < 40; ++seed) {
    const Outcome outcome = World(draw_plan(seed, {only, {}})).run();
    EXPECT_TRUE(outcome.is_clean()) << (outcome.findings.empty() ? "" : outcome.findings.front());
    counts.add(outcome.faults);
  }
  for (std::size_t kind = 0; kind < kFaults; ++kind) {
    const bool has_struck = counts.of(static_cast<Fault>(kind)) > 0;
    EXPECT_EQ(has_struck, only.test(kind)) << to_string(static_cast<Fault>(kind));
  }
}

TEST(World, KnowsEverySituationThatItReaches) {
  const auto known = Situations::known();
  for (std::uint64_t seed = 1; seed < 20; ++seed)
    for (const auto& situation : World(seed).run().situations) EXPECT_TRUE(known.contains(situation)) << situation;
}

TEST(Seeds, AreANumberOrARange) {
  EXPECT_EQ(*parse_seeds("7"), std::vector<std::uint64_t>{7});
  EXPECT_EQ(*parse_seeds("3..5"), (std::vector<std::uint64_t>{3, 4, 5}));
  for (const auto* bad : {"", "x", "5..3", "1..", "1.2", "1..2x"}) EXPECT_FALSE(parse_seeds(bad)) << bad;
}

}  // namespace
}  // namespace stint::sim
