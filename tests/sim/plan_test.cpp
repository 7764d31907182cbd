#include "sim/plan.hpp"

#include <gtest/gtest.h>

#include "sim/shrink.hpp"

namespace stint::sim {
namespace {

TEST(Faults, AreNamedAndSuggested) {
  for (std::size_t kind = 0; kind < kFaults; ++kind) {
    const auto set = parse_faults(to_string(static_cast<Fault>(kind)));
    ASSERT_TRUE(set);
    EXPECT_TRUE(set->test(kind));
    EXPECT_EQ(set->count(), 1U);
  }
  EXPECT_EQ(parse_faults("crash_scheduler,look")->count(), 2U);
  EXPECT_TRUE(parse_faults("")->none());
  EXPECT_EQ(parse_faults("slow_disc").error().detail,
            "no fault is named \"slow_disc\"; did you mean \"slow_disk\"?; stint-sim --list-faults names them");
}

TEST(Faults, AreDrawnForEachSeedOrChosen) {
  EXPECT_NE(draw_plan(1).faults, draw_plan(2).faults);
  const FaultSet only = *parse_faults("partition");
  EXPECT_EQ(draw_plan(1, {only, {}}).faults, only);
  EXPECT_TRUE(draw_plan(1, {only, only}).faults.none());
  for (const Strike& strike : draw_plan(1, {only, {}}).strikes) EXPECT_EQ(strike.fault, Fault::partition);
}

TEST(Cut, IsTextBothWays) {
  for (const char* text :
       {"", "agents 1-3,5", "jobs none", "agents 2; jobs 1; tasks 4; faults 2,7-9; minutes 3; calm network; no people; no liar"})
    EXPECT_EQ(parse_cut(text)->text(), text);
  for (const char* bad : {"agents", "agents x", "agents 1-x", "tasks 0", "storm 3", "minutes"}) EXPECT_FALSE(parse_cut(bad)) << bad;
}

TEST(Cut, LeavesTheRestAsItWas) {
  const Plan whole = draw_plan(3);
  ASSERT_GT(whole.strikes.size(), 3U);
  const Plan plan = parse_cut("agents 2; faults 1,3")->apply(whole);
  ASSERT_EQ(plan.agents.size(), 1U);
  EXPECT_EQ(plan.agents[0].seed, whole.agents[1].seed);
  ASSERT_EQ(plan.strikes.size(), 2U);
  EXPECT_EQ(plan.strikes[1].seed, whole.strikes[2].seed);
  EXPECT_EQ(plan.jobs.size(), whole.jobs.size());
}

/// A "bug" that needs two certain strikes and the second agent.
TEST(Shrinker, LeavesWhatTheFindingNeeds) {
  Plan plan;
  for (std::uint64_t seed = 1; plan.strikes.size() <= 8 || plan.agents.size() < 2; ++seed) plan = draw_plan(seed);
  const auto needed = [seed_a = plan.strikes[2].seed, seed_b = plan.strikes[7].seed, agent = plan.agents[1].seed](const Plan& tried) {
    int found = 0;
    for (const Strike& strike : tried.strikes) found += strike.seed == seed_a || strike.seed == seed_b ? 1 : 0;
    for (const auto& one : tried.agents) found += one.seed == agent ? 1 : 0;
    return found == 3;
  };
  Shrinker shrinker(plan, "1.t0@2: ended twice",
                    [&](const Plan& tried) { return needed(tried) ? std::string("7.t1@1: ended twice") : std::string("another: thing"); });
  const Cut cut = shrinker.shrink();
  EXPECT_EQ(*cut.faults, (std::vector<std::size_t>{3, 8}));
  EXPECT_EQ(*cut.agents, std::vector<std::size_t>{2});
  EXPECT_TRUE(cut.jobs->empty());
  EXPECT_TRUE(cut.is_network_calm);
  EXPECT_LT(shrinker.runs(), 150U);
}

TEST(MachineClock, GoesOnFromWhereItWasWhenItsSpeedChanges) {
  Agenda agenda;
  MachineClock clock(agenda, std::chrono::hours{1}, 0, 0);
  agenda.after(std::chrono::seconds{1000}, [] {});
  ASSERT_TRUE(agenda.run_next());
  const Instant before = clock.now().mono;
  clock.set_drift(1000);
  EXPECT_EQ(clock.now().mono, before);
  EXPECT_EQ(clock.read(agenda.now() + std::chrono::seconds{1000}), before + std::chrono::seconds{1001});
  EXPECT_EQ(clock.to_world(before + std::chrono::seconds{1001}), agenda.now() + std::chrono::seconds{1000});
}

}  // namespace
}  // namespace stint::sim
