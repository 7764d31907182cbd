#include "scheduler/heartbeat_rule.hpp"

#include <gtest/gtest.h>

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;

TEST(HeartbeatRule, FewAgentsKeepTheIntervalOfTheConfiguration) {
  EXPECT_EQ(heartbeat_for(30s, 1, 65535), 30s);
  EXPECT_EQ(heartbeat_for(1s, 99, 65535), 1s);
}

TEST(HeartbeatRule, ManyAgentsSpeakLessOftenEach) {
  EXPECT_EQ(heartbeat_for(1s, 500, 0), 1s);
  EXPECT_EQ(heartbeat_for(1s, 5'000, 0), 10s);
  EXPECT_EQ(heartbeat_for(1s, 20'000, 0), 30s) << "leases of 90 s count on it";
  EXPECT_EQ(heartbeat_for(30s, 20'000, 0), 30s);
}

TEST(HeartbeatRule, ManyAgentsAreSpreadOut) {
  EXPECT_EQ(heartbeat_for(8s, 1'000, 0), 8s);
  EXPECT_EQ(heartbeat_for(8s, 1'000, 32768), 7500ms);
  EXPECT_GT(heartbeat_for(8s, 1'000, 65535), 7s);
}

}  // namespace
}  // namespace stint::scheduler
