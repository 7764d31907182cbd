#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "scheduler/limits.hpp"
#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;
using testing::kOneTask;
using testing::log_chunk;
using testing::ref;
using testing::update;
using testing::World;

class EventsTest : public ::testing::Test {
 protected:
  EventsTest() { world.accept = "text/event-stream"; }
  ports::RequestId follow(const std::string& query = "", const std::string& last_event_id = "") {
    world.last_event_id = last_event_id;
    const auto id = world.send("GET", "/v1/events" + query);
    world.last_event_id.clear();
    world.settle();
    return id;
  }
  /// The `id` lines of a stream.
  std::vector<int> ids(ports::RequestId id) {
    std::vector<int> found;
    std::istringstream lines(world.heard(id).stream);
    for (std::string line; std::getline(lines, line);)
      if (line.rfind("id: ", 0) == 0) found.push_back(std::stoi(line.substr(4)));
    return found;
  }
  using Ids = std::vector<int>;

  World world;
};

TEST_F(EventsTest, AStreamStartsNow) {
  world.submit();
  const auto stream = follow();
  EXPECT_EQ(world.heard(stream).response.content_type, "text/event-stream");
  EXPECT_EQ(ids(stream), Ids{});
  world.submit();
  EXPECT_EQ(ids(stream), Ids{2});
  EXPECT_NE(world.heard(stream).stream.find("id: 2\nevent: job_submitted\ndata: {"), std::string::npos) << world.heard(stream).stream;
}

TEST_F(EventsTest, AReaderThatComesBackMissesAndRepeatsNothing) {
  world.submit();
  world.submit();
  world.submit();
  EXPECT_EQ(ids(follow("", "1")), (Ids{2, 3}));
  EXPECT_EQ(ids(follow("?after=2")), Ids{3});
  EXPECT_EQ(ids(follow("?after=2", "0")), (Ids{1, 2, 3})) << "Last-Event-ID goes before `after`";
  world.restart();
  EXPECT_EQ(ids(follow("", "1")), (Ids{2, 3})) << "also from a scheduler that has just started";
}

TEST_F(EventsTest, ABadLastEventIdIsRefused) {
  for (const std::string bad : {"x", "1x", "-1", "1.0", "99999999999999999999"}) {
    const auto stream = follow("", bad);
    EXPECT_FALSE(world.heard(stream).is_stream) << bad;
    EXPECT_EQ(world.heard(stream).status(), 400) << bad;
  }
}

TEST_F(EventsTest, NothingIsStreamedBeforeItIsDurable) {
  const auto stream = follow();
  world.disk_is_held = true;
  world.send("POST", "/v1/jobs", kOneTask);
  world.settle();
  EXPECT_EQ(ids(stream), Ids{});
  world.disk_is_held = false;
  world.settle();
  EXPECT_EQ(ids(stream), Ids{1});
}

TEST_F(EventsTest, OnlyOneJobsEventsIfAsked) {
  const auto stream = follow("?job=2");
  world.submit();
  world.submit();
  world.submit();
  EXPECT_EQ(ids(stream), Ids{2});
  world.call("POST", "/v1/jobs/2/cancel");
  EXPECT_GT(ids(stream).size(), 1U);
}

TEST_F(EventsTest, ASlowReaderGetsEverythingWhenItReadsAgain) {
  const auto stream = follow();
  world.readers_read = false;
  world.submit();
  world.submit();
  world.submit();
  EXPECT_EQ(ids(stream), Ids{1}) << "one write at a time";
  world.readers_read = true;
  world.settle();
  EXPECT_EQ(ids(stream), (Ids{1, 2, 3}));
}

TEST_F(EventsTest, AQuietStreamIsKeptAliveByComments) {
  const auto stream = follow();
  const auto before = world.heard(stream).stream;
  world.advance(std::chrono::seconds{30});
  EXPECT_EQ(world.heard(stream).stream, before + ":\n\n");
}

TEST_F(EventsTest, AClientThatHasGoneCostsNothing) {
  const auto stream = follow();
  world.leave(stream);
  world.submit();
  EXPECT_EQ(ids(stream), Ids{});
}

TEST_F(EventsTest, NoMoreStreamsThanTheLimit) {
  std::vector<ports::RequestId> streams;
  for (std::size_t i = 0; i < limits::kStreamsMax; ++i) streams.push_back(follow());
  EXPECT_EQ(world.heard(follow()).status(), 503);
  world.leave(streams.front());
  EXPECT_TRUE(world.heard(follow()).is_stream);
}

TEST_F(EventsTest, WithoutTheHeaderItIsAPage) {
  world.accept.clear();
  for (int i = 0; i < 3; ++i) world.submit();
  const auto page = world.call("GET", "/v1/events?limit=2").json();
  EXPECT_EQ(page.at("items").as_array().size(), 2U);
  EXPECT_EQ(page.at("next").to_number<int>(), 2);
  const auto rest = world.call("GET", "/v1/events?limit=2&after=2").json();
  EXPECT_EQ(rest.at("items").as_array().at(0).at("seq").to_number<int>(), 3);
  EXPECT_TRUE(rest.at("next").is_null());
}

class LogsTest : public ::testing::Test {
 protected:
  LogsTest() { world.submit(R"({"tasks":[{"name":"main","command":["true"],"retries":1}]})"); }
  ports::RequestId read(const std::string& query = "") {
    const auto id = world.send("GET", "/v1/tasks/1.main/logs" + query);
    world.settle();
    return id;
  }
  /// The lines of a stream, each as ATTEMPT:DATA in base64, the last as end:STATE.
  std::vector<std::string> lines(ports::RequestId id) {
    std::vector<std::string> found;
    std::istringstream text(world.heard(id).stream);
    for (std::string line; std::getline(text, line);) {
      const auto item = json::parse(line);
      if (item.as_object().contains("end"))
        found.push_back("end:" + std::string(item.at("state").as_string()));
      else
        found.push_back(json::serialize(item.at("attempt")) + ":" + std::string(item.at("data").as_string()));
    }
    return found;
  }
  void print(const AttemptRef& attempt, std::uint64_t offset, std::string_view text) {
    world.tell(agent, log_chunk(attempt, offset, text));
  }
  /// The first attempt prints a and fails, the second prints b and is running.
  void fail_once() {
    print(ref(1), 0, "a");
    world.run_attempt(agent, ref(1), TaskStatus::failed);
    world.advance(std::chrono::seconds{60});
    ASSERT_NE(agent.find<protocol::AssignmentList>(), nullptr);
    ASSERT_EQ(agent.find<protocol::AssignmentList>()->items.at(0).ref, ref(1, 0, 2));
    print(ref(1, 0, 2), 0, "b");
  }
  using Texts = std::vector<std::string>;
  static constexpr const char* kA = "1:YQ==";
  static constexpr const char* kB = "2:Yg==";

  World world;
  testing::AgentPeer& agent = world.join("a1");
};

TEST_F(LogsTest, WithoutFollowTheAnswerEndsWithWhatIsThere) {
  print(ref(1), 0, "a");
  const auto stream = read();
  EXPECT_EQ(world.heard(stream).response.content_type, "application/x-ndjson");
  EXPECT_EQ(lines(stream), Texts{kA});
  EXPECT_TRUE(world.heard(stream).has_ended);
  print(ref(1), 1, "more");
  EXPECT_EQ(lines(stream), Texts{kA});
}

TEST_F(LogsTest, FollowGoesOnUntilTheTaskHasEndedAndSaysHow) {
  const auto stream = read("?follow=1");
  EXPECT_EQ(lines(stream), Texts{});
  print(ref(1), 0, "a");
  EXPECT_EQ(lines(stream), Texts{kA});
  EXPECT_FALSE(world.heard(stream).has_ended);
  world.run_attempt(agent, ref(1));
  EXPECT_EQ(lines(stream), (Texts{kA, "end:completed"}));
  EXPECT_TRUE(world.heard(stream).has_ended);
  const auto& text = world.heard(stream).stream;
  const auto end = json::parse(text.substr(text.rfind("\n", text.size() - 2) + 1));
  EXPECT_EQ(end.at("reason").as_string(), "exit");
  EXPECT_EQ(end.at("exit_code").to_number<int>(), 0);
}

TEST_F(LogsTest, OutputIsShownWhenItIsDurableAndNotBefore) {
  const auto stream = read("?follow=1");
  world.disk_is_held = true;
  print(ref(1), 0, "a");
  EXPECT_EQ(lines(stream), Texts{});
  world.disk_is_held = false;
  world.settle();
  EXPECT_EQ(lines(stream), Texts{kA});
}

TEST_F(LogsTest, TheEndIsSaidWhenItIsDurableAndNotBefore) {
  const auto stream = read("?follow=1");
  world.disk_is_held = true;
  world.run_attempt(agent, ref(1));
  const auto late = read("?follow=1");
  EXPECT_FALSE(world.heard(stream).has_ended);
  EXPECT_FALSE(world.heard(late).has_ended);
  world.disk_is_held = false;
  world.settle();
  EXPECT_EQ(lines(stream), Texts{"end:completed"});
  EXPECT_EQ(lines(late), Texts{"end:completed"});
}

TEST_F(LogsTest, FollowGoesOnOverLaterAttempts) {
  const auto stream = read("?follow=1");
  fail_once();
  EXPECT_EQ(lines(stream), (Texts{kA, kB}));
  world.run_attempt(agent, ref(1, 0, 2), TaskStatus::failed);
  EXPECT_EQ(lines(stream), (Texts{kA, kB, "end:failed"}));
  EXPECT_EQ(lines(read("?follow=1")), (Texts{kA, kB, "end:failed"})) << "a reader that comes after the end reads the same";
  EXPECT_EQ(lines(read()), (Texts{kA, kB}));
}

TEST_F(LogsTest, AFixedAttemptIsReadAlone) {
  fail_once();
  world.run_attempt(agent, ref(1, 0, 2));
  EXPECT_EQ(lines(read("?attempt=1")), Texts{kA});
  EXPECT_EQ(lines(read("?attempt=2")), Texts{kB});
  EXPECT_EQ(lines(read("?attempt=3")), Texts{});
  EXPECT_EQ(lines(read("?attempt=2&follow=1")), (Texts{kB, "end:completed"}));
}

TEST_F(LogsTest, AReaderThatComesBackMissesAndRepeatsNothing) {
  print(ref(1), 0, "a");
  print(ref(1), 1, "b");
  const auto all = world.heard(read()).stream;
  const auto first = json::parse(all.substr(0, all.find('\n')));
  const auto rest = world.heard(read("?after=" + json::serialize(first.at("seq")))).stream;
  EXPECT_EQ(rest, all.substr(all.find('\n') + 1));
}

TEST_F(LogsTest, ATailIsTheEndOfTheNewestAttempt) {
  fail_once();
  print(ref(1, 0, 2), 1, "c");
  print(ref(1, 0, 2), 2, "d");
  EXPECT_EQ(lines(read("?tail_bytes=1")), Texts{"2:ZA=="});
  const auto stream = read("?tail_bytes=2");
  EXPECT_EQ(lines(stream), (Texts{"2:Yw==", "2:ZA=="}));
  EXPECT_TRUE(world.heard(stream).has_ended);
  EXPECT_EQ(lines(read("?tail_bytes=100&attempt=1")), Texts{kA});
  world.run_attempt(agent, ref(1, 0, 2));
  world.restart();
  EXPECT_EQ(lines(read("?tail_bytes=1")), Texts{"2:ZA=="}) << "memory has forgotten how many attempts there were";
}

TEST_F(LogsTest, ATailHasLimitsAndIsNotFollowed) {
  EXPECT_EQ(world.heard(read("?tail_bytes=0")).status(), 400);
  EXPECT_EQ(world.heard(read("?tail_bytes=1048577")).status(), 400);
  EXPECT_EQ(world.heard(read("?tail_bytes=10&follow=1")).status(), 400);
  EXPECT_EQ(world.heard(read("?tail_bytes=10&after=3")).status(), 400);
}

TEST_F(LogsTest, BytesSentTwiceAreShownOnce) {
  print(ref(1), 0, "ab");
  print(ref(1), 1, "bc");
  EXPECT_EQ(lines(read()), (Texts{"1:YWI=", "1:Yw=="}));
}

TEST_F(LogsTest, ASlowReaderHoldsNothingUpAndMissesNothing) {
  const auto stream = read("?follow=1");
  world.readers_read = false;
  print(ref(1), 0, "a");
  print(ref(1), 1, "a");
  world.run_attempt(agent, ref(1));
  EXPECT_EQ(lines(stream), Texts{kA});
  EXPECT_FALSE(world.heard(stream).has_ended);
  world.readers_read = true;
  world.settle();
  EXPECT_EQ(lines(stream), (Texts{kA, kA, "end:completed"}));
}

class ReportsTest : public LogsTest {
 protected:
  json::array reports(const std::string& query = "") {
    return world.call("GET", "/v1/tasks/1.main/reports" + query).json().at("items").as_array();
  }
  void say(const AttemptRef& attempt, float progress) {
    world.tell(agent, protocol::UpdateList{{testing::report(attempt, progress, {{"loss", 0.5, 7}})}});
  }
};

TEST_F(ReportsTest, ProgressIsShownAtOnceAndKeptOnceASecond) {
  say(ref(1), 0.25F);
  const auto task = world.call("GET", "/v1/tasks/1.main").json();
  EXPECT_EQ(task.at("progress").to_number<double>(), 0.25);
  EXPECT_EQ(task.at("metrics").at("loss").to_number<double>(), 0.5);
  EXPECT_TRUE(reports().empty());
  world.advance(limits::kReportPeriod);
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_EQ(reports()[0].at("step").to_number<int>(), 7);
}

TEST_F(ReportsTest, WithoutAnAttemptTheNewestOnesAreListedAlsoWhenTheTaskHasEnded) {
  say(ref(1), 0.25F);
  fail_once();
  say(ref(1, 0, 2), 0.75F);
  world.run_attempt(agent, ref(1, 0, 2));
  ASSERT_EQ(world.call("GET", "/v1/tasks/1.main").json().at("state").as_string(), "completed");
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_EQ(reports()[0].at("attempt").to_number<int>(), 2);
  EXPECT_EQ(reports()[0].at("progress").to_number<double>(), 0.75);
  ASSERT_EQ(reports("?attempt=1").size(), 1U);
  EXPECT_EQ(reports("?attempt=1")[0].at("progress").to_number<double>(), 0.25);
  world.restart();
  EXPECT_EQ(reports()[0].at("attempt").to_number<int>(), 2);
}

TEST_F(ReportsTest, ATaskThatNeverRanHasNone) {
  world.submit();
  EXPECT_EQ(world.call("GET", "/v1/tasks/2.main/reports").status(), 200);
}

}  // namespace
}  // namespace stint::scheduler
