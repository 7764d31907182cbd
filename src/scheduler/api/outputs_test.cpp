#include <gtest/gtest.h>

#include "scheduler/flow.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;
using testing::attempt_of;
using testing::Flow;
using Texts = std::vector<std::string>;

class OutputsTest : public ::testing::Test {
 protected:
  /// Two tasks of an array, one of which leaves two files, then a single one.
  std::uint64_t run_flow() {
    const auto id =
        flow.world.submit(R"({"name":"flow","tasks":[{"name":"make","command":["m"],"array":{"count":2,"first":5},"outputs":["p"],)"
                          R"("collect":{"file":"p","into":"all"}},{"name":"use","command":["u"],"needs":["make"]}]})");
    flow.end(attempt_of(id, 0, 0), {{"p", "one\n"}, {"q/r", "x"}}, R"({"n":5})");
    flow.end(attempt_of(id, 0, 1), {{"p", "two\n"}}, R"({"n":6})");
    return id;
  }
  /// `task path` of every output, page by page.
  Texts list(const std::string& query, std::size_t limit = 100) {
    Texts all;
    std::string after;
    for (int pages = 0; pages < 50; ++pages) {
      const auto page = flow.get(std::string("/v1/jobs/1/outputs?limit=").append(std::to_string(limit)).append(query).append(after));
      for (const auto& item : page.at("items").as_array())
        all.push_back(
            (item.at("task").is_null() ? "whole " + std::string(item.at("entry").as_string()) : std::string(item.at("task").as_string())) +
            " " + std::string(item.at("path").as_string()));
      if (page.at("next").is_null()) return all;
      after = "&after=" + std::string(page.at("next").as_string());
    }
    return {"no end"};
  }
  Texts results(const std::string& target, std::size_t limit = 100) {
    Texts all;
    std::string after;
    for (int pages = 0; pages < 50; ++pages) {
      const auto page = flow.get(std::string(target).append("limit=").append(std::to_string(limit)).append(after));
      for (const auto& item : page.at("items").as_array())
        all.push_back(std::string(item.at("task").as_string()) + " " + json::serialize(item.at("result")));
      if (page.at("next").is_null()) return all;
      after = "&after=" + std::string(page.at("next").as_string());
    }
    return {"no end"};
  }

  Flow flow;
};

TEST_F(OutputsTest, OutputsComeInOrderAndInPages) {
  run_flow();
  flow.end(attempt_of(1, 1), {{"end", "e"}});
  const Texts all{"1.make.5 p", "1.make.5 q/r", "1.make.6 p", "whole make all", "1.use end"};
  EXPECT_EQ(list(""), all);
  EXPECT_EQ(list("", 1), all);
  EXPECT_EQ(list("", 2), all);
  EXPECT_EQ(list("&task=make", 1), (Texts{"1.make.5 p", "1.make.5 q/r", "1.make.6 p", "whole make all"}));
  EXPECT_EQ(list("&task=make.5", 1), (Texts{"1.make.5 p", "1.make.5 q/r"}));
  EXPECT_EQ(list("&task=make.6"), Texts{"1.make.6 p"});
  EXPECT_EQ(list("&task=use"), Texts{"1.use end"});
  const auto first = flow.get("/v1/jobs/1/outputs?limit=1").at("items").at(0).as_object();
  EXPECT_EQ(std::string(first.at("blob").as_string()), to_hex(blob_id_of(as_bytes("one\n"))));
  EXPECT_EQ(first.at("size_bytes"), 4);
  EXPECT_EQ(first.at("attempt"), 1);
  EXPECT_EQ(first.at("entry"), "make");
  EXPECT_EQ(flow.world.call("GET", "/v1/jobs/1/outputs?task=nobody").status(), 404);
  EXPECT_EQ(flow.world.call("GET", "/v1/jobs/1/outputs?after=x").status(), 400);
  EXPECT_EQ(flow.world.call("GET", "/v1/jobs/9/outputs").status(), 404);
}

TEST_F(OutputsTest, ResultsComeOfAllEntriesAndInPages) {
  run_flow();
  flow.end(attempt_of(1, 1), {}, "[1]");
  const Texts all{R"(1.make.5 {"n":5})", R"(1.make.6 {"n":6})", "1.use [1]"};
  EXPECT_EQ(results("/v1/jobs/1/results?"), all);
  EXPECT_EQ(results("/v1/jobs/1/results?", 1), all);
  EXPECT_EQ(results("/v1/jobs/1/results?task=use&"), Texts{"1.use [1]"});
  EXPECT_EQ(results("/v1/jobs/1/results?task=make&", 1), (Texts{all[0], all[1]}));
  EXPECT_EQ(results("/v1/jobs/1/results?task=make.6&"), Texts{all[1]});
  EXPECT_EQ(flow.world.call("GET", "/v1/jobs/1/results?after=1").status(), 400);
  EXPECT_EQ(flow.world.call("GET", "/v1/jobs/1/results?task=nobody").status(), 404);
}

TEST_F(OutputsTest, LargeResultsMakeShortPages) {
  const auto id = flow.world.submit(R"({"tasks":[{"name":"m","command":["m"],"array":{"count":120},"resources":{"cpu_millis":1}}]})");
  for (std::uint32_t i = 0; i < 120; ++i) flow.end(attempt_of(id, 0, i), {}, "\"" + std::string(65'000, 'x') + "\"");
  const auto page = flow.get("/v1/jobs/1/results?limit=1000");
  EXPECT_LT(page.at("items").as_array().size(), 120U);
  EXPECT_EQ(results("/v1/jobs/1/results?", 1000).size(), 120U);
}

TEST_F(OutputsTest, ATaskWithoutAResultHasNone) {
  run_flow();
  EXPECT_EQ(flow.get("/v1/tasks/1.make.6/result"), (json::object{{"task", "1.make.6"}, {"result", {{"n", 6}}}}));
  const auto& none = flow.world.call("GET", "/v1/tasks/1.use/result");
  EXPECT_EQ(none.status(), 404);
  EXPECT_EQ(none.json().at("code"), "not_found");
  EXPECT_FALSE(none.json().at("remedy").as_string().empty());
  EXPECT_EQ(flow.world.call("GET", "/v1/tasks/1.nobody/result").status(), 404);
}

TEST_F(OutputsTest, ARetryTakesOverWhatCompletedTasksLeft) {
  run_flow();
  EXPECT_EQ(flow.world.call("POST", "/v1/jobs/1/retry").status(), 409) << "it has not ended";
  flow.end(attempt_of(1, 1), {}, {}, TaskStatus::failed);
  flow.world.idempotency_key = "again";
  const auto& first = flow.world.call("POST", "/v1/jobs/1/retry", R"({"failed_only":true})");
  ASSERT_EQ(first.status(), 201) << first.response.body;
  EXPECT_EQ(first.json().at("id"), 2);
  const auto& second = flow.world.call("POST", "/v1/jobs/1/retry");
  EXPECT_EQ(second.status(), 200) << "the same key is the same job";
  EXPECT_EQ(second.json().at("id"), 2);
  flow.world.idempotency_key.clear();
  EXPECT_EQ(flow.get("/v1/jobs/2/spec").at("retry_of"), 1);
  EXPECT_EQ(flow.get("/v1/tasks/2.make.5").at("reason"), "reused");
  const auto use = flow.find_assigned(attempt_of(2, 1));
  ASSERT_TRUE(use);
  const auto files = flow.files_of(use->shared.needs_inputs);
  EXPECT_EQ(files.at("make/5/p"), "one\n");
  EXPECT_EQ(files.at("make/all"), "one\ntwo\n");
  EXPECT_EQ(files.count("make/results.jsonl"), 1U);
  EXPECT_EQ(flow.get("/v1/jobs/2/outputs").at("items").as_array().size(), 4U);
  EXPECT_EQ(results("/v1/jobs/2/results?"), (Texts{R"(2.make.5 {"n":5})", R"(2.make.6 {"n":6})"}));
  flow.end(attempt_of(2, 1));
  EXPECT_EQ(flow.get("/v1/jobs/2").at("state"), "completed");
  EXPECT_EQ(flow.world.call("POST", "/v1/jobs/2/retry").status(), 409) << "nothing is left of it";
}

TEST_F(OutputsTest, ARetryOfAllRunsAll) {
  run_flow();
  EXPECT_EQ(flow.world.call("POST", "/v1/jobs/1/retry", R"({"failed_only":false})").status(), 409);
  flow.end(attempt_of(1, 1));
  const auto& again = flow.world.call("POST", "/v1/jobs/1/retry", R"({"failed_only":false})");
  ASSERT_EQ(again.status(), 201) << again.response.body;
  EXPECT_EQ(again.json().at("tasks").at("completed"), 0);
  EXPECT_FALSE(flow.get("/v1/jobs/2/spec").as_object().contains("retry_of"));
  for (const std::string body : {R"({"failed":true})", R"({"failed_only":1})", "[]", "{"})
    EXPECT_EQ(flow.world.call("POST", "/v1/jobs/1/retry", body).status(), 400) << body;
  EXPECT_EQ(flow.world.call("POST", "/v1/jobs", R"({"retry_of":1,"tasks":[{"command":["x"]}]})").status(), 400);
}

TEST_F(OutputsTest, ARetryMissesNothingThatIsOnItsWayToTheDisk) {
  const auto id = flow.world.submit(R"({"tasks":[{"name":"a","command":["a"],"outputs":["f"]},{"name":"b","command":["b"]}]})");
  flow.end(attempt_of(id, 1), {}, {}, TaskStatus::failed);
  flow.put("left");
  flow.world.disk_is_held = true;
  auto last = testing::update(attempt_of(id, 0), 2, TaskStatus::completed);
  last.outputs.push_back({blob_id_of(as_bytes("left")), 4, false, "f"});
  flow.world.tell(*flow.agent, protocol::UpdateList{{last}});
  const auto asked = flow.world.send("POST", "/v1/jobs/1/retry");
  flow.world.settle();
  flow.world.disk_is_held = false;
  flow.world.settle();
  ASSERT_EQ(flow.world.heard(asked).status(), 201) << flow.world.heard(asked).response.body;
  EXPECT_EQ(flow.get("/v1/jobs/2/outputs").at("items").at(0).at("path"), "f");
}

TEST_F(OutputsTest, APlanSaysWhatFitsAndWhatWouldHelp) {
  const std::string fits =
      R"({"name":"p","tasks":[{"name":"a","command":["a"],"array":{"count":6}},{"name":"b","command":["b"],"needs":["a"]}]})";
  const auto plan = flow.world.call("POST", "/v1/plan", fits).json();
  EXPECT_TRUE(plan.at("previous").is_null());
  const auto& a = plan.at("tasks").at(0).as_object();
  EXPECT_EQ(a.at("count"), 6);
  EXPECT_EQ(a.at("starts_now"), 4) << "of four cores";
  EXPECT_EQ(a.at("placeable"), true);
  EXPECT_TRUE(a.at("would_help").is_null());
  EXPECT_EQ(a.at("agents").at(0).at("agent"), "a1");
  EXPECT_EQ(plan.at("tasks").at(1).at("starts_now"), 0);
  EXPECT_EQ(flow.get("/v1/jobs").at("items").as_array().size(), 0U) << "nothing was submitted";

  flow.world.submit(fits);
  const auto large = flow.world.call("POST", "/v1/plan", R"({"name":"p","tasks":[{"command":["a"],"resources":{"gpu":8}}]})").json();
  EXPECT_EQ(large.at("tasks").at(0).at("placeable"), false);
  EXPECT_EQ(large.at("tasks").at(0).at("nearest"), "a1");
  EXPECT_FALSE(large.at("tasks").at(0).at("would_help").as_string().empty());
  Texts clauses;
  for (const auto& clause : large.at("tasks").at(0).at("agents").at(0).at("clauses").as_array())
    clauses.emplace_back(clause.at("clause").as_string());
  EXPECT_EQ(clauses, (Texts{"cpu", "gpu"})) << "the job that was submitted has the cores";
  EXPECT_EQ(large.at("previous").at("job"), 1);
  EXPECT_EQ(large.at("previous").at("spec").at("tasks").at(0).at("name"), "a");
  for (const std::string body : {"{", "{}", R"({"tasks":[]})", R"({"tasks":[{"command":["a"],"needs":["b"]}]})"})
    EXPECT_EQ(flow.world.call("POST", "/v1/plan", body).status(), 400) << body;
}

class AttemptTokenTest : public ::testing::Test {
 protected:
  AttemptTokenTest() {
    id = flow.world.submit(R"({"tasks":[{"name":"main","command":["x"],"checkpoint":true,"retries":3,"outputs":["f"]}]})");
    flow.world.tell(*flow.agent, protocol::UpdateList{{testing::update(attempt_of(id, 0), 1, TaskStatus::running)}});
    token = flow.find_assigned(attempt_of(id, 0))->extra.token;
  }
  int ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    flow.world.token = token;
    const auto& answer = flow.world.call(method, target, body);
    flow.world.token = testing::kToken;
    return answer.status();
  }
  Flow flow;
  std::uint64_t id = 0;
  std::string token;
};

TEST_F(AttemptTokenTest, OpensBlobsAndItsOwnCheckpointOnly) {
  const auto blob = flow.put("hello");
  EXPECT_EQ(ask("GET", "/v1/blobs/" + blob), 200);
  EXPECT_EQ(ask("POST", "/v1/blobs/missing", R"({"blobs":[")" + blob + R"("]})"), 200);
  EXPECT_EQ(ask("PATCH", "/v1/blobs/" + to_hex(blob_id_of(as_bytes("new"))) + "?offset=0&size=3", "new"), 200);
  EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + blob + R"("})"), 200);
  EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.2/checkpoint", R"({"manifest":")" + blob + R"("})"), 403);
  for (const auto& body : Texts{"{}", R"({"manifest":"x"})", R"({"manifest":")" + blob + R"(","x":1})", "["})
    EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.1/checkpoint", body), 400) << body;
  for (const std::string target :
       {"/v1/jobs", "/v1/jobs/1", "/v1/tasks/1.main", "/v1/agents", "/v1/tokens", "/v1/events", "/v1/jobs/1/outputs"})
    EXPECT_EQ(ask("GET", target), 403) << target;
  EXPECT_EQ(ask("POST", "/v1/jobs", testing::kOneTask), 403);
  EXPECT_EQ(flow.world.call("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + blob + R"("})").status(), 403)
      << "no scope opens it";
}

TEST_F(AttemptTokenTest, TheNextAttemptGetsTheCheckpoint) {
  const auto manifest = flow.put(flow.line_of("state", "model"));
  EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + manifest + R"("})"), 200);
  flow.end(attempt_of(id, 0), {}, {}, TaskStatus::failed);
  flow.world.advance(std::chrono::seconds{5});
  const auto next = flow.find_assigned(attempt_of(id, 0, 0, 2));
  ASSERT_TRUE(next);
  EXPECT_EQ(to_hex(next->extra.checkpoint), manifest);
  EXPECT_NE(next->extra.token, token);
}

TEST_F(AttemptTokenTest, ACheckpointThatIsNotInTheStoreIsRefused) {
  const auto good = flow.put(flow.line_of("state", "model"));
  EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + good + R"("})"), 200);
  const auto missing = to_hex(blob_id_of(as_bytes("nobody uploaded this")));
  EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + missing + R"("})"), 409);
  const auto row = flow.world.reader->find_checkpoint(attempt_of(id, 0).task);
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(to_hex((*row)->blob), good) << "the good one stays";
}

TEST_F(AttemptTokenTest, OpensNothingWhenTheAttemptIsDead) {
  const auto blob = flow.put("hello");
  flow.end(attempt_of(id, 0), {}, {}, TaskStatus::failed);
  EXPECT_EQ(ask("GET", "/v1/blobs/" + blob), 401);
  EXPECT_EQ(ask("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + blob + R"("})"), 401);
}

TEST_F(AttemptTokenTest, ATokenThatWasChangedOpensNothing) {
  const auto blob = flow.put("hello");
  const std::string good = token;
  for (std::size_t at : {std::size_t{8}, good.size() - 1}) {
    token = good;
    token[at] = token[at] == '1' ? '2' : '1';
    EXPECT_EQ(ask("GET", "/v1/blobs/" + blob), 401) << token;
  }
}

TEST_F(AttemptTokenTest, WhatItHasOnItsWayEndsWithItsAgent) {
  auto& world = flow.world;
  const std::string text(10 * ports::limits::kHttpChunk, 'v');
  const auto stored = flow.put(text);
  world.readers_read = false;
  world.token = token;
  const auto going = world.send("GET", "/v1/blobs/" + stored);
  world.settle();
  ASSERT_TRUE(world.heard(going).is_stream);
  const auto coming = world.send("PATCH", "/v1/blobs/" + std::string(64, 'a') + "?offset=0&size=9", "123456789");
  world.token = testing::kToken;
  const auto other = world.send("GET", "/v1/blobs/" + stored);
  EXPECT_EQ(world.call("POST", "/v1/agents/a1/revoke").status(), 200);
  EXPECT_TRUE(world.heard(going).is_aborted);
  EXPECT_EQ(world.heard(coming).status(), 401);
  EXPECT_FALSE(world.heard(other).is_aborted) << "somebody else's";
  EXPECT_EQ(ask("GET", "/v1/whoami"), 401);
}

}  // namespace
}  // namespace stint::scheduler
