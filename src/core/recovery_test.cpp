// Rows that contradict each other are refused in words, never loaded and never an assertion.
#include <gtest/gtest.h>

#include "core/scheduler.hpp"

namespace stint::core {
namespace {

constexpr Now kNow{Instant{std::chrono::hours{1}}, unix_millis(1'700'000'000'000)};

JobRow job_row() {
  JobSpec spec;
  spec.tasks.resize(1);
  spec.tasks[0].name = "main";
  spec.tasks[0].command = {"true"};
  spec.tasks[0].is_array = true;
  spec.tasks[0].array_count = 4;
  return {JobId{1}, std::make_shared<const JobSpec>(spec), "", "", kNow.wall};
}
AttemptRow attempt_row(std::uint32_t index, std::uint32_t attempt) {
  AttemptRow row;
  row.ref = {{JobId{1}, 0, index}, attempt};
  row.agent = AgentNumber{1};
  return row;
}
AttemptRow result_row(std::uint32_t index, std::uint32_t attempt) {
  AttemptRow row = attempt_row(index, attempt);
  row.live = false;
  row.is_result = true;
  row.status = TaskStatus::completed;
  row.ended_at = kNow.wall;
  return row;
}
JobStateRow running() { return {JobId{1}, TaskStatus::running, EndReason::none, "", false, {}}; }
AgentRow agent_row() {
  AgentRow row;
  row.number = AgentNumber{1};
  row.name = "a1";
  return row;
}

std::string load_all(const std::vector<Row>& rows) {
  Scheduler scheduler;
  Effects effects;
  for (const Row& row : rows)
    if (const Status status = scheduler.load(row); !status)
      return status.error().code == Errc::corrupt ? status.error().detail : "another code";
  const Status status = scheduler.finish_load(kNow, effects);
  if (!status) return status.error().code == Errc::corrupt ? status.error().detail : "another code";
  for (const std::string& finding : scheduler.check()) ADD_FAILURE() << finding;
  return "";
}

TEST(Load, TakesRowsThatAgree) {
  EXPECT_EQ(load_all({job_row(), running(), result_row(0, 1), attempt_row(1, 1), TaskMarkRow{JobId{1}, 0, 2, 3}, agent_row()}), "");
}

TEST(Load, TakesEarlierAttemptsBeforeOrAfterTheResult) {
  AttemptRow lost = attempt_row(0, 1);
  lost.live = false;
  lost.status = TaskStatus::failed;
  lost.reason = EndReason::lost;
  lost.ended_at = kNow.wall;
  EXPECT_EQ(load_all({job_row(), running(), lost, result_row(0, 2), agent_row()}), "");
  EXPECT_EQ(load_all({job_row(), running(), result_row(0, 2), lost, agent_row()}), "");
}

TEST(Load, RefusesRowsThatContradict) {
  const auto expect_words = [](const std::vector<Row>& rows, const char* words) {
    const std::string detail = load_all(rows);
    EXPECT_NE(detail.find(words), std::string::npos) << words << ": " << detail;
  };
  expect_words({job_row(), job_row()}, "job 1 comes twice");
  expect_words({running()}, "job 1, which is not there");
  expect_words({attempt_row(0, 1)}, "of a task that is not there");
  expect_words({job_row(), running(), attempt_row(4, 1)}, "of a task that is not there");
  expect_words({job_row(), running(), attempt_row(0, 1)}, "at agent 1, which is not there");
  expect_words({job_row(), running(), result_row(0, 1), result_row(0, 2)}, "1.main.0@2 is the second result");
  expect_words({job_row(), running(), attempt_row(0, 1), result_row(0, 2), agent_row()}, "1.main.0@1 is live, but its task has ended");
  expect_words({job_row(), running(), result_row(0, 1), TaskMarkRow{JobId{1}, 0, 0, 3}}, "contradicts its tasks");
  expect_words({job_row(), running(), TaskMarkRow{JobId{1}, 0, 0, 3}}, "has 0 open entries, but its state is running");
  expect_words({job_row(), running(), attempt_row(0, 1), attempt_row(0, 2), attempt_row(0, 3), attempt_row(0, 4), agent_row()},
               "more than 3 live attempts");
  AttemptRow failed = result_row(0, 1);
  failed.is_result = false;
  failed.status = TaskStatus::failed;
  failed.reason = EndReason::exit;
  expect_words({job_row(), running(), failed, agent_row()}, "1.main.0@1 was the last its task had");
  expect_words({agent_row(), agent_row()}, "agent 1 comes twice");
  AgentRow twin = agent_row();
  twin.number = AgentNumber{2};
  expect_words({agent_row(), twin}, "two agents are named a1");
  AgentRow distant = agent_row();
  distant.number = AgentNumber{~0ULL};
  expect_words({distant}, "numbers are from 1 to");
}

TEST(Load, GoesOnWithTheEventsOfTheStore) {
  Scheduler scheduler;
  scheduler.set_next_event_seq(41);
  Effects effects;
  ASSERT_TRUE(scheduler.register_agent({"a1", "tester"}, kNow, effects));
  const auto* event = std::get_if<EventRow>(&effects.rows.back());
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->seq, 41u);
  EXPECT_EQ(event->kind, "agent_registered");
  EXPECT_EQ(event->body, R"({"at":"2023-11-14T22:13:20.000Z","agent":"a1","number":1,"draining":false,"by":"tester"})");
}

}  // namespace
}  // namespace stint::core
