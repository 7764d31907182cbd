// Tasks that may not run on for longer without their scheduler: stopped whether the agent lives or not.

#include <fstream>

#include "adapters/exec/exec_harness.hpp"

namespace stint::exec {
namespace {

using namespace std::chrono_literals;

class KeeperAloneTest : public ConnectedExecTest {
 protected:
  void begin(const AttemptRef& ref, Duration stop_after, const std::string& script = "sleep 1000") {
    auto spec = shell(ref, script);
    spec.stop_after = stop_after;
    agent->driver->start(std::move(spec));
    ASSERT_TRUE(agent->run_until_started(ref));
  }
  void expect_lost(const AttemptRef& ref) {
    ASSERT_TRUE(agent->run_until_ended(ref));
    EXPECT_EQ(agent->seen[ref].ended->reason, EndReason::lost);
    EXPECT_NE(agent->seen[ref].ended->detail.find("stop_after"), std::string::npos) << agent->seen[ref].ended->detail;
  }
  AttemptRef leashed = attempt_ref(30);
  AttemptRef free = attempt_ref(31);
};

TEST_F(KeeperAloneTest, StopsWhatMayNotGoOnAndNothingElse) {
  agent->driver->set_alone_since(now_boottime() + 1h);
  begin(leashed, 1ms);
  begin(free, 0s);
  agent->driver->set_alone_since(now_boottime());
  expect_lost(leashed);
  EXPECT_FALSE(agent->seen[free].ended);
}

TEST_F(KeeperAloneTest, ASessionInTimeTakesTheThreatAway) {
  begin(leashed, 1h, "while [ ! -e $ROOT/go ]; do sleep 0.02; done");
  agent->driver->set_alone_since(now_boottime() - 59min);
  agent->driver->set_alone_since(now_boottime() + 1h);
  agent->driver->set_alone_since(now_boottime() - 59min);
  agent->driver->set_alone_since(now_boottime() + 1h);
  static_cast<void>(std::ofstream{root + "/go"});
  ASSERT_TRUE(agent->run_until_ended(leashed));
  EXPECT_EQ(agent->seen[leashed].ended->reason, EndReason::exit);
}

TEST_F(KeeperAloneTest, AnAgentThatStandsStillIsNotWaitedFor) {
  agent->driver->set_alone_since(now_boottime() + 200ms);
  begin(leashed, 1ms);
  begin(free, 0s);
  expect_lost(leashed);
  EXPECT_FALSE(agent->seen[free].ended);
}

TEST_F(KeeperAloneTest, CountsFromTheDeathOfAnAgentThatHadASession) {
  agent->driver->set_alone_since(now_boottime() + 1h);
  begin(leashed, 1ms);
  connect();  // the first one is gone, and this one has no session yet
  expect_lost(leashed);
}

TEST_F(KeeperAloneTest, WhatIsStartedWhileItIsAloneForTooLongIsStopped) {
  agent->driver->set_alone_since(now_boottime() - 1h);
  begin(leashed, 1min);
  expect_lost(leashed);
}

TEST_F(KeeperAloneTest, ATaskThatDoesNotListenIsKilledInTime) {
  agent->driver->set_alone_since(now_boottime() + 1h);
  begin(leashed, 1min, "trap '' TERM; while :; do sleep 0.02; done");
  agent->driver->set_alone_since(now_boottime() - 1min - limits::kLeashKill);
  expect_lost(leashed);
  EXPECT_EQ(agent->seen[leashed].ended->signal, 9) << "its grace of 30 s would have gone beyond";
}

}  // namespace
}  // namespace stint::exec
