// Attempts that the scheduler has decided on and not yet written down.
#include <gtest/gtest.h>

#include "agent/test_world.hpp"

namespace stint::agent {
namespace {

using namespace agent::testing;

class Provisional : public ::testing::Test {
 protected:
  explicit Provisional(std::int64_t gpus = 2) : world(gpus) {
    world.start();
    world.connect();
  }
  void announce(std::uint32_t index, const protocol::TaskTemplate& tmpl = task_template()) {
    world.scheduler.announce(ref(index), tmpl);
    world.settle();
  }
  void confirm(const std::vector<AttemptRef>& refs) {
    world.scheduler.confirm(refs);
    world.settle();
  }
  void TearDown() override { EXPECT_EQ(world.scheduler.breaches, std::vector<std::string>{}); }
  World world;
};

TEST_F(Provisional, TheAgentSaysThatItKnowsThem) { EXPECT_TRUE(world.scheduler.resumes.back().info.knows_provisional); }

TEST_F(Provisional, IsPreparedAndStartedWhenItIsConfirmed) {
  announce(0);
  ASSERT_EQ(world.driver.prepared.size(), 1U);
  EXPECT_EQ(world.driver.prepared[0].ref, ref(0));
  EXPECT_TRUE(world.driver.starts.empty());
  world.advance(10s);
  EXPECT_TRUE(world.driver.starts.empty());
  EXPECT_EQ(world.driver.prepared.size(), 1U) << "once";

  confirm({ref(0)});
  EXPECT_EQ(world.driver.starts[ref(0)], 1);
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::completed);
}

TEST_F(Provisional, WhatIsStartedIsWhatWasPrepared) {
  auto with_gpu = task_template();
  with_gpu.resources.gpus = 1;
  world.assign({ref(0)}, with_gpu);
  announce(1, with_gpu);
  confirm({ref(1)});
  const auto& started = world.driver.tasks.at(ref(1)).spec;
  const auto& prepared = world.driver.prepared.at(0);
  EXPECT_EQ(prepared.gpus, std::vector<std::uint32_t>{1});
  EXPECT_EQ(prepared.gpus, started.gpus);
  EXPECT_EQ(prepared.env, started.env);
  EXPECT_EQ(prepared.command, started.command);
}

TEST_F(Provisional, WithoutRoomItIsNotPrepared) {
  auto with_gpus = task_template();
  with_gpus.resources.gpus = 2;
  world.assign({ref(0)}, with_gpus);
  announce(1, with_gpus);
  EXPECT_TRUE(world.driver.prepared.empty());
  confirm({ref(1)});
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(world.driver.starts[ref(1)], 1);
}

TEST_F(Provisional, WhatHasNoProcessIsNotRunEither) {
  auto noop = task_template();
  noop.driver = "noop";
  announce(0, noop);
  EXPECT_FALSE(world.task(0).ended());
  confirm({ref(0)});
  EXPECT_TRUE(world.task(0).ended());
}

TEST_F(Provisional, OnlyWhatIsNamedIsConfirmed) {
  announce(0);
  announce(1);
  confirm({ref(1), ref(7)});
  EXPECT_EQ(world.driver.starts, (std::map<AttemptRef, int>{{ref(1), 1}}));
}

TEST_F(Provisional, AnOrdinaryListConfirmsItToo) {
  announce(0);
  world.assign({ref(0)});
  EXPECT_EQ(world.driver.starts[ref(0)], 1);
  announce(0);
  EXPECT_EQ(world.driver.starts[ref(0)], 1);
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::completed);
}

TEST_F(Provisional, WhatIsNotConfirmedIsForgottenWithItsSession) {
  announce(0);
  world.cut();
  EXPECT_EQ(world.driver.releases, std::vector{ref(0)}) << "so that the driver forgets it, too";
  world.advance(1min);
  world.connect();
  EXPECT_TRUE(world.scheduler.resumes.back().held.empty());
  confirm({ref(0)});
  EXPECT_TRUE(world.driver.starts.empty());
  EXPECT_EQ(world.agent->held(), 0U);
  EXPECT_TRUE(world.task(0).updates.empty());
}

TEST_F(Provisional, NothingIsSaidOfItBeforeItIsConfirmed) {
  auto too_many = task_template();
  too_many.resources.gpus = 3;
  announce(0);
  announce(1, too_many);
  world.advance(1min);
  EXPECT_TRUE(world.task(0).updates.empty());
  EXPECT_TRUE(world.task(1).updates.empty());
  confirm({ref(0), ref(1)});
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running);
  EXPECT_EQ(world.task(1).last()->reason, EndReason::refused);
}

/// The scheduler died before it had written the first, and decides anew under the same name: both reach the agent in one read.
TEST_F(Provisional, OneThatWasForgottenMakesWayForAnotherOfItsName) {
  announce(0);
  world.cut();
  world.scheduler.verdicts[ref(0)] = protocol::Verdict::forget;
  world.scheduler.after_reconcile = [&] { world.scheduler.assign({ref(0)}, task_template()); };
  world.advance(1min);
  world.connect();
  EXPECT_EQ(world.driver.releases, std::vector{ref(0)}) << "of the first, before the second is started";
  ASSERT_EQ(world.driver.starts[ref(0)], 1);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running);
}

TEST_F(Provisional, OneThatTheJournalCannotForgetIsAskedForAgain) {
  announce(0);
  world.journal.is_full = true;
  world.cut();
  world.scheduler.after_reconcile = [&] { world.scheduler.assign({ref(0)}, task_template()); };
  world.advance(1min);
  world.connect();
  EXPECT_FALSE(world.agent->is_synced()) << "the assignment was not heard, and the next session says so";
  EXPECT_TRUE(world.driver.starts.empty());
  world.cut();
  world.journal.is_full = false;
  world.advance(1min);
  world.connect();
  EXPECT_TRUE(world.scheduler.resumes.back().held.empty());
  EXPECT_EQ(world.driver.starts[ref(0)], 1);
}

/// Nobody can tell whether it had been started: what comes under its name meanwhile shares its end.
TEST_F(Provisional, OneThatIsForgottenWhileTheKeeperIsAwayAndGivenAnewIsLost) {
  announce(0);
  world.driver.is_away = true;
  world.scheduler.verdicts[ref(0)] = protocol::Verdict::forget;
  world.scheduler.after_reconcile = [&] { world.scheduler.assign({ref(0)}, task_template()); };
  world.restart();
  EXPECT_EQ(world.agent->held(), 1U);
  world.driver.come_back();
  world.settle();
  ASSERT_NE(world.task(0).last(), nullptr);
  EXPECT_EQ(world.task(0).last()->reason, EndReason::lost);
  EXPECT_TRUE(world.driver.starts.empty());
}

TEST_F(Provisional, ACancelEndsIt) {
  announce(0);
  world.scheduler.session->send(protocol::Cancel{{{ref(0), protocol::CancelMode::graceful, EndReason::cancelled}}});
  confirm({ref(0)});
  EXPECT_TRUE(world.driver.starts.empty());
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::cancelled);
}

}  // namespace
}  // namespace stint::agent
