#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using testing::World;

class TokensTest : public ::testing::Test {
 protected:
  /// The text of a new token.
  std::string create(const std::string& body) {
    world.token = testing::kToken;
    const auto& answer = world.call("POST", "/v1/tokens", body);
    EXPECT_EQ(answer.status(), 201) << answer.response.body;
    return std::string(answer.json().at("token").as_string());
  }
  std::string detail(const testing::Heard& answer) { return std::string(answer.json().at("detail").as_string()); }
  World world;
};

TEST_F(TokensTest, ANewTokenWorksAndIsNeverShownAgain) {
  const auto token = create(R"({"name":"ci","scopes":["read","submit"]})");
  const auto& list = world.call("GET", "/v1/tokens");
  EXPECT_EQ(list.response.body.find(token), std::string::npos);
  EXPECT_EQ(list.response.body.find(to_hex(wire::sha256(as_bytes(token)))), std::string::npos);
  const auto item = list.json().at("items").at(0);
  EXPECT_EQ(item.at("name").as_string(), "ci");
  EXPECT_EQ(boost::json::serialize(item.at("scopes")), R"(["read","submit"])");
  EXPECT_TRUE(item.at("last_used_at").is_null());
  world.token = token;
  const auto who = world.call("GET", "/v1/whoami").json();
  EXPECT_EQ(who.at("name").as_string(), "ci");
  EXPECT_TRUE(who.at("expires_at").is_null());
  world.token = testing::kToken;
  EXPECT_TRUE(world.call("GET", "/v1/tokens").json().at("items").at(0).at("last_used_at").is_string());
}

TEST_F(TokensTest, ItSurvivesARestartAndItsEndToo) {
  const auto kept = create(R"({"name":"kept","scopes":["read"]})");
  const auto gone = create(R"({"name":"gone","scopes":["read"]})");
  EXPECT_EQ(world.call("DELETE", "/v1/tokens/gone").status(), 200);
  world.restart();
  world.token = kept;
  EXPECT_EQ(world.call("GET", "/v1/jobs").status(), 200);
  world.token = gone;
  EXPECT_EQ(world.call("GET", "/v1/jobs").status(), 401);
}

TEST_F(TokensTest, ATokenThatIsNotDurableIsNotTold) {
  world.disk_is_held = true;
  const auto id = world.send("POST", "/v1/tokens", R"({"name":"ci","scopes":["read"]})");
  world.settle();
  EXPECT_FALSE(world.heard(id).is_answered);
  world.restart();
  world.disk_is_held = false;
  EXPECT_TRUE(world.call("GET", "/v1/tokens").json().at("items").as_array().empty());
}

TEST_F(TokensTest, AnExpiredOneIsToldThatItExpired) {
  world.token = create(R"({"name":"ci","scopes":["read"],"ttl_ms":60000})");
  EXPECT_EQ(world.call("GET", "/v1/jobs").status(), 200);
  world.advance(std::chrono::minutes{1});
  const auto& answer = world.call("GET", "/v1/jobs");
  EXPECT_EQ(answer.status(), 401);
  EXPECT_NE(detail(answer).find("`ci` (id 1) expired at "), std::string::npos) << detail(answer);
}

TEST_F(TokensTest, ARevokedOneIsToldThatItWasRevoked) {
  const auto token = create(R"({"name":"ci","scopes":["admin"]})");
  world.token = token;
  EXPECT_EQ(world.call("DELETE", "/v1/tokens/1").json().at("state").as_string(), "revoked");
  const auto& answer = world.call("GET", "/v1/jobs");
  EXPECT_EQ(answer.status(), 401);
  EXPECT_NE(detail(answer).find("was revoked at "), std::string::npos) << detail(answer);
}

TEST_F(TokensTest, WhatItMayNotIsSaidWithWhatItMay) {
  world.token = create(R"({"name":"viewer","scopes":["read","work"]})");
  const auto& answer = world.call("POST", "/v1/jobs", testing::kOneTask);
  EXPECT_EQ(answer.status(), 403);
  EXPECT_EQ(detail(answer), "POST /v1/jobs needs the scope submit; the token `viewer` has read, work");
}

TEST_F(TokensTest, AJobBelongsToTheNameThatSubmittedIt) {
  const auto ann = create(R"({"name":"ann","scopes":["submit"]})");
  const auto ben = create(R"({"name":"ben","scopes":["submit"]})");
  const auto boss = create(R"({"name":"boss","scopes":["operate"]})");
  world.token = ann;
  EXPECT_EQ(world.call("POST", "/v1/jobs", testing::kOneTask).json().at("submitted_by").as_string(), "ann");
  world.submit();
  world.token = ben;
  const auto& answer = world.call("POST", "/v1/jobs/1/cancel");
  EXPECT_EQ(answer.status(), 403);
  EXPECT_EQ(detail(answer), "cancelling job 1, which `ann` submitted, needs the scope operate; the token `ben` has submit");
  EXPECT_EQ(world.call("GET", "/v1/jobs/1").json().at("state").as_string(), "pending");
  world.token = ann;
  EXPECT_EQ(world.call("POST", "/v1/jobs/1/cancel").json().at("detail").as_string(), "cancelled by ann");
  world.token = boss;
  EXPECT_EQ(world.call("POST", "/v1/jobs/2/cancel").json().at("detail").as_string(), "cancelled by boss");
}

TEST_F(TokensTest, EventsSayByWhom) {
  world.token = create(R"({"name":"boss","scopes":["admin"]})");
  world.submit();
  world.add_agent("a1");
  world.call("POST", "/v1/agents/a1/drain", R"({"draining":true})");
  world.call("POST", "/v1/agents/a1/revoke");
  world.call("POST", "/v1/jobs/1/cancel", R"({"task":"main"})");
  world.call("POST", "/v1/tokens", R"({"name":"ci","scopes":["read"]})");
  world.call("DELETE", "/v1/tokens/ci");
  std::map<std::string, std::string> by;
  const auto events = world.call("GET", "/v1/events").json();
  for (const auto& event : events.at("items").as_array())
    if (const auto* who = event.at("data").as_object().if_contains("by"))
      by[std::string(event.at("kind").as_string())] = std::string(who->as_string());
  for (const auto* kind :
       {"job_submitted", "agent_registered", "agent_draining", "agent_revoked", "job_cancel_requested", "token_created", "token_revoked"})
    EXPECT_EQ(by[kind], "boss") << kind;
}

TEST_F(TokensTest, AStreamEndsWithItsToken) {
  const auto token = create(R"({"name":"viewer","scopes":["read"],"ttl_ms":60000})");
  const auto other = create(R"({"name":"other","scopes":["read"]})");
  world.submit();
  const auto follow = [&](const std::string& with, const std::string& target) {
    world.token = with;
    world.accept = target == "/v1/events" ? "text/event-stream" : "";
    return world.send("GET", target);
  };
  const auto events = follow(token, "/v1/events");
  const auto logs = follow(token, "/v1/tasks/1.main/logs?follow=1");
  const auto others = follow(other, "/v1/events");
  const auto locals = follow(testing::kToken, "/v1/events");
  world.accept.clear();
  world.settle();
  EXPECT_LE(world.daemon->next_deadline(), world.now().mono + std::chrono::seconds{1}) << "it will be looked at";
  world.advance(std::chrono::seconds{59});
  EXPECT_FALSE(world.heard(events).has_ended);
  world.advance(std::chrono::seconds{1});
  EXPECT_TRUE(world.heard(events).has_ended);
  EXPECT_TRUE(world.heard(logs).has_ended);
  EXPECT_FALSE(world.heard(others).has_ended);
  world.token = testing::kToken;
  world.call("DELETE", "/v1/tokens/other");
  EXPECT_TRUE(world.heard(others).has_ended);
  EXPECT_FALSE(world.heard(locals).has_ended);
}

TEST_F(TokensTest, WhatIsNoTokenIsRefusedWithTheReason) {
  for (const auto* body : {"",
                           "[]",
                           "{}",
                           R"({"name":"a"})",
                           R"({"name":"a","scopes":[]})",
                           R"({"name":"a","scopes":["reed"]})",
                           R"({"name":"a","scopes":[7]})",
                           R"({"name":"a","scopes":"read"})",
                           R"({"name":7,"scopes":["read"]})",
                           R"({"name":"a b","scopes":["read"]})",
                           R"({"name":"7","scopes":["read"]})",
                           R"({"name":"a","scopes":["read"],"ttl_ms":0})",
                           R"({"name":"a","scopes":["read"],"ttl_ms":-1})",
                           R"({"name":"a","scopes":["read"],"ttl_ms":1.5})",
                           R"({"name":"a","scopes":["read"],"ttl_ms":1e30})",
                           R"({"name":"a","scopes":["read"],"ttl_ms":"1d"})",
                           R"({"name":"a","scopes":["read"],"expires_at":"tomorrow"})",
                           R"({"name":"a","scopes":["read"],"expires_at":"1999-01-01T00:00:00Z"})",
                           R"({"name":"a","scopes":["read"],"secret":"x"})",
                           R"({"name":"a","scopes":["read"],"ttl_ms":1,"expires_at":"2999-01-01T00:00:00Z"})"}) {
    const auto& answer = world.call("POST", "/v1/tokens", body);
    EXPECT_EQ(answer.status(), 400) << body;
    EXPECT_EQ(answer.json().at("code").as_string(), "invalid_argument") << body;
  }
  create(R"({"name":"a","scopes":["read"],"expires_at":"2999-01-01T00:00:00Z"})");
  EXPECT_EQ(world.call("POST", "/v1/tokens", R"({"name":"a","scopes":["read"]})").status(), 409);
  EXPECT_EQ(world.call("DELETE", "/v1/tokens/nobody").status(), 404);
  EXPECT_EQ(world.call("DELETE", "/v1/tokens/local").status(), 409);
}

TEST_F(TokensTest, TheyAreListedInPages) {
  for (const auto* name : {"a", "b", "c"}) create(R"({"scopes":["read"],"name":")" + std::string(name) + R"("})");
  const auto page = world.call("GET", "/v1/tokens?limit=2").json();
  EXPECT_EQ(page.at("items").as_array().size(), 2U);
  EXPECT_EQ(page.at("next"), 2);
  const auto rest = world.call("GET", "/v1/tokens?limit=2&after=2").json();
  EXPECT_EQ(rest.at("items").at(0).at("name").as_string(), "c");
  EXPECT_TRUE(rest.at("next").is_null());
}

}  // namespace
}  // namespace stint::scheduler
