#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using testing::Heard;
using testing::World;

struct Route {
  std::string path;
  std::vector<std::string> methods;
  std::string allow;
  bool needs_token = true;
};

const std::vector<Route> kRoutes = {
    {"/v1/jobs", {"GET", "POST"}, "GET, POST"},
    {"/v1/jobs/1", {"GET"}, "GET"},
    {"/v1/jobs/1/spec", {"GET"}, "GET"},
    {"/v1/jobs/1/cancel", {"POST"}, "POST"},
    {"/v1/jobs/1/tasks", {"GET"}, "GET"},
    {"/v1/jobs/1/explain", {"GET"}, "GET"},
    {"/v1/tasks/1.main", {"GET"}, "GET"},
    {"/v1/tasks/1.main/explain", {"GET"}, "GET"},
    {"/v1/tasks/1.main/logs", {"GET"}, "GET"},
    {"/v1/tasks/1.main/reports", {"GET"}, "GET"},
    {"/v1/events", {"GET"}, "GET"},
    {"/v1/agents", {"GET", "POST"}, "GET, POST"},
    {"/v1/agents/a1", {"GET"}, "GET"},
    {"/v1/agents/a1/drain", {"POST"}, "POST"},
    {"/v1/agents/a1/revoke", {"POST"}, "POST"},
    {"/v1/info", {"GET"}, "GET"},
    {"/healthz", {"GET"}, "GET", false},
    {"/readyz", {"GET"}, "GET", false},
    {"/metrics", {"GET"}, "GET", false},
};

std::string read_contract() {
  std::ifstream file(STINT_SOURCE_DIR "/schema/openapi.yaml");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The table of codes in the contract: | code | status | what a caller does |
std::map<std::string, int> read_codes() {
  std::map<std::string, int> codes;
  const auto text = read_contract();
  const std::regex row(R"(\| ([a-z_]+) \| (\d{3}) \|)");
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it) codes[(*it)[1]] = std::stoi((*it)[2]);
  return codes;
}

/// The contract's paths with this test's job, task and agent in their places.
std::vector<std::string> read_paths() {
  std::vector<std::string> paths;
  const auto text = read_contract();
  const std::regex line(R"(\n  (/[^:\n]*):)");
  for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it) {
    std::string path = (*it)[1];
    for (const auto& [name, value] : {std::pair{"{job}", "1"}, {"{task}", "1.main"}, {"{agent}", "a1"}})
      if (const auto at = path.find(name); at != std::string::npos) path.replace(at, std::string_view(name).size(), value);
    paths.push_back(path);
  }
  return paths;
}

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() {
    world.submit();
    world.add_agent("a1");
  }
  void expect_problem(const Heard& answer, const std::string& code, const std::string& what) {
    SCOPED_TRACE(what);
    ASSERT_TRUE(answer.is_answered);
    ASSERT_TRUE(codes.contains(code)) << code << " is not in the contract";
    EXPECT_EQ(answer.status(), codes.at(code)) << answer.response.body;
    EXPECT_EQ(answer.response.content_type, "application/problem+json");
    const auto body = answer.json().as_object();
    EXPECT_EQ(body.at("type").as_string(), "about:blank");
    EXPECT_FALSE(body.at("title").as_string().empty());
    EXPECT_EQ(body.at("status").to_number<int>(), answer.status());
    EXPECT_EQ(body.at("code").as_string(), code);
    EXPECT_FALSE(body.at("detail").as_string().empty());
    for (const auto& item : body) EXPECT_TRUE(known_keys.contains(std::string(item.key()))) << item.key() << " is not a key of Problem";
  }
  void expect_refused(const std::string& method, const std::string& target, const std::string& code, const std::string& body = {}) {
    expect_problem(world.call(method, target, body), code, method + " " + target + " " + body);
  }

  const std::map<std::string, int> codes = read_codes();
  const std::map<std::string, int> known_keys{{"type", 1},   {"title", 1}, {"status", 1}, {"code", 1},
                                              {"detail", 1}, {"where", 1}, {"limit", 1},  {"remedy", 1}};
  World world;
};

TEST_F(RoutesTest, TheTableOfThisTestIsTheContracts) {
  auto paths = read_paths();
  std::vector<std::string> ours;
  for (const auto& route : kRoutes) ours.push_back(route.path);
  std::sort(paths.begin(), paths.end());
  std::sort(ours.begin(), ours.end());
  EXPECT_EQ(paths, ours);
  EXPECT_GE(codes.size(), 16U);
}

TEST_F(RoutesTest, EveryOtherMethodIsRefusedAndTheRightOnesAreNamed) {
  for (const auto& route : kRoutes)
    for (const std::string method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
      if (std::count(route.methods.begin(), route.methods.end(), method) > 0) continue;
      const auto& answer = world.call(method, route.path);
      expect_problem(answer, "method_not_allowed", method + " " + route.path);
      EXPECT_EQ(answer.header("Allow"), route.allow) << method << " " << route.path;
    }
}

TEST_F(RoutesTest, WithoutAGoodTokenNothingIsSaidAndNothingIsDone) {
  for (const std::string token : {"", "wrong", "the token of these test", "the token of these tests "}) {
    world.token = token;
    for (const auto& route : kRoutes)
      for (const auto& method : route.methods) {
        const auto& answer = world.call(method, route.path, R"({"name":"x"})");
        if (!route.needs_token) {
          EXPECT_EQ(answer.status(), 200) << route.path;
          continue;
        }
        expect_problem(answer, "unauthenticated", method + " " + route.path);
        EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer");
      }
  }
  world.token = testing::kToken;
  EXPECT_EQ(world.call("GET", "/v1/jobs/1").json().at("state").as_string(), "pending") << "it was not cancelled";
  EXPECT_NE(world.call("GET", "/v1/agents/a1").json().at("state").as_string(), "revoked");
}

TEST_F(RoutesTest, MetricsAreOpenToThisMachineAlone) {
  world.token.clear();
  EXPECT_EQ(world.call("GET", "/metrics").status(), 200);
  world.client_address = "192.0.2.7";
  EXPECT_EQ(world.call("GET", "/metrics").status(), 401);
  EXPECT_EQ(world.call("GET", "/healthz").status(), 200);
  world.token = testing::kToken;
  EXPECT_EQ(world.call("GET", "/metrics").status(), 200);
}

TEST_F(RoutesTest, AnUnknownPathSaysLittleWithoutAToken) {
  world.token = "wrong";
  expect_refused("GET", "/v1/secrets", "unauthenticated");
}

TEST_F(RoutesTest, WhatIsNotThereIsNotFound) {
  for (const auto* path : {"/",
                           "/v1",
                           "/v2/jobs",
                           "/v1/",
                           "/v1/nothing",
                           "/v1/jobs/1/nothing",
                           "/v1/jobs/1/tasks/x",
                           "/v1/tasks",
                           "/v1/tasks/1.main/nothing",
                           "/v1/agents/a1/nothing",
                           "/v1/jobs/99",
                           "/v1/jobs/99/spec",
                           "/v1/jobs/99/tasks",
                           "/v1/jobs/99/explain",
                           "/v1/tasks/99.main",
                           "/v1/tasks/1.nobody",
                           "/v1/tasks/1.main.0",
                           "/v1/tasks/99.main/logs",
                           "/v1/tasks/1.nobody/reports",
                           "/v1/tasks/1.nobody/explain",
                           "/v1/agents/nobody",
                           "/v1/jobs/0",
                           "/v1/jobs/1/tasks?task=nobody",
                           "/v1/info/more",
                           "/v1/events/1"})
    expect_refused("GET", path, "not_found");
  expect_refused("POST", "/v1/jobs/99/cancel", "not_found");
  expect_refused("POST", "/v1/jobs/1/cancel", "not_found", R"({"task":"nobody"})");
  expect_refused("POST", "/v1/jobs/1/cancel", "not_found", R"({"task":"main.7"})");
  expect_refused("POST", "/v1/agents/nobody/drain", "not_found", R"({"draining":true})");
  expect_refused("POST", "/v1/agents/nobody/revoke", "not_found");
}

TEST_F(RoutesTest, WhatIsWrongInAQueryIsRefused) {
  for (const auto* target : {"/v1/jobs?limit=0",
                             "/v1/jobs?limit=1001",
                             "/v1/jobs?limit=x",
                             "/v1/jobs?limit=-1",
                             "/v1/jobs?after=x",
                             "/v1/jobs?state=done",
                             "/v1/jobs/one",
                             "/v1/jobs/-1",
                             "/v1/jobs/1x",
                             "/v1/jobs/99999999999999999999",
                             "/v1/jobs/1/tasks?limit=0",
                             "/v1/jobs/1/tasks?after=x",
                             "/v1/jobs/1/tasks?after=0",
                             "/v1/jobs/1/tasks?after=.",
                             "/v1/jobs/1/tasks?after=0.",
                             "/v1/jobs/1/tasks?after=4294967296.0",
                             "/v1/jobs/1/tasks?after=0.99999999999999999999",
                             "/v1/jobs/1/tasks?state=done",
                             "/v1/tasks/main",
                             "/v1/tasks/x.main",
                             "/v1/tasks/1.main/logs?attempt=x",
                             "/v1/tasks/1.main/logs?attempt=4294967297",
                             "/v1/tasks/1.main/logs?after=-1",
                             "/v1/tasks/1.main/reports?limit=0",
                             "/v1/tasks/1.main/reports?after=4294967296",
                             "/v1/tasks/1.main/reports?attempt=x",
                             "/v1/tasks/1.main/reports?attempt=4294967297",
                             "/v1/events?limit=0",
                             "/v1/events?after=x",
                             "/v1/events?job=x",
                             "/v1/agents?limit=0",
                             "/v1/agents?limit=9999",
                             "/v1/agents?after=x"})
    expect_refused("GET", target, "invalid_argument");
}

TEST_F(RoutesTest, WhatIsWrongInABodyIsRefused) {
  for (const auto* body :
       {"", "[]", "{", "null", "7", "{}", R"({"tasks":[]})", R"({"tasks":7})", R"({"tasks":[{}],"x":1})",
        R"({"tasks":[{"command":["true"],"resorces":{}}]})", R"({"tasks":[{"command":["true"],"resources":{"cpu_millis":-1}}]})",
        R"({"tasks":[{"command":["true"],"needs":["nobody"]}]})", R"({"tasks":[{"name":"a b","command":["true"]}]})",
        R"({"tasks":[{"name":"a","command":["true"]},{"name":"a","command":["true"]}]})"})
    expect_refused("POST", "/v1/jobs", "invalid_argument", body);
  for (const auto* body :
       {"", "[]", "{", "{}", R"({"name":7})", R"({"name":""})", R"({"name":"a b"})", R"({"name":"a/b"})", R"({"name":"a","x":1})"})
    expect_refused("POST", "/v1/agents", "invalid_argument", body);
  expect_refused("POST", "/v1/agents", "invalid_argument", R"({"name":")" + std::string(65, 'a') + R"("})");
  for (const auto* body : {"[]", "{", R"({"tusk":"main"})", R"({"task":7})", R"({"task":"main","x":1})"})
    expect_refused("POST", "/v1/jobs/1/cancel", "invalid_argument", body);
  for (const auto* body : {"", "[]", "{", "{}", R"({"draining":"yes"})", R"({"draining":true,"x":1})"})
    expect_refused("POST", "/v1/agents/a1/drain", "invalid_argument", body);
  EXPECT_EQ(world.call("GET", "/v1/jobs").json().at("items").as_array().size(), 1U) << "none of them became a job";
  EXPECT_EQ(world.call("GET", "/v1/agents").json().at("items").as_array().size(), 1U);
}

TEST_F(RoutesTest, AJobThatIsTooLargeIsRefusedWithTheLimit) {
  const auto& answer = world.call("POST", "/v1/jobs", std::string((std::size_t{4} << 20) + 1, ' '));
  expect_problem(answer, "out_of_range", "a job over 4 MiB");
  EXPECT_EQ(answer.json().at("limit").as_string(), "4194304 bytes");
}

TEST_F(RoutesTest, DeeplyNestedJsonIsRefusedAsAnyOther) {
  const std::string deep(100'000, '[');
  expect_refused("POST", "/v1/jobs", "invalid_argument", deep);
  expect_refused("POST", "/v1/agents", "invalid_argument", deep);
}

}  // namespace
}  // namespace stint::scheduler
