#include "adapters/staging/staged_driver.hpp"

#include <gtest/gtest.h>

#include "staging/staging_world.hpp"

namespace stint::staging {
namespace {

using namespace staging::testing;

TEST(StagedDriver, APlainLaunchGoesStraightThrough) {
  World world;
  auto spec = world.spec(ref(0), {});
  spec.stage.reset();
  world.driver->start(spec);
  ASSERT_TRUE(world.inner.tasks.contains(ref(0))) << "at once, on this thread";
  EXPECT_EQ(world.inner.tasks[ref(0)].spec.workdir, "/submitted");
  EXPECT_TRUE(world.inner.tasks[ref(0)].spec.env.empty());
  world.driver->request_output(ref(0), 1, 0, 100);
  EXPECT_EQ(world.inner.requests.size(), 1U);
  world.inner.end(ref(0), EndReason::exit, 3);
  world.take();
  EXPECT_EQ(world.ends[ref(0)].at(0).exit_code, 3);
  world.driver->release(ref(0));
  EXPECT_EQ(world.inner.releases, std::vector{ref(0)});
  EXPECT_EQ(count_entries(world.dir.path()), 0U) << "no file for it";
}

TEST(StagedDriver, AnAttemptFindsItsFiles) {
  World world;
  ports::StageSpec stage;
  stage.inputs = world.scheduler.add_tree({world.scheduler.add_file("run.sh", "#!/bin/sh\n", true),
                                           world.scheduler.add_file("data/a", "aa"), world.scheduler.add_file("data/empty", "")});
  stage.needs_inputs = world.scheduler.add_tree({world.scheduler.add_file("train/3/model", std::string(10'000'000, 'm'))});
  stage.files = {world.scheduler.add_file("images/1.jpg", "jpg")};
  stage.item = "a\nb\n";
  stage.is_batch = true;
  stage.checkpoint = true;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  world.driver->request_output(ref(0), 2, 7, 100);
  EXPECT_FALSE(world.inner.tasks.contains(ref(0)));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto& spec = world.inner.tasks[ref(0)].spec;
  EXPECT_EQ(read_text(spec.workdir + "/run.sh"), "#!/bin/sh\n");
  EXPECT_EQ(mode_of(spec.workdir + "/run.sh"), 0755U);
  EXPECT_EQ(mode_of(spec.workdir + "/data/a"), 0644U);
  EXPECT_EQ(read_text(spec.workdir + "/data/empty"), "");
  EXPECT_EQ(read_text(spec.workdir + "/images/1.jpg"), "jpg");
  EXPECT_EQ(spec.workdir_inode, 0U);
  EXPECT_EQ(read_text(world.variable(ref(0), "STINT_INPUTS") + "/train/3/model"), std::string(10'000'000, 'm'));
  EXPECT_EQ(read_text(world.variable(ref(0), "STINT_ITEM")), "a\nb\n");
  EXPECT_TRUE(std::filesystem::is_directory(world.variable(ref(0), "STINT_OUTPUTS")));
  EXPECT_TRUE(std::filesystem::is_directory(world.variable(ref(0), "STINT_CHECKPOINT_DIR")));
  ASSERT_EQ(world.inner.requests.size(), 1U) << "output asked for before it was started";
  EXPECT_EQ(std::get<2>(world.inner.requests[0]), 7U);
}

TEST(StagedDriver, WithoutInputsItStartsWhereTheJobSays) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  EXPECT_EQ(world.inner.tasks[ref(0)].spec.workdir, "/submitted");
  EXPECT_EQ(world.inner.tasks[ref(0)].spec.workdir_inode, 5U);
}

TEST(StagedDriver, WhatATaskWritesDoesNotChangeWhatTheNextOneReads) {
  World world;
  ports::StageSpec stage;
  stage.inputs = world.scheduler.add_tree({world.scheduler.add_file("data", "original")});
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.inner.tasks[ref(0)].spec.workdir + "/data", "scribble");
  const auto reads = world.scheduler.reads;
  world.driver->start(world.spec(ref(1), stage));
  ASSERT_TRUE(world.wait_started(ref(1)));
  EXPECT_EQ(read_text(world.inner.tasks[ref(1)].spec.workdir + "/data"), "original");
  EXPECT_EQ(world.scheduler.reads, reads) << "from the cache";
}

TEST(StagedDriver, TheCacheHasALimit) {
  World world;  // 1 MiB
  for (std::uint32_t i = 0; i < 6; ++i) {
    ports::StageSpec stage;
    stage.files = {world.scheduler.add_file("f", std::string(400'000, static_cast<char>('a' + i)))};
    world.driver->start(world.spec(ref(i), stage));
    ASSERT_TRUE(world.wait_started(ref(i)));
  }
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world.dir.path() + "/cache"))
    if (entry.is_regular_file()) bytes += entry.file_size();
  EXPECT_LE(bytes, 1U << 20);
  EXPECT_GE(bytes, 400'000U);
}

TEST(StagedDriver, ABlobThatIsNotThereOrNotItselfFailsTheAttempt) {
  World world;
  ports::StageSpec stage;
  FileRef unknown;
  unknown.blob.bytes.fill(9);
  unknown.size = 5;
  unknown.path = "weights.bin";
  stage.files = {unknown};
  world.driver->start(world.spec(ref(0), stage));
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, EndReason::stage_failed);
  EXPECT_NE(ended->detail.find("weights.bin"), std::string::npos) << ended->detail;
  EXPECT_NE(ended->detail.find("no such blob"), std::string::npos) << ended->detail;

  stage.files = {world.scheduler.add_file("f", "bytes")};
  world.scheduler.lies = 2;
  world.driver->start(world.spec(ref(1), stage));
  EXPECT_TRUE(world.wait_started(ref(1))) << "twice wrong, then right";
  stage.files = {world.scheduler.add_file("f", "other bytes")};
  world.scheduler.lies = 100;
  world.driver->start(world.spec(ref(2), stage));
  ASSERT_NE(world.wait_ended(ref(2)), nullptr);
  EXPECT_EQ(world.ends[ref(2)][0].reason, EndReason::stage_failed);
  EXPECT_EQ(world.inner.starts.count(ref(2)), 0U);
}

TEST(StagedDriver, WaitsForASchedulerThatIsDown) {
  World world;
  ports::StageSpec stage;
  stage.files = {world.scheduler.add_file("f", "bytes")};
  stage.outputs = {"out"};
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait([&] { return world.scheduler.read([](auto& s) { return s.calls > 30; }); }));
  EXPECT_TRUE(world.ends.empty());
  world.scheduler.read([](auto& s) { return s.is_down = false; });
  ASSERT_TRUE(world.wait_started(ref(0)));

  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/out", "result");
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.inner.end(ref(0), EndReason::exit, 0);
  ASSERT_TRUE(
      world.wait([&, before = world.scheduler.calls] { return world.scheduler.read([&](auto& s) { return s.calls > before + 30; }); }));
  EXPECT_TRUE(world.ends.empty()) << "completed is not said before what it left is safe";
  world.scheduler.read([](auto& s) { return s.is_down = false; });
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  ASSERT_EQ(ended->outputs.size(), 1U);
  EXPECT_EQ(world.scheduler.get(ended->outputs[0].blob), "result");
}

TEST(StagedDriver, OutputsArePushedOnceWhateverTheConnectionDoes) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"big", "plots/", "*.csv", "empty"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto outputs = world.variable(ref(0), "STINT_OUTPUTS");
  std::string big(18'000'000, 'b');
  for (std::size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
  write_text(outputs + "/big", big);
  write_text(outputs + "/plots/x/1.png", "png");
  write_text(outputs + "/a.csv", "1,2");
  write_text(outputs + "/empty", "");
  write_text(outputs + "/not-declared", "junk");
  std::filesystem::permissions(outputs + "/a.csv", std::filesystem::perms::owner_all);
  world.scheduler.cuts = 5;
  world.inner.end(ref(0), EndReason::exit, 0);
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, EndReason::exit) << ended->detail;
  std::map<std::string, FileRef> by_path;
  for (const auto& file : ended->outputs) by_path[file.path] = file;
  ASSERT_EQ(by_path.size(), 4U);
  EXPECT_EQ(world.scheduler.get(by_path["big"].blob), big);
  EXPECT_EQ(world.scheduler.get(by_path["plots/x/1.png"].blob), "png");
  EXPECT_TRUE(by_path["a.csv"].is_executable);
  EXPECT_EQ(by_path["empty"].size, 0U);
  EXPECT_EQ(world.scheduler.get(by_path["empty"].blob), "");
  EXPECT_EQ(world.scheduler.bytes_up, big.size() + 6) << "no piece twice that had arrived";

  world.driver->start(world.spec(ref(1), stage));
  ASSERT_TRUE(world.wait_started(ref(1)));
  std::filesystem::copy(outputs, world.variable(ref(1), "STINT_OUTPUTS"),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  const auto before = world.scheduler.bytes_up;
  world.inner.end(ref(1), EndReason::exit, 0);
  ASSERT_NE(world.wait_ended(ref(1)), nullptr);
  EXPECT_EQ(world.scheduler.bytes_up, before) << "the scheduler has all of it";
}

TEST(StagedDriver, AMissingOutputFailsTheAttemptAndSaysWhatWasThere) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"model.npz"};
  stage.own_directory = true;
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/modell.npz", "x");
  write_text(world.inner.tasks[ref(0)].spec.workdir + "/model.npz", "x");
  world.inner.end(ref(0), EndReason::exit, 0);
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, EndReason::output_missing);
  EXPECT_NE(ended->detail.find("'model.npz' is missing"), std::string::npos) << ended->detail;
  EXPECT_NE(ended->detail.find("there is: modell.npz"), std::string::npos) << ended->detail;
  EXPECT_NE(ended->detail.find("lies in the working directory"), std::string::npos) << ended->detail;
  EXPECT_TRUE(ended->outputs.empty());
}

TEST(StagedDriver, AFailedAttemptLeavesNothing) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"model.npz"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/model.npz", "x");
  world.inner.end(ref(0), EndReason::exit, 1);
  world.take();
  ASSERT_TRUE(world.ends.contains(ref(0)));
  EXPECT_EQ(world.ends[ref(0)][0].exit_code, 1);
  EXPECT_EQ(world.scheduler.bytes_up, 0U);
}

TEST(StagedDriver, ATokenThatOpensNothingEndsTheTransfer) {
  World world;
  ports::StageSpec stage;
  stage.files = {world.scheduler.add_file("f", "bytes")};
  world.scheduler.is_forbidden = true;
  world.driver->start(world.spec(ref(0), stage));
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, EndReason::stage_failed);
  EXPECT_NE(ended->detail.find("not live"), std::string::npos) << ended->detail;
}

// --- stop, in every phase

TEST(StagedDriver, StopsWhileItsFilesAreOnTheirWay) {
  World world;
  ports::StageSpec stage;
  stage.files = {world.scheduler.add_file("f", "bytes")};
  world.scheduler.is_down = true;
  world.driver->start(world.spec(ref(0), stage));
  world.driver->stop(ref(0), ports::Driver::StopMode::graceful);
  world.take();
  ASSERT_TRUE(world.ends.contains(ref(0))) << "at once";
  EXPECT_EQ(world.ends[ref(0)][0].reason, EndReason::cancelled);
  world.driver->release(ref(0));
  EXPECT_TRUE(world.wait([&] { return !exists(world.attempt_dir(ref(0))); }));
  EXPECT_TRUE(world.inner.starts.empty());
  EXPECT_TRUE(world.inner.releases.empty()) << "it never knew it";
}

TEST(StagedDriver, StopsWhileItRuns) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  world.driver->stop(ref(0), ports::Driver::StopMode::graceful);
  world.take();
  ASSERT_EQ(world.ends[ref(0)].size(), 1U);
  EXPECT_EQ(world.ends[ref(0)][0].reason, EndReason::cancelled);
}

TEST(StagedDriver, StopsWhileItsOutputsAreOnTheirWay) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/x", "x");
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.inner.end(ref(0), EndReason::exit, 0);
  world.take();
  EXPECT_TRUE(world.ends.empty());
  world.driver->stop(ref(0), ports::Driver::StopMode::graceful);
  world.take();
  ASSERT_EQ(world.ends[ref(0)].size(), 1U);
  EXPECT_EQ(world.ends[ref(0)][0].reason, EndReason::cancelled);
  world.driver->release(ref(0));
  EXPECT_TRUE(world.wait([&] { return !exists(world.attempt_dir(ref(0))); }));
  EXPECT_EQ(world.ends[ref(0)].size(), 1U);
}

// --- deaths

TEST(StagedDriver, AfterADeathWhileFetchingNothingIsLeftOfIt) {
  World world;
  ports::StageSpec stage;
  stage.files = {world.scheduler.add_file("a", "bytes"), FileRef{}};
  stage.files[1].path = "b";
  stage.files[1].blob.bytes.fill(3);
  world.scheduler.is_down = true;
  world.driver->start(world.spec(ref(0), stage));
  world.take();
  world.start();
  EXPECT_TRUE(world.held_refs.empty()) << "lost, as nobody holds it";
  EXPECT_TRUE(world.wait([&] { return !exists(world.attempt_dir(ref(0))); }));
}

TEST(StagedDriver, AfterADeathBetweenItsFilesAndItsStartItIsLost) {
  World world;
  ports::StageSpec stage;
  stage.files = {world.scheduler.add_file("a", "bytes")};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_for_file(world.attempt_dir(ref(0)) + "/stage"));
  world.start();  // before the driver has heard of it
  EXPECT_TRUE(world.inner.starts.empty());
  EXPECT_TRUE(world.held_refs.empty());
  EXPECT_TRUE(world.wait([&] { return !exists(world.attempt_dir(ref(0))); }));
}

TEST(StagedDriver, AfterADeathBetweenItsOutputsAndItsEndTheEndIsTold) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/x", "xx");
  world.inner.end(ref(0), EndReason::exit, 0);
  world.take();
  ASSERT_TRUE(world.wait_for_file(world.attempt_dir(ref(0)) + "/left"));
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.start();
  world.take();
  ASSERT_TRUE(world.ends.contains(ref(0)));
  EXPECT_EQ(world.ends[ref(0)][0].outputs.at(0).path, "x");
}

TEST(StagedDriver, AfterADeathWhileRunningItsOutputsAreTaken) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto outputs = world.variable(ref(0), "STINT_OUTPUTS");
  world.start();
  EXPECT_EQ(world.held_refs, std::vector{ref(0)});
  write_text(outputs + "/x", "after the death");
  world.inner.end(ref(0), EndReason::exit, 0);
  const auto* ended = world.wait_ended(ref(0));
  ASSERT_NE(ended, nullptr);
  ASSERT_EQ(ended->outputs.size(), 1U);
  EXPECT_EQ(world.scheduler.get(ended->outputs[0].blob), "after the death");
  EXPECT_EQ(world.inner.starts[ref(0)], 1);
}

TEST(StagedDriver, AfterADeathWhilePushingItPushesAgain) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x", "y"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/x", "xx");
  write_text(world.variable(ref(0), "STINT_OUTPUTS") + "/y", "yy");
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.inner.end(ref(0), EndReason::exit, 0);
  world.take();
  world.start();
  EXPECT_TRUE(world.ends.empty());
  world.scheduler.read([](auto& s) { return s.is_down = false; });
  ASSERT_NE(world.wait_ended(ref(0)), nullptr);
  EXPECT_EQ(world.ends[ref(0)][0].outputs.size(), 2U);

  world.start();  // the agent died before it wrote that down: the keeper tells the end again
  world.scheduler.read([](auto& s) { return s.is_down = true; });
  world.take();
  ASSERT_EQ(world.ends[ref(0)].size(), 2U) << "known from its directory, without asking anybody";
  EXPECT_EQ(world.ends[ref(0)][0].outputs, world.ends[ref(0)][1].outputs);
  world.driver->release(ref(0));
  EXPECT_EQ(world.inner.releases, std::vector{ref(0)});
  EXPECT_TRUE(world.wait([&] { return count_entries(world.dir.path() + "/attempts") == 0; }));
}

TEST(StagedDriver, ARecordThatCannotBeReadIsNoCompletedTask) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  write_text(world.attempt_dir(ref(0)) + "/stage", "{");
  world.start();
  world.inner.end(ref(0), EndReason::exit, 0);
  world.take();
  ASSERT_TRUE(world.ends.contains(ref(0)));
  EXPECT_EQ(world.ends[ref(0)][0].reason, EndReason::output_missing);
}

TEST(StagedDriver, DirectoriesOfAttemptsThatNobodyHoldsGoAtTheStart) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  const auto locked = world.variable(ref(0), "STINT_OUTPUTS") + "/locked";
  write_text(locked + "/file", "x");
  std::filesystem::permissions(locked, std::filesystem::perms::none);  // what tasks do
  world.inner.tasks.clear();  // the keeper died with it
  world.start();
  EXPECT_TRUE(world.wait([&] { return count_entries(world.dir.path() + "/attempts") == 0; }));
}

TEST(StagedDriver, AnAttemptOnItsWayIsHeldWhenTheKeeperComesBack) {
  World world;
  ports::StageSpec stage;
  stage.files = {world.scheduler.add_file("f", "bytes")};
  world.scheduler.is_down = true;
  world.driver->start(world.spec(ref(0), stage));
  world.inner.attach();
  world.take();
  EXPECT_EQ(world.held_refs, std::vector{ref(0)});
}

TEST(StagedDriver, WithItsKeeperAnAttemptIsGone) {
  World world;
  ports::StageSpec stage;
  stage.outputs = {"x"};
  world.driver->start(world.spec(ref(0), stage));
  ASSERT_TRUE(world.wait_started(ref(0)));
  world.inner.tasks.clear();
  world.inner.events.emplace_back(ports::DriverGone{"died"});
  world.take();
  world.driver->release(ref(0));
  EXPECT_TRUE(world.wait([&] { return !exists(world.attempt_dir(ref(0))); }));
  EXPECT_TRUE(world.ends.empty()) << "the agent says lost";
}

}  // namespace
}  // namespace stint::staging
