#include "adapters/staging/checkpoint.hpp"

#include <gtest/gtest.h>

#include "staging/staging_world.hpp"

namespace stint::staging {
namespace {

using namespace staging::testing;

ports::StageSpec checkpointed(BlobId from = {}) {
  ports::StageSpec stage;
  stage.checkpoint = true;
  stage.checkpoint_from = from;
  return stage;
}

/// The manifest that the scheduler was told last for this attempt, or none.
BlobId told(World& world, std::uint32_t attempt) {
  return world.scheduler.read([&](FakeScheduler& s) {
    const auto found = s.checkpoints.find("/v1/attempts/12.0.0." + std::to_string(attempt) + "/checkpoint");
    return found == s.checkpoints.end() ? BlobId{} : *parse_blob_id(found->second.substr(13, 64));
  });
}

TEST(Checkpoint, AFailedAttemptPushesWhatTheNextOneStartsFromElsewhere) {
  World here;
  here.driver->start(here.spec(ref(0), checkpointed()));
  ASSERT_TRUE(here.wait_started(ref(0)));
  write_text(here.variable(ref(0), "STINT_CHECKPOINT_DIR") + "/epoch/3", "weights");
  here.inner.end(ref(0), EndReason::signal, 0);
  ASSERT_NE(here.wait_ended(ref(0)), nullptr);
  EXPECT_EQ(here.ends[ref(0)][0].reason, EndReason::signal);
  const auto manifest = told(here, 1);
  ASSERT_TRUE(manifest) << "before the end was said";

  World elsewhere;
  elsewhere.scheduler.blobs = here.scheduler.blobs;
  elsewhere.driver->start(elsewhere.spec(ref(0, 2), checkpointed(manifest)));
  ASSERT_TRUE(elsewhere.wait_started(ref(0, 2)));
  EXPECT_EQ(read_text(elsewhere.variable(ref(0, 2), "STINT_CHECKPOINT_DIR") + "/epoch/3"), "weights");
}

TEST(Checkpoint, TheNextAttemptHereFindsTheDirectoryAsItWasLeft) {
  World world;
  world.driver->start(world.spec(ref(0), checkpointed()));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto dir = world.variable(ref(0), "STINT_CHECKPOINT_DIR");
  write_text(dir + "/a", "pushed");
  world.inner.end(ref(0), EndReason::exit, 1);
  ASSERT_NE(world.wait_ended(ref(0)), nullptr);
  world.driver->release(ref(0));
  ASSERT_TRUE(world.wait([&] { return !exists(world.attempt_dir(ref(0))); }));
  write_text(dir + "/b", "not pushed");
  const auto reads = world.scheduler.reads;
  world.driver->start(world.spec(ref(0, 2), checkpointed(told(world, 1))));
  ASSERT_TRUE(world.wait_started(ref(0, 2)));
  EXPECT_EQ(world.variable(ref(0, 2), "STINT_CHECKPOINT_DIR"), dir);
  EXPECT_EQ(read_text(dir + "/b"), "not pushed") << "what is here is newer than what was pushed from here";
  EXPECT_EQ(world.scheduler.reads, reads);
}

TEST(Checkpoint, ACheckpointOfAnotherAgentReplacesAnOlderOneHere) {
  World world;
  world.driver->start(world.spec(ref(0), checkpointed()));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto dir = world.variable(ref(0), "STINT_CHECKPOINT_DIR");
  write_text(dir + "/step", "1");
  world.inner.end(ref(0), EndReason::exit, 1);
  ASSERT_NE(world.wait_ended(ref(0)), nullptr);
  const auto newer = world.scheduler.add_tree({world.scheduler.add_file("step", "2")});
  world.driver->start(world.spec(ref(0, 3), checkpointed(newer)));
  ASSERT_TRUE(world.wait_started(ref(0, 3)));
  EXPECT_EQ(read_text(dir + "/step"), "2");
}

TEST(Checkpoint, IsPushedWhileTheAttemptRunsIfItHasChanged) {
  World world;
  world.checkpoint_interval = 1ms;
  world.start();
  world.driver->start(world.spec(ref(0), checkpointed()));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto dir = world.variable(ref(0), "STINT_CHECKPOINT_DIR");
  write_text(dir + "/a", "1");
  ASSERT_TRUE(world.wait([&] { return bool{told(world, 1)}; }));
  const auto first = told(world, 1);
  write_text(dir + "/a", "22");
  ASSERT_TRUE(world.wait([&] { return told(world, 1) != first; }));

  world.start();  // an agent that finds it running goes on with it
  const auto second = told(world, 1);
  write_text(dir + "/a", "333");
  EXPECT_TRUE(world.wait([&] { return told(world, 1) != second; }));
}

TEST(Checkpoint, GoesWhenTheTaskHasCompleted) {
  World world;
  world.driver->start(world.spec(ref(0), checkpointed()));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto dir = world.variable(ref(0), "STINT_CHECKPOINT_DIR");
  write_text(dir + "/a", "1");
  world.inner.end(ref(0), EndReason::exit, 0);
  ASSERT_NE(world.wait_ended(ref(0)), nullptr);
  EXPECT_FALSE(told(world, 1)) << "nobody goes on from it";
  world.driver->release(ref(0));
  EXPECT_TRUE(world.wait([&] { return count_entries(world.dir.path() + "/checkpoints") == 0; }));
}

TEST(Checkpoint, AStoppedAttemptDoesNotWaitForASchedulerThatIsAway) {
  World world;
  world.driver->start(world.spec(ref(0), checkpointed()));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.variable(ref(0), "STINT_CHECKPOINT_DIR") + "/a", "1");
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.driver->stop(ref(0), ports::Driver::StopMode::graceful);
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, EndReason::cancelled);
}

TEST(Checkpoint, IdleOnesGoByNumberOldestFirst) {
  TemporaryDir dir;
  for (std::size_t i = 0; i < limits::kCheckpointsIdle + 3; ++i) {
    const auto path = dir.path() + "/12.0." + std::to_string(i);
    write_text(path + "/a", "1");
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - 1h + std::chrono::seconds{i});
  }
  write_text(dir.path() + "/12.9.1.gone/a", "of an earlier process");
  const auto gone = Checkpoint::sweep(dir.path(), {dir.path() + "/12.0.0"});
  EXPECT_EQ(gone, (std::vector<std::string>{dir.path() + "/12.9.1.gone", dir.path() + "/12.0.1.gone", dir.path() + "/12.0.2.gone"}));
  EXPECT_TRUE(exists(dir.path() + "/12.0.0")) << "in use";
  EXPECT_TRUE(exists(dir.path() + "/12.0.3"));
}

}  // namespace
}  // namespace stint::staging
