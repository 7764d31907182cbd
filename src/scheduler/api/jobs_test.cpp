#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;
using testing::kOneTask;
using testing::ref;
using testing::World;

constexpr const char* kTwoEntries =
    R"({"tasks":[{"name":"prepare","command":["true"],"resources":{"cpu_millis":100}},)"
    R"({"name":"train","command":["true"],"resources":{"cpu_millis":100},"array":{"count":5,"first":10,"step":2}}]})";

class JobsTest : public ::testing::Test {
 protected:
  json::value get(const std::string& target) {
    const auto& answer = world.call("GET", target);
    EXPECT_EQ(answer.status(), 200) << target << " " << answer.response.body;
    return answer.json();
  }
  static std::vector<std::string> values_of(const json::value& page, const char* key) {
    std::vector<std::string> values;
    for (const auto& item : page.at("items").as_array()) {
      const auto& value = item.at(key);
      values.push_back(value.is_string() ? std::string(value.as_string()) : json::serialize(value));
    }
    return values;
  }
  /// Follows `next` to its end; every page but the last is full.
  std::vector<std::string> read_pages(const std::string& target, const char* key, std::size_t limit) {
    std::vector<std::string> all;
    std::string after;
    for (int pages = 0; pages < 100; ++pages) {
      const auto page = get(target + (target.find('?') == std::string::npos ? "?" : "&") + "limit=" + std::to_string(limit) + after);
      const auto values = values_of(page, key);
      all.insert(all.end(), values.begin(), values.end());
      const auto& next = page.at("next");
      if (next.is_null()) return all;
      EXPECT_EQ(values.size(), limit);
      after = "&after=" + (next.is_string() ? std::string(next.as_string()) : json::serialize(next));
    }
    ADD_FAILURE() << "the pages of " << target << " have no end";
    return all;
  }
  using Texts = std::vector<std::string>;

  World world;
};

TEST_F(JobsTest, TheSameKeyAndJobIsOneJob) {
  world.idempotency_key = "k1";
  const auto& first = world.call("POST", "/v1/jobs", kOneTask);
  EXPECT_EQ(first.status(), 201);
  const auto& again = world.call("POST", "/v1/jobs", R"({"tasks":[{"command":["true"],"name":"main"}],"name":"one"})");
  EXPECT_EQ(again.status(), 200) << "the same job in other words";
  EXPECT_EQ(again.json().at("id"), first.json().at("id"));
  EXPECT_EQ(get("/v1/jobs").at("items").as_array().size(), 1U);
}

TEST_F(JobsTest, TheSameKeyWithAnotherJobIsAConflict) {
  world.idempotency_key = "k1";
  world.submit();
  const auto& other = world.call("POST", "/v1/jobs", R"({"name":"two","tasks":[{"command":["true"]}]})");
  EXPECT_EQ(other.status(), 409);
  EXPECT_EQ(other.json().at("code").as_string(), "conflict");
  EXPECT_EQ(get("/v1/jobs").at("items").as_array().size(), 1U);
}

TEST_F(JobsTest, AKeyIsKnownAfterARestart) {
  world.idempotency_key = "k1";
  world.submit();
  world.restart();
  EXPECT_EQ(world.call("POST", "/v1/jobs", kOneTask).status(), 200);
  EXPECT_EQ(world.call("POST", "/v1/jobs", R"({"tasks":[{"command":["false"]}]})").status(), 409);
}

TEST_F(JobsTest, ARepetitionThatOvertakesTheFirstAnswerWaitsForTheSameCommit) {
  world.idempotency_key = "k1";
  world.disk_is_held = true;
  world.send("POST", "/v1/jobs", kOneTask);
  world.settle();
  const auto again = world.send("POST", "/v1/jobs", kOneTask);
  world.settle();
  EXPECT_FALSE(world.heard(again).is_answered);
  world.disk_is_held = false;
  world.settle();
  EXPECT_EQ(world.heard(again).status(), 200);
}

TEST_F(JobsTest, WithoutAKeyEachSubmissionIsAJob) {
  EXPECT_EQ(world.submit(), 1U);
  EXPECT_EQ(world.submit(), 2U);
}

TEST_F(JobsTest, JobsAreListedNewestFirstPageByPage) {
  for (int i = 0; i < 7; ++i) world.submit();
  EXPECT_EQ(read_pages("/v1/jobs", "id", 3), (Texts{"7", "6", "5", "4", "3", "2", "1"}));
  EXPECT_EQ(read_pages("/v1/jobs", "id", 7).size(), 7U) << "a page that is exactly full has no next";
  EXPECT_EQ(get("/v1/jobs?limit=7").at("next"), nullptr);
}

TEST_F(JobsTest, AJobSubmittedBetweenTwoPagesRepeatsNothing) {
  for (int i = 0; i < 4; ++i) world.submit();
  const auto first = get("/v1/jobs?limit=2");
  world.submit();
  EXPECT_EQ(values_of(get("/v1/jobs?limit=2&after=" + json::serialize(first.at("next"))), "id"), (Texts{"2", "1"}));
}

TEST_F(JobsTest, JobsAreFilteredByState) {
  for (int i = 0; i < 3; ++i) world.submit();
  EXPECT_EQ(world.call("POST", "/v1/jobs/2/cancel").status(), 200);
  EXPECT_EQ(values_of(get("/v1/jobs?state=cancelled"), "id"), Texts{"2"});
  EXPECT_EQ(read_pages("/v1/jobs?state=pending", "id", 1), (Texts{"3", "1"}));
}

TEST_F(JobsTest, LastIsTheNewestJob) {
  EXPECT_EQ(world.call("GET", "/v1/jobs/last").status(), 404);
  world.submit();
  world.submit();
  EXPECT_EQ(get("/v1/jobs/last").at("id").to_number<int>(), 2);
  EXPECT_EQ(get("/v1/tasks/last.main").at("id").as_string(), "2.main");
}

TEST_F(JobsTest, TheSpecIsTheJobWithItsDefaultsAndCanBeSubmittedAgain) {
  world.submit();
  const auto spec = world.call("GET", "/v1/jobs/1/spec").response.body;
  world.idempotency_key = "again";
  ASSERT_EQ(world.call("POST", "/v1/jobs", spec).status(), 201);
  EXPECT_EQ(world.call("GET", "/v1/jobs/2/spec").response.body, spec);
}

TEST_F(JobsTest, TasksAreListedInTheOrderOfTheJobPageByPage) {
  world.submit(kTwoEntries);
  const Texts all{"1.prepare", "1.train.10", "1.train.12", "1.train.14", "1.train.16", "1.train.18"};  // by STINT_INDEX
  for (const std::size_t limit : {1, 2, 3, 5}) EXPECT_EQ(read_pages("/v1/jobs/1/tasks", "id", limit), all) << limit;
  EXPECT_EQ(read_pages("/v1/jobs/1/tasks?task=train", "id", 2), Texts(all.begin() + 1, all.end()));
  EXPECT_EQ(values_of(get("/v1/jobs/1/tasks"), "index"), (Texts{"null", "10", "12", "14", "16", "18"}));
}

TEST_F(JobsTest, JobsAreFilteredByName) {
  for (const char* name : {"sweep", "infer", "sweep"})
    world.call("POST", "/v1/jobs", R"({"name":")" + std::string(name) + R"(","tasks":[{"command":["true"]}]})");
  EXPECT_EQ(read_pages("/v1/jobs?name=sweep", "id", 1), (Texts{"3", "1"}));
  EXPECT_TRUE(get("/v1/jobs?name=swee").at("items").as_array().empty()) << "the whole name";
}

TEST_F(JobsTest, TasksAreFilteredByState) {
  auto& agent = world.join("a1");
  world.submit(kTwoEntries);
  const AttemptRef second{{JobId{1}, 1, 1}, 1};
  world.run_attempt(agent, {{JobId{1}, 0, 0}, 1});
  world.run_attempt(agent, second, TaskStatus::failed);
  world.tell(agent, protocol::UpdateList{{testing::update({{JobId{1}, 1, 3}, 1}, 1, TaskStatus::running)}});
  EXPECT_EQ(values_of(get("/v1/jobs/1/tasks?state=running"), "id"), Texts{"1.train.16"});
  EXPECT_EQ(values_of(get("/v1/jobs/1/tasks?state=completed"), "id"), Texts{"1.prepare"});
  const auto failed = get("/v1/jobs/1/tasks?state=failed");
  EXPECT_EQ(values_of(failed, "id"), Texts{"1.train.12"});
  const auto& task = failed.at("items").as_array().at(0);
  EXPECT_EQ(task.at("reason").as_string(), "exit");
  EXPECT_EQ(task.at("exit_code").to_number<int>(), 3);
  EXPECT_EQ(task.at("agent").as_string(), "a1");
  EXPECT_EQ(task.at("attempts").to_number<int>(), 1);
  EXPECT_EQ(read_pages("/v1/jobs/1/tasks?state=pending&task=train", "id", 2), (Texts{"1.train.10", "1.train.14", "1.train.18"}));
  EXPECT_TRUE(get("/v1/jobs/1/tasks?state=cancelled").at("items").as_array().empty());
  const auto counts = get("/v1/jobs/1").at("tasks");
  EXPECT_EQ(counts.at("completed").to_number<int>(), 1);
  EXPECT_EQ(counts.at("failed").to_number<int>(), 1);
  EXPECT_EQ(counts.at("running").to_number<int>(), 1);
  EXPECT_EQ(counts.at("pending").to_number<int>(), 3);
}

TEST_F(JobsTest, CancellingAnEntryOrATaskLeavesTheOthers) {
  world.submit(kTwoEntries);
  EXPECT_EQ(world.call("POST", "/v1/jobs/1/cancel", R"({"task":"train.16"})").status(), 200);
  EXPECT_EQ(values_of(get("/v1/jobs/1/tasks?state=cancelled"), "id"), Texts{"1.train.16"});
  world.call("POST", "/v1/jobs/1/cancel", R"({"task":"train"})");
  EXPECT_EQ(values_of(get("/v1/jobs/1/tasks?state=pending"), "id"), Texts{"1.prepare"});
  EXPECT_EQ(get("/v1/jobs/1").at("state").as_string(), "pending");
  world.call("POST", "/v1/jobs/1/cancel");
  EXPECT_EQ(get("/v1/jobs/1").at("state").as_string(), "cancelled");
  EXPECT_EQ(world.call("POST", "/v1/jobs/1/cancel").status(), 200) << "what has ended is no error";
}

TEST_F(JobsTest, ATaskThatNoAttemptEndedSaysWhyAndWhen) {
  world.submit(kTwoEntries);
  world.call("POST", "/v1/jobs/1/cancel", R"({"task":"train.16"})");
  const auto listed = get("/v1/jobs/1/tasks?state=cancelled").at("items").as_array().at(0);
  const auto shown = get("/v1/tasks/1.train.16");
  for (const auto* task : {&listed, &shown}) {
    EXPECT_EQ(task->at("reason").as_string(), "cancelled");
    EXPECT_TRUE(task->at("ended_at").is_string());
  }
  EXPECT_TRUE(get("/v1/tasks/1.train.14").at("ended_at").is_null()) << "its neighbour has not ended";
}

TEST_F(JobsTest, AnExplanationHasTheTasksStateAndAWordForWhy) {
  const auto expect = [this](const char* state, const char* why) {
    for (const char* target : {"/v1/jobs/1/explain", "/v1/tasks/1.main/explain"}) {
      EXPECT_EQ(get(target).at("state").as_string(), state) << target;
      EXPECT_EQ(get(target).at("why").as_string(), why) << target;
    }
  };
  world.submit();
  expect("pending", "no_agents");
  auto& agent = world.join("a1");
  expect("pending", "placed");
  world.tell(agent, protocol::UpdateList{{testing::update(ref(1), 1, TaskStatus::running)}});
  expect("running", "running");
  world.tell(agent, protocol::UpdateList{{testing::update(ref(1), 2, TaskStatus::completed)}});
  expect("completed", "ended");
}

TEST_F(JobsTest, AgentsAreListedPageByPage) {
  for (const std::string name : {"c", "a", "b"}) world.add_agent(name);
  EXPECT_EQ(read_pages("/v1/agents", "name", 2), (Texts{"c", "a", "b"}));
  EXPECT_EQ(get("/v1/agents?limit=3").at("next"), nullptr);
}

TEST_F(JobsTest, ANameIsGivenOnceAndFreeAgainAfterRevoke) {
  world.add_agent("a");
  const auto& taken = world.call("POST", "/v1/agents", R"({"name":"a"})");
  EXPECT_EQ(taken.status(), 409);
  EXPECT_EQ(taken.json().at("code").as_string(), "already_exists");
  EXPECT_EQ(world.call("POST", "/v1/agents/a/revoke").json().at("state").as_string(), "revoked");
  EXPECT_EQ(world.add_agent("a").number, AgentNumber{2});
  EXPECT_EQ(get("/v1/agents/a").at("number").to_number<int>(), 2) << "the one that counts";
}

TEST_F(JobsTest, ADrainedAgentGetsNothingNewUntilItIsResumed) {
  auto& agent = world.join("a1");
  EXPECT_EQ(world.call("POST", "/v1/agents/a1/drain", R"({"draining":true})").json().at("state").as_string(), "draining");
  world.submit();
  EXPECT_EQ(agent.find<protocol::AssignmentList>(), nullptr);
  EXPECT_EQ(world.call("POST", "/v1/agents/a1/drain", R"({"draining":false})").json().at("state").as_string(), "connected");
  EXPECT_NE(agent.find<protocol::AssignmentList>(), nullptr);
}

TEST_F(JobsTest, ARevokedAgentLosesItsSessionAndItsKey) {
  auto identity = world.add_agent("a1");
  auto& agent = world.connect(identity, "a1");
  world.call("POST", "/v1/agents/a1/revoke");
  EXPECT_FALSE(agent.is_open);
  ASSERT_TRUE(agent.ended);
  EXPECT_EQ(agent.ended->reason, protocol::CloseReason::revoked);
  identity.connect = 2;
  EXPECT_FALSE(world.connect(identity, "a1").is_open);
}

}  // namespace
}  // namespace stint::scheduler
