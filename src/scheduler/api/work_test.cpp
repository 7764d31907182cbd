#include <gtest/gtest.h>

#include "scheduler/flow.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;
using testing::Flow;
using testing::Heard;

constexpr const char* kForm = R"("driver":"human","form":{"choice":["cat","dog"]})";

class WorkTest : public ::testing::Test {
 protected:
  WorkTest() {
    for (const std::string name : {"ann", "bob"}) {
      const auto made = flow.world.call("POST", "/v1/tokens", R"({"name":")" + name + R"(","scopes":["work"]})").json();
      tokens[name] = std::string(made.at("token").as_string());
    }
  }
  /// One entry for people over the lines of `items`.
  std::uint64_t submit(const std::string& items, const std::string& more = {}) {
    const auto count = std::count(items.begin(), items.end(), '\n');
    const auto list = flow.put(items);
    return flow.world.submit(R"({"name":"ask","tasks":[{"name":"label","type":"labeller",)" + std::string(kForm) + R"(,"each":{"items":")" +
                             list + R"(","count":)" + std::to_string(count) + "}" + more + "}]}");
  }
  const Heard& as(const std::string& who, const std::string& what, const std::string& body) {
    flow.world.token = tokens.at(who);
    const auto& answer = flow.world.call("POST", "/v1/work/" + what, body);
    flow.world.token = testing::kToken;
    return answer;
  }
  std::vector<std::string> claim(const std::string& who, const std::string& body = "{}") {
    const auto& answer = as(who, "claim", body);
    EXPECT_EQ(answer.status(), 200) << answer.response.body;
    std::vector<std::string> tasks;
    const auto page = answer.json();
    for (const auto& item : page.at("items").as_array()) tasks.emplace_back(item.at("task").as_string());
    return tasks;
  }
  int answer(const std::string& who, const std::string& task, int attempt = 1) {
    return as(who, task + "/answer", R"({"attempt":)" + std::to_string(attempt) + R"(,"result":{"is":"cat"}})").status();
  }
  std::string state_of(const std::string& task) { return std::string(flow.get("/v1/tasks/" + task).at("state").as_string()); }
  using Texts = std::vector<std::string>;

  Flow flow;
  std::map<std::string, std::string> tokens;
};

TEST_F(WorkTest, APersonClaimsAndAnswers) {
  submit("{\"url\":\"a.png\"}\nplain\n", R"(,"due_ms":1000)");
  EXPECT_EQ(state_of("1.label.0"), "pending") << "it is pushed to nobody";
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0/explain").at("why"), "waits_for_people");
  const auto items = as("ann", "claim", R"({"limit":2,"types":["labeller"],"job":1})").json().at("items").as_array();
  ASSERT_EQ(items.size(), 2U);
  const auto& one = items[0].as_object();
  EXPECT_EQ(one.at("task"), "1.label.0");
  EXPECT_EQ(one.at("attempt"), 1);
  EXPECT_EQ(one.at("job_name"), "ask");
  EXPECT_EQ(one.at("type"), "labeller");
  EXPECT_EQ(one.at("item"), (json::object{{"url", "a.png"}}));
  EXPECT_EQ(items[1].at("item"), "plain");
  EXPECT_EQ(one.at("form"), (json::object{{"choice", {"cat", "dog"}}}));
  EXPECT_FALSE(one.at("lease_until").is_null());
  EXPECT_FALSE(one.at("due_at").is_null());
  const auto& done = as("ann", "1.label.0/answer", R"({"attempt":1,"result":{"is":"cat"}})");
  EXPECT_EQ(done.json(), (json::object{{"task", "1.label.0"}, {"state", "completed"}})) << done.response.body;
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0/result").at("result"), (json::object{{"is", "cat"}}));
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0").at("agent"), "ann");
  EXPECT_EQ(answer("ann", "1.label.1"), 200);
  EXPECT_EQ(flow.get("/v1/jobs/1").at("state"), "completed");
}

TEST_F(WorkTest, WhatNobodyWantsIsAnEmptyList) {
  EXPECT_EQ(claim("ann"), Texts{});
  submit("a\n");
  EXPECT_EQ(claim("ann", R"({"types":["rater"]})"), Texts{});
  EXPECT_EQ(claim("ann", R"({"job":1,"limit":1000})"), Texts{"1.label.0"});
  EXPECT_EQ(claim("bob"), Texts{}) << "ann has it";
}

TEST_F(WorkTest, CopiesOfOneItemGoToDifferentPeople) {
  submit("a\nb\n", R"(,"overlap":2)");
  EXPECT_EQ(claim("ann", R"({"limit":10})"), (Texts{"1.label.0", "1.label.2"}));
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
  EXPECT_EQ(claim("ann", R"({"limit":10})"), Texts{}) << "answered is had";
  EXPECT_EQ(claim("bob", R"({"limit":10})"), (Texts{"1.label.1", "1.label.3"}));
  flow.restart();
  EXPECT_EQ(claim("ann", R"({"limit":10})"), Texts{}) << "after a restart too";
  EXPECT_EQ(answer("bob", "1.label.1"), 200);
  EXPECT_EQ(answer("bob", "1.label.3"), 200);
  EXPECT_EQ(answer("ann", "1.label.2"), 200);
  EXPECT_EQ(flow.get("/v1/jobs/1").at("state"), "completed");
}

TEST_F(WorkTest, NobodyAnswersForAnother) {
  submit("a\n");
  EXPECT_EQ(claim("ann"), Texts{"1.label.0"});
  EXPECT_EQ(answer("bob", "1.label.0"), 404);
  EXPECT_EQ(as("bob", "1.label.0/release", R"({"attempt":1})").status(), 404);
  EXPECT_EQ(answer("ann", "1.label.0", 2), 404) << "an attempt that was never claimed";
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0/explain").at("why"), "claimed");
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
  EXPECT_EQ(answer("ann", "1.label.0"), 409) << "once";
}

TEST_F(WorkTest, AMachinesAttemptIsNoClaim) {
  flow.world.submit();
  EXPECT_EQ(state_of("1.main"), "pending");
  EXPECT_EQ(answer("ann", "1.main"), 404);
}

TEST_F(WorkTest, WhatIsGivenBackGoesToTheNext) {
  submit("a\n");
  EXPECT_EQ(claim("ann"), Texts{"1.label.0"});
  const auto& done = as("ann", "1.label.0/release", R"({"attempt":1,"why":"too blurred"})");
  EXPECT_EQ(done.json().at("state"), "pending") << done.response.body;
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0").at("attempts_list").at(0).at("detail"), "too blurred");
  flow.world.advance(std::chrono::minutes{2});
  EXPECT_EQ(claim("bob"), Texts{"1.label.0"});
  EXPECT_EQ(answer("ann", "1.label.0"), 409);
  EXPECT_EQ(answer("bob", "1.label.0", 2), 200);
}

TEST_F(WorkTest, AClaimRunsOut) {
  submit("a\n");
  EXPECT_EQ(claim("ann", R"({"lease_ms":60000})"), Texts{"1.label.0"});
  flow.world.advance(std::chrono::seconds{59});
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0/explain").at("why"), "claimed");
  flow.world.advance(std::chrono::seconds{1});
  EXPECT_EQ(answer("ann", "1.label.0"), 409);
  flow.world.advance(std::chrono::minutes{2});
  EXPECT_EQ(claim("bob"), Texts{"1.label.0"});
}

TEST_F(WorkTest, AClaimSurvivesARestart) {
  submit("a\n");
  EXPECT_EQ(claim("ann", R"({"lease_ms":60000})"), Texts{"1.label.0"});
  flow.restart();
  EXPECT_EQ(flow.get("/v1/tasks/1.label.0/explain").at("why"), "claimed");
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
}

TEST_F(WorkTest, AClockThatWasSetBackLengthensNoLease) {
  submit("a\n");
  EXPECT_EQ(claim("ann", R"({"lease_ms":600000})"), Texts{"1.label.0"});
  flow.world.wall_step = -std::chrono::hours{1};
  flow.restart();
  flow.world.advance(std::chrono::minutes{9});
  EXPECT_EQ(state_of("1.label.0"), "running");
  flow.world.advance(std::chrono::minutes{2});
  EXPECT_EQ(answer("ann", "1.label.0"), 409);
}

TEST_F(WorkTest, ALongLeaseIsNeitherCutNorLengthenedByRestarts) {
  submit("a\n");
  EXPECT_EQ(claim("ann", R"({"lease_ms":7200000})"), Texts{"1.label.0"});
  const auto until = flow.get("/v1/tasks/1.label.0").at("lease_until");
  for (int hour = 0; hour < 2; ++hour) {
    flow.restart();
    flow.world.advance(std::chrono::minutes{59});
    EXPECT_EQ(state_of("1.label.0"), "running") << hour;
    EXPECT_EQ(flow.get("/v1/tasks/1.label.0").at("lease_until"), until);
  }
  flow.world.advance(std::chrono::minutes{2});
  EXPECT_EQ(answer("ann", "1.label.0"), 409) << "two hours are two hours";
}

TEST_F(WorkTest, WhoseLeaseRanOutWhileTheSchedulerWasDownMayStillAnswer) {
  submit("a\nb\n");
  EXPECT_EQ(claim("ann", R"({"lease_ms":60000,"limit":2})"), (Texts{"1.label.0", "1.label.1"}));
  flow.world.time += std::chrono::hours{1};
  flow.restart();
  flow.world.advance(limits::kClaimGrace - std::chrono::seconds{1});
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
  flow.world.advance(std::chrono::seconds{1});
  EXPECT_EQ(answer("ann", "1.label.1"), 409);
}

TEST_F(WorkTest, WhoHoldsATaskAndUntilWhenIsSaid) {
  submit("a\nb\n");
  EXPECT_TRUE(flow.get("/v1/tasks/1.label.0").at("lease_until").is_null());
  EXPECT_EQ(claim("ann"), Texts{"1.label.0"});
  const auto task = flow.get("/v1/tasks/1.label.0");
  EXPECT_EQ(task.at("state"), "running");
  EXPECT_EQ(task.at("agent"), "ann");
  const std::string until(task.at("lease_until").as_string());
  const auto why = flow.get("/v1/tasks/1.label.0/explain");
  EXPECT_NE(why.at("summary").as_string().find("claimed by ann until " + until), std::string::npos) << why;
  const auto ann = flow.get("/v1/agents/ann");
  EXPECT_EQ(ann.at("kind"), "person");
  EXPECT_EQ(ann.at("state"), "working");
  EXPECT_EQ(ann.at("claims"), (json::array{{{"task", "1.label.0"}, {"attempt", 1}, {"lease_until", until}}}));
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
  EXPECT_TRUE(flow.get("/v1/tasks/1.label.0").at("lease_until").is_null()) << "of the past";
  EXPECT_EQ(flow.get("/v1/agents/ann").at("state"), "idle");
  EXPECT_EQ(flow.get("/v1/agents/ann").at("claims"), json::array{});
  EXPECT_EQ(flow.get("/v1/agents/a1").at("kind"), "machine");
}

TEST_F(WorkTest, APersonIsSeenWhenSheWorks) {
  submit("a\n");
  EXPECT_EQ(claim("ann"), Texts{"1.label.0"});
  const auto first = flow.get("/v1/agents/ann").at("last_seen_at");
  EXPECT_FALSE(first.is_null());
  flow.world.advance(std::chrono::minutes{5});
  EXPECT_EQ(flow.get("/v1/agents/ann").at("last_seen_at"), first);
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
  EXPECT_NE(flow.get("/v1/agents/ann").at("last_seen_at"), first);
}

TEST_F(WorkTest, PeopleAreNoMachinesOfTheMetrics) {
  const auto metrics = [&] { return flow.world.call("GET", "/metrics").response.body; };
  EXPECT_NE(metrics().find("\nstint_agents 1\n"), std::string::npos);
  EXPECT_EQ(claim("ann"), Texts{});
  EXPECT_NE(metrics().find("\nstint_agents 1\n"), std::string::npos);
  EXPECT_NE(metrics().find("\nstint_people 1\n"), std::string::npos);
}

TEST_F(WorkTest, OneWhoWasRevokedGetsNothing) {
  submit("a\nb\n");
  EXPECT_EQ(claim("ann"), Texts{"1.label.0"});
  EXPECT_EQ(flow.world.call("POST", "/v1/agents/ann/revoke").status(), 200);
  EXPECT_EQ(as("ann", "claim", "{}").status(), 403);
}

TEST_F(WorkTest, TheFormComesWithTheItemInIt) {
  const auto list = flow.put("{\"url\":\"a.png\"}\nplain\n");
  flow.world.submit(R"({"tasks":[{"name":"label","driver":"human","form":{"image":"$item.url","ask":"Is $item.url a cat?"},)"
                    R"("each":{"count":2,"items":")" +
                    list + R"("}}]})");
  const auto items = as("ann", "claim", R"({"limit":2})").json().at("items").as_array();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].at("form"), (json::object{{"image", "a.png"}, {"ask", "Is a.png a cat?"}}));
  EXPECT_EQ(items[1].at("form"), (json::object{{"image", "$item.url"}, {"ask", "Is $item.url a cat?"}})) << "no object has no keys";
}

TEST_F(WorkTest, AMachineOfTheSameNameIsNoPerson) {
  submit("a\n");
  flow.world.add_agent("ann2");
  const auto made = flow.world.call("POST", "/v1/tokens", R"({"name":"ann2","scopes":["work"]})").json();
  tokens["ann2"] = std::string(made.at("token").as_string());
  EXPECT_EQ(as("ann2", "claim", "{}").status(), 409);
}

TEST_F(WorkTest, WhatIsNotMeantIsRefused) {
  submit("a\n");
  for (const std::string body : {R"({"limit":0})", R"({"limit":1001})", R"({"limit":1.5})", R"({"lease_ms":999})", R"({"types":["cook"]})",
                                 R"({"types":"rater"})", R"({"limmit":1})", "[]", "{"})
    EXPECT_EQ(as("ann", "claim", body).status(), 400) << body;
  EXPECT_EQ(as("ann", "claim", R"({"job":77})").status(), 404);
  EXPECT_EQ(claim("ann"), Texts{"1.label.0"});
  for (const std::string body : {R"({"attempt":1})", R"({"result":{}})", R"({"attempt":1,"result":7})", R"({"attempt":0,"result":{}})",
                                 R"({"attempt":1,"result":{},"x":1})", ""})
    EXPECT_EQ(as("ann", "1.label.0/answer", body).status(), 400) << body;
  const auto& large = as("ann", "1.label.0/answer", R"({"attempt":1,"result":{"x":")" + std::string(65536, 'x') + "\"}}");
  EXPECT_EQ(large.status(), 413);
  EXPECT_EQ(large.json().at("code"), "out_of_range");
  EXPECT_EQ(as("ann", "1.label.7/answer", R"({"attempt":1,"result":{}})").status(), 404);
  EXPECT_EQ(answer("ann", "1.label.0"), 200);
}

}  // namespace
}  // namespace stint::scheduler
