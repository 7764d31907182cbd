#include "client/api.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace stint::client {
namespace {

using ports::HttpAnswer;
using ports::HttpCall;

/// A scheduler by script: each call takes the next answer. A stream is a list of pieces; an error at its end is a broken connection.
class ScriptedHttp final : public ports::HttpClient {
 public:
  struct Stream {
    std::vector<std::string> pieces;
    Result<HttpAnswer> end = HttpAnswer{200, "", ""};
  };
  std::deque<Result<HttpAnswer>> answers;
  std::deque<Stream> streams;
  std::vector<HttpCall> calls;
  std::vector<Duration> pauses;
  bool is_leaving = false;

  Result<HttpAnswer> call(const HttpCall& call) override {
    calls.push_back(call);
    if (answers.empty()) return fail(Errc::unavailable, "script is at its end");
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  Result<HttpAnswer> stream(const HttpCall& call, const OnBytes& on_bytes) override {
    calls.push_back(call);
    if (streams.empty()) return fail(Errc::unavailable, "script is at its end");
    const Stream script = std::move(streams.front());
    streams.pop_front();
    for (const std::string& piece : script.pieces)
      if (!on_bytes(piece)) return HttpAnswer{200, "", ""};
    return script.end;
  }
  bool pause(Duration duration) override {
    pauses.push_back(duration);
    return !is_leaving;
  }
};

Result<HttpAnswer> refused() { return fail(Errc::unavailable, "connection refused"); }
Result<HttpAnswer> broken() { return fail(Errc::outcome_unknown, "connection reset"); }
Result<HttpAnswer> answer(int status, std::string body) { return HttpAnswer{status, "application/json", std::move(body)}; }

std::string log_line(int seq, const std::string& base64) {
  return "{\"seq\":" + std::to_string(seq) + ",\"attempt\":1,\"stream\":\"stdout\",\"offset\":0,\"data\":\"" + base64 + "\"}\n";
}
const std::string kLogEnd = "{\"end\":true,\"state\":\"failed\",\"reason\":\"exit\",\"exit_code\":3,\"signal\":0}\n";

class ApiTest : public testing::Test {
 protected:
  ScriptedHttp http;
  std::vector<std::string> outages;
  Api api{http, {std::chrono::seconds{10}, [this](const Error& error) { outages.push_back(error.detail); }}};
};

TEST_F(ApiTest, AGetIsRepeatedUntilTheSchedulerIsBack) {
  http.answers = {refused(), broken(), answer(503, R"({"code":"unavailable","detail":"starting"})"), answer(200, "{\"id\":12}")};
  EXPECT_EQ(api.get("/v1/jobs/12"), "{\"id\":12}");
  EXPECT_EQ(http.calls.size(), 4U);
  EXPECT_EQ(outages, std::vector<std::string>{"connection refused"}) << "told once per outage";
  using namespace std::chrono_literals;
  EXPECT_EQ(http.pauses, (std::vector<Duration>{100ms, 200ms, 400ms}));
}

TEST_F(ApiTest, PatienceEnds) {
  EXPECT_EQ(api.get("/v1/info").error().code, Errc::unavailable);
  Duration waited{0};
  for (const Duration pause : http.pauses) waited += pause;
  EXPECT_EQ(waited, Duration(std::chrono::seconds{10}));
}

TEST_F(ApiTest, WhoLeavesIsNotKept) {
  http.is_leaving = true;
  EXPECT_FALSE(api.get("/v1/info"));
  EXPECT_EQ(http.calls.size(), 1U);
}

TEST_F(ApiTest, AnAnswerIsNotRepeated) {
  http.answers = {answer(404, R"({"code":"not_found","detail":"no job 12","remedy":"see `stint jobs`"})"), answer(200, "{}")};
  const auto error = api.get("/v1/jobs/12").error();
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_EQ(error.detail, "no job 12; see `stint jobs`");
  EXPECT_EQ(http.calls.size(), 1U);
}

TEST_F(ApiTest, WhatMayHaveHappenedIsRepeatedOnlyIfThatIsHarmless) {
  http.answers = {broken(), answer(201, "{}")};
  EXPECT_EQ(api.post("/v1/agents", "{}", Api::Repeat::when_not_done).error().code, Errc::outcome_unknown);
  http.answers = {broken(), answer(200, "{}")};
  EXPECT_TRUE(api.post("/v1/jobs/1/cancel", "{}", Api::Repeat::always));
}

TEST_F(ApiTest, ASubmissionIsRepeatedWithTheSameKey) {
  http.answers = {broken(), refused(), answer(200, R"({"id":12,"state":"pending","tasks":{"pending":1}})")};
  const auto job = api.submit("{}", "key-1");
  ASSERT_TRUE(job) << job.error().detail;
  EXPECT_EQ(job->id, 12U);
  ASSERT_EQ(http.calls.size(), 3U);
  for (const HttpCall& call : http.calls)
    EXPECT_EQ(call.headers, (std::vector<std::pair<std::string, std::string>>{{"Idempotency-Key", "key-1"}}));
}

TEST_F(ApiTest, AListGoesOverPagesUpToItsLimit) {
  http.answers = {answer(200, R"({"items":[{"n":1},{"n":2}],"next":"c2"})"), answer(200, R"({"items":[{"n":3}],"next":7})")};
  const auto page = api.list("/v1/jobs", {{"state", "failed"}, {"task", ""}}, 3);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->items, (std::vector<std::string>{"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"}));
  EXPECT_EQ(page->next, "7");
  EXPECT_EQ(http.calls[0].target, "/v1/jobs?state=failed&limit=3");
  EXPECT_EQ(http.calls[1].target, "/v1/jobs?state=failed&limit=1&after=c2");
}

TEST_F(ApiTest, LogsGoOnAfterTheLastLineThatWasRead) {
  const std::string second = log_line(2, "Yg==");
  http.streams = {{{log_line(1, "YQ=="), second.substr(0, 10)}, broken()},
                  {{}, refused()},
                  {{second + log_line(3, "Yw=="), kLogEnd}, HttpAnswer{200, "", ""}}};
  std::string output;
  std::optional<Outcome> end;
  Api::LogOptions options;
  options.follow = true;
  const auto on_log = [&](const LogEntry& entry, std::string_view) {
    if (entry.line) output += entry.line->bytes;
    end = entry.end;
    return true;
  };
  ASSERT_TRUE(api.read_logs("12.main", options, on_log, [] { return true; }));
  EXPECT_EQ(output, "abc") << "nothing twice, nothing missing";
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit_code, 3);
  ASSERT_EQ(http.calls.size(), 3U);
  EXPECT_EQ(http.calls[0].target, "/v1/tasks/12.main/logs?follow=1");
  EXPECT_EQ(http.calls[1].target, "/v1/tasks/12.main/logs?after=1&follow=1");
  EXPECT_EQ(http.calls[2].target, "/v1/tasks/12.main/logs?after=1&follow=1");
}

TEST_F(ApiTest, ALogThatStopsBeforeTheEndOfTheTaskIsAskedForAgain) {
  http.streams = {{{log_line(1, "YQ==")}, HttpAnswer{200, "", ""}}, {{kLogEnd}, HttpAnswer{200, "", ""}}};
  Api::LogOptions options;
  options.follow = true;
  EXPECT_TRUE(api.read_logs("12.main", options, [](const LogEntry&, std::string_view) { return true; }, [] { return true; }));
  EXPECT_EQ(http.calls.size(), 2U);
}

TEST_F(ApiTest, WithoutFollowingALogEndsWithWhatIsThere) {
  http.streams = {{{log_line(1, "YQ==")}, HttpAnswer{200, "", ""}}};
  EXPECT_TRUE(api.read_logs("12.main", {}, [](const LogEntry&, std::string_view) { return true; }, [] { return true; }));
  EXPECT_EQ(http.calls.size(), 1U);
}

TEST_F(ApiTest, ALogOfNonsenseIsAnErrorAndNotRepeated) {
  http.streams = {{{"nonsense\n"}, HttpAnswer{200, "", ""}}};
  const auto read = api.read_logs("12.main", {}, [](const LogEntry&, std::string_view) { return true; }, [] { return true; });
  EXPECT_EQ(read.error().code, Errc::corrupt);
  EXPECT_EQ(http.calls.size(), 1U);
}

TEST_F(ApiTest, EventsGoOnAfterTheLastOne) {
  http.streams = {{{"id: 5\nevent: a\ndata: {}\n\nid: 6\nevent: b\nda"}, broken()},
                  {{"id: 6\nevent: b\ndata: {}\n\n"}, HttpAnswer{200, "", ""}}};
  std::vector<std::string> kinds;
  const auto on_event = [&](const ServerEvent& event) {
    kinds.push_back(event.kind);
    return event.kind != "b";
  };
  ASSERT_TRUE(api.follow_events(12, std::nullopt, on_event, [] { return true; }));
  EXPECT_EQ(kinds, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(http.calls[0].target, "/v1/events?job=12");
  EXPECT_EQ(http.calls[1].target, "/v1/events?after=5&job=12");
}

TEST_F(ApiTest, TicksEndAStream) {
  http.streams = {{{"", "", ""}, HttpAnswer{200, "", ""}}};
  int ticks = 0;
  EXPECT_TRUE(api.follow_events(std::nullopt, 9, [](const ServerEvent&) { return true; }, [&] { return ++ticks < 2; }));
  EXPECT_EQ(ticks, 2);
}

TEST(Target, IsPercentEncoded) {
  EXPECT_EQ(encode_segment("12.main.3@2"), "12.main.3@2");
  EXPECT_EQ(encode_segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
  EXPECT_EQ(make_target("/v1/x", {{"a", "1&2"}, {"b", ""}, {"c", "d"}}), "/v1/x?a=1%262&c=d");
  EXPECT_EQ(make_target("/v1/x"), "/v1/x");
}

TEST(Problem, KeepsCodeAndSaysWhereAndWhatToDo) {
  const Error error =
      parse_problem(413, R"({"code":"out_of_range","detail":"array of 2e9 tasks","where":"tasks[0].array","limit":16777216})");
  EXPECT_EQ(error.code, Errc::out_of_range);
  EXPECT_EQ(error.detail, "tasks[0].array: array of 2e9 tasks");
  EXPECT_EQ(parse_problem(401, "").code, Errc::unauthenticated);
  EXPECT_EQ(parse_problem(500, "<html>").detail, "the scheduler answered with HTTP status 500");
  EXPECT_EQ(parse_problem(409, R"({"code":"from_the_future","title":"T"})").code, Errc::conflict);
}

}  // namespace
}  // namespace stint::client
