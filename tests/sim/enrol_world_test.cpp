#include "sim/enrol_world.hpp"

#include <gtest/gtest.h>

namespace stint::sim {
namespace {

/// Steps of the same world without a fault: its crash points.
std::uint64_t steps_of(std::uint64_t seed) {
  const auto outcome = EnrolWorld({seed, EnrolFault::none, 0}).run();
  EXPECT_TRUE(outcome.findings.empty()) << "seed " << seed << ": " << outcome.findings.front();
  EXPECT_EQ(outcome.told, 2U) << "seed " << seed;
  return outcome.steps;
}

class EveryStep : public ::testing::TestWithParam<EnrolFault> {};

TEST_P(EveryStep, LeavesOneAgentPerTokenAndLocksNobodyOut) {
  std::uint64_t told_twice = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::uint64_t steps = steps_of(seed);
    ASSERT_GT(steps, 20U);
    for (std::uint64_t step = 0; step <= steps; ++step) {
      const auto outcome = EnrolWorld({seed, GetParam(), step}).run();
      ASSERT_TRUE(outcome.findings.empty()) << "seed " << seed << ", fault " << int{static_cast<std::uint8_t>(GetParam())} << ", step "
                                            << step << ": " << outcome.findings.front();
      told_twice += outcome.told > 2 ? 1 : 0;
    }
  }
  if (GetParam() == EnrolFault::crash_machines) {
    EXPECT_GT(told_twice, 0U) << "no machine had to ask again for what it had been told";
  }
}

INSTANTIATE_TEST_SUITE_P(Enrolment, EveryStep,
                         ::testing::Values(EnrolFault::crash_scheduler, EnrolFault::crash_machines, EnrolFault::reset_links,
                                           EnrolFault::lose_answers, EnrolFault::full_disk, EnrolFault::slow_disk));

}  // namespace
}  // namespace stint::sim
