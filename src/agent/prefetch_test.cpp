// Attempts that wait at an agent for its resources, and are given back.
#include <gtest/gtest.h>

#include "agent/room.hpp"
#include "agent/test_world.hpp"

namespace stint::agent {
namespace {

using namespace agent::testing;

class Prefetch : public ::testing::Test {
 protected:
  Prefetch() {
    world.offered = {2000, 4 * kGiB, 0, 100 * kGiB};
    world.prefetch = 4;
  }
  void begin() {
    world.start();
    world.connect();
  }
  void recall(std::uint32_t index) {
    world.scheduler.session->send(protocol::Cancel{{{ref(index), protocol::CancelMode::recall, EndReason::superseded}}});
    world.settle();
  }
  /// Two that run, and one behind them that may be without its scheduler for a minute.
  void fill_with_leashed_behind() {
    auto leashed = task_template();
    leashed.stop_after = 1min;
    leashed.on_disconnect = DisconnectPolicy::stop_after;
    world.assign({ref(0), ref(1)});
    world.assign({ref(2)}, leashed);
  }
  /// In the order of their numbers; one that was started twice is there twice.
  [[nodiscard]] std::vector<std::uint32_t> started() const {
    std::vector<std::uint32_t> indexes;
    for (const auto& [ref, times] : world.driver.starts) indexes.insert(indexes.end(), static_cast<std::size_t>(times), ref.task.index);
    return indexes;
  }
  void end(std::uint32_t index) {
    world.driver.end(ref(index), EndReason::exit, 0);
    world.settle();
  }
  void TearDown() override { EXPECT_EQ(world.scheduler.breaches, std::vector<std::string>{}); }
  World world;
};
using Started = std::vector<std::uint32_t>;

TEST_F(Prefetch, StartsWhatFitsAndTheNextWhenOneHasEnded) {
  begin();
  world.assign({ref(0), ref(1), ref(2), ref(3)});
  EXPECT_EQ(started(), (Started{0, 1}));
  end(1);
  EXPECT_EQ(started(), (Started{0, 1, 2})) << "without a word of the scheduler";
  end(0);
  end(2);
  EXPECT_EQ(started(), (Started{0, 1, 2, 3}));
  end(3);
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(Prefetch, ASmallOneDoesNotWaitBehindALargeOne) {
  begin();
  auto large = task_template();
  large.resources.cpu_millis = 2000;
  auto small = task_template();
  small.resources.cpu_millis = 500;
  world.assign({ref(0)});
  world.assign({ref(1)}, large);
  world.assign({ref(2)}, small);
  EXPECT_EQ(started(), (Started{0, 2}));
  end(0);
  EXPECT_EQ(started(), (Started{0, 2})) << "half a core is taken";
  end(2);
  EXPECT_EQ(started(), (Started{0, 1, 2}));
}

TEST_F(Prefetch, AnAgentThatLetsNothingWaitStartsWhateverItIsGiven) {
  world.prefetch = 0;
  begin();
  world.assign({ref(0), ref(1), ref(2)});
  EXPECT_EQ(started(), (Started{0, 1, 2}));
}

TEST_F(Prefetch, OneThatWaitsIsGivenBackAndOneThatRunsGoesOn) {
  begin();
  world.assign({ref(0), ref(1), ref(2)});
  recall(2);
  ASSERT_NE(world.task(2).last(), nullptr);
  EXPECT_EQ(world.task(2).last()->status, TaskStatus::cancelled);
  EXPECT_EQ(world.task(2).last()->reason, EndReason::recalled);
  EXPECT_EQ(world.task(2).last()->started_ms, 0);
  recall(0);
  EXPECT_TRUE(world.driver.stops.empty());
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running);
  end(0);
  EXPECT_EQ(started(), (Started{0, 1})) << "what was given back never starts here";
}

TEST_F(Prefetch, WhatMayNotBeAloneIsNotBegunAlone) {
  begin();
  fill_with_leashed_behind();
  world.assign({ref(3)});
  world.cut();
  world.time += 1min;
  end(0);
  EXPECT_EQ(started(), (Started{0, 1, 3})) << "another attempt of task 2 may run elsewhere by the time its turn comes";
  end(1);
  world.advance(1min);
  world.connect();
  EXPECT_EQ(started(), (Started{0, 1, 2, 3}));
}

TEST_F(Prefetch, WhatMayNotBeAloneIsNotBegunByAProcessThatStoodStill) {
  begin();
  fill_with_leashed_behind();
  world.driver.end(ref(0), EndReason::exit, 0);
  world.time += 2min;  // two heartbeats, and the task's own minute; its session has not noticed
  world.agent->on_driver_events(world.now());
  EXPECT_EQ(started(), (Started{0, 1}));
}

TEST_F(Prefetch, GpusAreNotTakenByWhatWaitsForACore) {
  World with_gpu{1};
  with_gpu.offered = {1000, kGiB, 0, kGiB};
  with_gpu.prefetch = 2;
  with_gpu.start();
  with_gpu.connect();
  auto large = task_template();
  large.resources.gpus = 1;
  auto small = large;
  small.resources.cpu_millis = 0;
  with_gpu.assign({ref(0)});
  with_gpu.assign({ref(1)}, large);
  with_gpu.assign({ref(2)}, small);
  ASSERT_EQ(with_gpu.driver.starts.size(), 2U);
  EXPECT_EQ(with_gpu.driver.tasks.at(ref(2)).spec.gpus, (std::vector<std::uint32_t>{0}));
}

TEST_F(Prefetch, NothingIsLetWaitWhileSomethingRunsThatAnEarlierProcessBegan) {
  begin();
  EXPECT_EQ(world.scheduler.told().prefetch, 4U);
  world.assign({ref(0)});
  world.restart();
  EXPECT_EQ(world.scheduler.told().prefetch, 0U);
  end(0);
  EXPECT_EQ(world.scheduler.told().prefetch, 4U);
}

TEST(Room, CountsWhatTheWireHasRoundedUpAsNoMoreThanWasAskedFor) {
  const Resources asked{100, kMiB + 1, 0, kGiB + 1};
  const Resources on_wire{100, 2 * kMiB, 0, 2 * kGiB};
  const Resources counted = Room::of_task(on_wire);
  EXPECT_TRUE(asked.covers(counted));
  EXPECT_GT(counted.memory_bytes, kMiB);
  EXPECT_GT(counted.storage_bytes, kGiB);
  EXPECT_EQ(Room::of_task({}), Resources{});
}

TEST(Room, HasAlwaysRoomForOneAlone) {
  Room room{{1000, kGiB, 0, kGiB}, true};
  const Resources much{4000, kGiB, 0, 0};
  EXPECT_TRUE(room.has(much));
  room.take(much);
  EXPECT_FALSE(room.has({1, 0, 0, 0}));
  room.give_back(much);
  EXPECT_TRUE(room.has({1000, 0, 0, 0}));
}

}  // namespace
}  // namespace stint::agent
