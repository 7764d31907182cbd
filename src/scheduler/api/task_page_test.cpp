#include <gtest/gtest.h>

#include "scheduler/flow.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;
using testing::attempt_of;
using testing::Flow;

class TaskPageTest : public ::testing::Test {
 protected:
  TaskPageTest() {
    flow.world.submit(
        R"({"name":"j","tasks":[{"name":"main","command":["m"],"array":{"count":4},"retries":1,"resources":{"cpu_millis":1}}]})");
  }
  void say(const AttemptRef& attempt, float progress, const std::string& message = {}) {
    flow.world.tell(*flow.agent, protocol::UpdateList{{testing::update(attempt, 1, TaskStatus::running)}});
    auto said = testing::report(attempt, progress, {{"loss", 0.5, 7}});
    said.detail = message;
    flow.world.tell(*flow.agent, protocol::UpdateList{{said}});
  }
  json::array list(const std::string& query = {}) { return flow.get("/v1/jobs/1/tasks" + query).at("items").as_array(); }

  Flow flow;
};

TEST_F(TaskPageTest, EndedTasksShowWhatTheySaidLast) {
  say(attempt_of(1, 0, 1), 0.75F, "nearly");
  flow.end(attempt_of(1, 0, 1), {}, R"({"n":5})");
  flow.end(attempt_of(1, 0, 2));
  const auto tasks = list();
  EXPECT_EQ(tasks[1].at("progress").to_number<double>(), 0.75);
  EXPECT_EQ(tasks[1].at("metrics"), (json::object{{"loss", 0.5}}));
  EXPECT_EQ(tasks[1].at("message"), "nearly");
  EXPECT_EQ(tasks[1].at("has_result"), true);
  EXPECT_TRUE(tasks[2].at("progress").is_null()) << "it said nothing";
  EXPECT_EQ(tasks[2].at("has_result"), false);
  EXPECT_FALSE(tasks[1].as_object().contains("result")) << "a list holds none: each may have 64 KiB";
  const auto completed = list("?state=completed");
  ASSERT_EQ(completed.size(), 2U);
  EXPECT_EQ(completed[0], tasks[1]);
  EXPECT_EQ(list("?after=0.1&limit=1").at(0), tasks[1]);
}

TEST_F(TaskPageTest, OneTaskShowsItsResultToo) {
  say(attempt_of(1, 0), 0.5F);
  flow.end(attempt_of(1, 0), {}, R"({"n":5})");
  const auto task = flow.get("/v1/tasks/1.main.0");
  EXPECT_EQ(task.at("result"), (json::object{{"n", 5}}));
  EXPECT_EQ(task.at("progress").to_number<double>(), 0.5);
  EXPECT_TRUE(flow.get("/v1/tasks/1.main.1").at("result").is_null());
}

TEST_F(TaskPageTest, WhyATaskFailedIsSaidBeforeWhatItSaid) {
  say(attempt_of(1, 0), 0.5F, "half way");
  flow.end(attempt_of(1, 0), {}, {}, TaskStatus::failed);
  flow.world.advance(std::chrono::seconds{5});
  const auto second = attempt_of(1, 0, 0, 2);
  say(second, 0.25F, "again");
  auto last = testing::update(second, 2, TaskStatus::failed);
  last.detail = "out of luck";
  flow.world.tell(*flow.agent, protocol::UpdateList{{last}});
  const auto failed = list("?state=failed").at(0);
  EXPECT_EQ(failed.at("progress").to_number<double>(), 0.25) << "of the attempt that decided";
  EXPECT_EQ(failed.at("message"), "out of luck");
}

TEST_F(TaskPageTest, ARunningTaskShowsItsLastReportAfterARestartToo) {
  say(attempt_of(1, 0), 0.5F, "half way");
  flow.world.advance(std::chrono::seconds{2});
  flow.restart({attempt_of(1, 0)});
  EXPECT_EQ(list().at(0).at("state"), "running");
  EXPECT_EQ(list().at(0).at("message"), "half way");
}

TEST_F(TaskPageTest, WhatWasReusedHasItsResultStill) {
  flow.end(attempt_of(1, 0, 0), {}, R"({"n":5})");
  flow.end(attempt_of(1, 0, 1));
  for (std::uint32_t index : {2U, 3U}) {
    flow.end(attempt_of(1, 0, index), {}, {}, TaskStatus::failed);
    flow.world.advance(std::chrono::seconds{5});
    flow.end(attempt_of(1, 0, index, 2), {}, {}, TaskStatus::failed);
  }
  ASSERT_EQ(flow.world.call("POST", "/v1/jobs/1/retry", R"({"failed_only":true})").status(), 201);
  const auto tasks = flow.get("/v1/jobs/2/tasks").at("items").as_array();
  EXPECT_EQ(tasks[0].at("reason"), "reused");
  EXPECT_EQ(tasks[0].at("has_result"), true);
  EXPECT_EQ(tasks[1].at("has_result"), false);
  EXPECT_EQ(flow.get("/v1/tasks/2.main.0").at("result"), (json::object{{"n", 5}}));
}

}  // namespace
}  // namespace stint::scheduler
