#include "scheduler/retention.hpp"

#include <gtest/gtest.h>

#include "scheduler/limits.hpp"
#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::ref;
using testing::World;

class RetentionTest : public ::testing::Test {
 protected:
  /// Job 1 has run and ended.
  void run_one_job(RetentionLimits keep) {
    world.retention = keep;
    world.restart();
    auto& agent = world.join("a1");
    world.submit();
    world.run_attempt(agent, ref(1));
    EXPECT_EQ(status("/v1/jobs/1"), 200);
  }
  int status(const std::string& target) { return world.call("GET", target).status(); }

  World world;
};

TEST_F(RetentionTest, WithoutLimitsEverythingStays) {
  run_one_job({});
  for (int i = 0; i < 100; ++i) world.advance(24h);
  EXPECT_EQ(status("/v1/jobs/1"), 200);
}

TEST_F(RetentionTest, AnEndedJobLeavesByAgeAndSaysSo) {
  run_one_job({{1h, 0}, {}});
  world.advance(59min);
  EXPECT_EQ(status("/v1/jobs/1"), 200);
  world.advance(2min);
  world.advance(limits::kSweepPeriod);
  for (const char* target : {"/v1/jobs/1", "/v1/jobs/1/tasks", "/v1/tasks/1.main", "/v1/tasks/1.main/explain", "/v1/jobs/1/spec"}) {
    const auto& answer = world.call("GET", target);
    EXPECT_EQ(answer.status(), 404) << target;
    EXPECT_EQ(answer.json().at("code").as_string(), "not_found") << target;
    EXPECT_NE(answer.response.body.find("retention removed it"), std::string::npos) << target << answer.response.body;
  }
  EXPECT_EQ(world.call("GET", "/v1/jobs/2").response.body.find("retention"), std::string::npos) << "never heard of";
  world.restart();
  EXPECT_EQ(status("/v1/jobs/1"), 404);
  EXPECT_EQ(world.submit(), 2U) << "an id is never given again";
}

TEST_F(RetentionTest, ManyJobsLeaveInTurns) {
  run_one_job({{0s, 10}, {}});
  for (std::size_t i = 0; i < 2 * limits::kJobsRemovedAtOnce; ++i)
    world.call("POST", "/v1/jobs/" + std::to_string(world.submit()) + "/cancel");
  const auto jobs = [&] { return world.call("GET", "/v1/jobs?limit=1000").json().at("items").as_array().size(); };
  const auto before = jobs();
  world.advance(limits::kSweepPeriod);
  EXPECT_EQ(before - jobs(), limits::kJobsRemovedAtOnce);
  world.advance(limits::kSweepPause);
  EXPECT_EQ(jobs(), 10U);
}

TEST_F(RetentionTest, AnAnswerThatIsOnItsWaySaysThatTheJobHasJustGone) {
  run_one_job({{1h, 0}, {}});
  world.advance(1h);
  world.disk_is_held = true;
  world.send("POST", "/v1/jobs", testing::kOneTask);  // something must be on its way, or reads are answered at once
  world.daemon->end_turn(world.now());
  const auto task = world.send("GET", "/v1/tasks/1.main");
  const auto tasks = world.send("GET", "/v1/jobs/1/tasks");
  world.time += limits::kSweepPeriod;
  world.daemon->on_timer(world.now());
  world.disk_is_held = false;
  world.settle();
  EXPECT_EQ(world.heard(task).status(), 404);
  EXPECT_EQ(world.heard(tasks).status(), 404);
}

TEST_F(RetentionTest, OutputAndEventsLeaveWithTheStoreSweep) {
  world.retention.store.log_age = 1h;
  world.retention.store.events = 2;
  world.restart();
  auto& agent = world.join("a1");
  world.submit();
  world.tell(agent, testing::log_chunk(ref(1), 0, "hello"));
  world.run_attempt(agent, ref(1));
  EXPECT_EQ(world.reader->log_ends(ref(1))->out, 5U);
  world.advance(limits::kSweepPeriod);
  EXPECT_EQ(world.reader->log_ends(ref(1))->out, 5U);
  world.advance(2h);
  world.advance(limits::kSweepPeriod);
  EXPECT_EQ(world.reader->log_ends(ref(1))->out, 0U);
  EXPECT_LE(world.reader->events(0, JobId{}, 100)->size(), 4U) << "two, and those of the turns since";
  EXPECT_EQ(status("/v1/tasks/1.main"), 200);
}

TEST_F(RetentionTest, NothingIsTakenAwayWhileTheDiskIsFull) {
  run_one_job({{1h, 0}, {}});
  world.store->set_full(true);
  world.send("POST", "/v1/jobs", testing::kOneTask);
  world.settle();
  world.time += 2h;
  world.daemon->on_timer(world.now());
  world.settle();
  EXPECT_EQ(status("/v1/jobs/1"), 200);
  EXPECT_EQ(world.daemon->fatal(), nullptr);
}

}  // namespace
}  // namespace stint::scheduler
