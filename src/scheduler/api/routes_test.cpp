#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "scheduler/api/access.hpp"
#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using testing::Heard;
using testing::World;

/// The path of a route with this test's job, task, agent and token in their places.
std::string real_path(std::string_view pattern) {
  static const std::map<std::string, std::string> kReal{
      {"{job}", "1"}, {"{task}", "1.main"}, {"{agent}", "a1"}, {"{name}", "t1"}, {"{attempt}", "1.0.0.1"}};
  std::string path;
  while (!pattern.empty()) {
    const auto part = std::string(pattern.substr(0, pattern.find('/', 1)));
    pattern.remove_prefix(part.size());
    if (part.starts_with("/{")) {
      const auto real = kReal.find(part.substr(1));
      path += "/" + (real == kReal.end() ? "x" : real->second);
    } else {
      path += part;
    }
  }
  return path;
}

bool is_open(const api::Route& route) { return route.access.door == api::Access::Door::open; }
bool needs_token_here(const api::Route& route) { return route.access.door == api::Access::Door::token; }

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

/// `GET /v1/jobs: read`, `POST /v1/jobs/{job}/cancel: submit, operate`, `GET /healthz: open`; with ` | attempt` or ` | loopback`.
std::string describe(const api::Route& route) {
  std::string text = std::string(route.method) + " " + std::string(route.path) + ": ";
  const bool is_for_attempts_alone = route.access.attempts && route.access.any_of.empty();
  text += is_open(route) ? "open" : is_for_attempts_alone ? "attempt" : core::to_string(route.access.any_of);
  if (route.access.attempts) text += " | attempt";
  if (route.access.door == api::Access::Door::loopback) text += " | loopback";
  return text;
}

/// The same of every operation of the contract; it relies on the contract's own layout: two spaces a level.
std::set<std::string> read_operations() {
  std::set<std::string> operations;
  std::istringstream lines(read_contract());
  std::string line, path, method, scope, door;
  const auto finish = [&] {
    if (!method.empty()) operations.insert(method + " " + path + ": " + (scope.empty() ? "NO x-scope" : scope) + door);
    method.clear(), scope.clear(), door.clear();
  };
  while (std::getline(lines, line)) {
    std::smatch part;
    if (std::regex_match(line, part, std::regex("  (/[^:]*):"))) {
      finish();
      path = part[1];
    } else if (std::regex_match(line, part, std::regex("    (get|put|post|delete|patch|head):"))) {
      finish();
      method = part[1];
      std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    } else if (std::regex_match(line, part, std::regex(R"(      x-scope: \[?([a-z, ]+)\]?)"))) {
      scope = part[1];
    } else if (line.starts_with("      security:")) {
      door = line.find("attempt:") != std::string::npos ? " | attempt" : line.find("[{}, ") != std::string::npos ? " | loopback" : "";
    } else if (line == "components:") {
      break;
    }
  }
  finish();
  return operations;
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

TEST_F(RoutesTest, TheTableAndTheContractAreOne) {
  std::set<std::string> table;
  for (const auto& route : api::routes()) table.insert(describe(route));
  const auto contract = read_operations();
  for (const auto& operation : contract) EXPECT_TRUE(table.contains(operation)) << "described, but not so in api/access.cpp: " << operation;
  for (const auto& route : table) EXPECT_TRUE(contract.contains(route)) << "not so in schema/openapi.yaml: " << route;
  EXPECT_EQ(table.size(), api::routes().size()) << "a route comes twice";
  EXPECT_GE(codes.size(), 16U);
}

TEST_F(RoutesTest, EveryRouteIsFoundByItsPath) {
  for (const auto& route : api::routes())
    EXPECT_EQ(api::find_route(route.method, real_path(route.path)).route, &route) << route.path << " is hidden by an earlier pattern";
}

TEST_F(RoutesTest, EveryOtherMethodIsRefusedAndTheRightOnesAreNamed) {
  std::map<std::string, std::string> allowed;
  for (const auto& route : api::routes()) {
    auto& methods = allowed[std::string(route.path)];
    methods.append(methods.empty() ? "" : ", ").append(route.method);
  }
  for (const auto& [path, methods] : allowed)
    for (const std::string method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
      if (methods.find(method) != std::string::npos) continue;
      const auto& answer = world.call(method, real_path(path));
      expect_problem(answer, "method_not_allowed", method + " " + path);
      EXPECT_EQ(answer.header("Allow"), methods) << method << " " << path;
    }
}

TEST_F(RoutesTest, WithoutAGoodTokenNothingIsSaidAndNothingIsDone) {
  for (const std::string token : {"", "wrong", "the token of these test", "the token of these tests "}) {
    world.token = token;
    for (const auto& route : api::routes()) {
      const auto& answer = world.call(std::string(route.method), real_path(route.path), R"({"name":"x"})");
      if (!needs_token_here(route)) {
        EXPECT_EQ(answer.status(), 200) << route.path;
        continue;
      }
      expect_problem(answer, "unauthenticated", describe(route));
      EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer");
    }
  }
  world.token = testing::kToken;
  EXPECT_EQ(world.call("GET", "/v1/jobs/1").json().at("state").as_string(), "pending") << "it was not cancelled";
  EXPECT_NE(world.call("GET", "/v1/agents/a1").json().at("state").as_string(), "revoked");
}

TEST_F(RoutesTest, EveryScopeOpensItsRoutesAndNoOther) {
  std::map<core::Scope, std::string> tokens;
  for (const auto scope : core::kScopes) {
    const auto word = std::string(core::to_string(scope));
    const auto made = world.call("POST", "/v1/tokens", R"({"name":"with-)" + word + R"(","scopes":[")" + word + R"("]})").json();
    tokens[scope] = std::string(made.at("token").as_string());
  }
  world.client_address = "192.0.2.7";
  for (const auto& [scope, token] : tokens)
    for (const auto& route : api::routes()) {
      if (route.path.ends_with("/cancel")) continue;  // on whose job it is: TokensTest
      world.token = token;
      const auto& answer = world.call(std::string(route.method), real_path(route.path), "[]");
      const auto what = std::string(core::to_string(scope)) + " for " + describe(route);
      EXPECT_NE(answer.status(), 401) << what;
      if (is_open(route) || core::Scopes{scope}.allow_any(route.access.any_of)) {
        EXPECT_NE(answer.status(), 403) << what << ": " << answer.response.body;
      } else {
        expect_problem(answer, "forbidden", what);
      }
    }
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
