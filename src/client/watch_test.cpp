#include <gtest/gtest.h>

#include "client/text.hpp"
#include "client/watch_layout.hpp"
#include "client/watch_state.hpp"

namespace stint::client {
namespace {

using namespace std::chrono_literals;
using Action = WatchState::Action;
using Kind = Key::Kind;

Key typed(char c) { return {Kind::character, std::string(1, c)}; }
Key special(Kind kind) { return {kind, {}}; }

JobView job_of(std::uint64_t id, const std::string& name, TaskCounts tasks) {
  JobView job;
  job.id = id;
  job.name = name;
  job.state = TaskStatus::running;
  job.tasks = tasks;
  job.groups = {{"main", true, tasks}};
  return job;
}

TaskView task_of(const std::string& id, TaskStatus state) {
  TaskView task;
  task.id = id;
  task.outcome.state = state;
  return task;
}

/// Without the commands that turn reverse video on and off.
std::size_t shown_width(const StyledLine& line, std::size_t columns) {
  std::string text = line.paint({false, Charset::utf8}, columns);
  for (const char* command : {"\x1b[7m", "\x1b[0m"})
    for (std::size_t at; (at = text.find(command)) != std::string::npos;) text.erase(at, 4);
  return display_width(text);
}

class WatchTest : public testing::Test {
 protected:
  WatchTest() {
    data.jobs = {job_of(12, "sweep", {1, 1, 1, 1, 0}), job_of(11, "crawl", {5, 0, 0, 0, 0})};
    data.tasks_of = 12;
    data.tasks = {task_of("12.main.3", TaskStatus::failed), task_of("12.main.1", TaskStatus::running)};
    AgentView agent;
    agent.name = "box7";
    agent.state = "connected";
    agent.resources = {8000, std::int64_t{32} << 30, 2, 0};
    agent.used = {4000, std::int64_t{8} << 30, 2, 0};
    data.agents = {agent};
    state.settle(data);
  }
  Action press(const Key& key) {
    const Action action = state.on_key(key, data, 5);
    state.settle(data);
    return action;
  }
  std::string screen(std::size_t columns, std::size_t rows) {
    std::string text;
    for (const StyledLine& line : lay_out(data, state, {columns, rows}, Charset::utf8))
      text += line.paint({false, Charset::utf8}, columns) + "\n";
    return text;
  }

  WatchData data;
  WatchState state{std::nullopt};
};

TEST_F(WatchTest, TheNewestJobAndItsFirstFailedTaskAreChosen) {
  EXPECT_EQ(state.job(), 12U);
  EXPECT_EQ(state.task(), "12.main.3");
  EXPECT_EQ(state.pane(), Pane::jobs);
}

TEST_F(WatchTest, KeysMoveAndOpen) {
  EXPECT_EQ(press(typed('j')), Action::refresh);
  EXPECT_EQ(state.job(), 11U);
  EXPECT_TRUE(state.shown_tasks(data).empty()) << "the tasks that are known are another job's";
  press(special(Kind::up));
  press(special(Kind::enter));
  EXPECT_EQ(state.pane(), Pane::tasks);
  press(special(Kind::end));
  EXPECT_EQ(state.task(), "12.main.1");
  press(special(Kind::enter));
  EXPECT_EQ(state.page(), WatchPage::task);
  press(special(Kind::escape));
  EXPECT_EQ(state.page(), WatchPage::overview);
  EXPECT_EQ(press(typed('q')), Action::quit);
}

TEST_F(WatchTest, WhatIsChosenStaysWhenTheListChanges) {
  press(typed('j'));
  data.jobs.insert(data.jobs.begin(), job_of(13, "new", {1, 0, 0, 0, 0}));
  state.settle(data);
  EXPECT_EQ(state.job(), 11U);
  data.jobs.pop_back();
  state.settle(data);
  EXPECT_EQ(state.job(), 13U) << "it has gone";
}

TEST_F(WatchTest, NothingIsCancelledWithoutAYes) {
  press(typed('c'));
  EXPECT_EQ(state.doomed(), "12");
  EXPECT_EQ(press(typed('n')), Action::none);
  EXPECT_TRUE(state.doomed().empty());
  press(typed('c'));
  EXPECT_EQ(press(special(Kind::enter)), Action::none);
  press(special(Kind::tab));
  press(typed('c'));
  EXPECT_EQ(state.doomed(), "12.main.3");
  EXPECT_EQ(press(typed('y')), Action::cancel);
  EXPECT_TRUE(state.doomed().empty());
}

TEST_F(WatchTest, AFilterIsTypedKeptAndCleared) {
  press(typed('/'));
  for (const char c : std::string("CRAQ")) press(typed(c));
  EXPECT_EQ(state.filter(Pane::jobs), "CRAQ") << "q is a letter here";
  press(special(Kind::backspace));
  press(special(Kind::enter));
  ASSERT_EQ(state.shown_jobs(data).size(), 1U);
  EXPECT_EQ(state.job(), 11U);
  press(special(Kind::escape));
  EXPECT_EQ(state.shown_jobs(data).size(), 2U);
}

TEST_F(WatchTest, OneJobAloneHasNoListOfJobs) {
  WatchState alone(12);
  alone.settle(data);
  EXPECT_EQ(alone.pane(), Pane::tasks);
  (void)alone.on_key(special(Kind::tab), data, 5);
  EXPECT_EQ(alone.pane(), Pane::agents);
  (void)alone.on_key(special(Kind::tab), data, 5);
  EXPECT_EQ(alone.pane(), Pane::tasks);
}

TEST_F(WatchTest, ShowsListsLoadAndKeys) {
  const std::string text = screen(110, 30);
  EXPECT_NE(text.find("12 sweep"), std::string::npos) << text;
  EXPECT_NE(text.find("1/4 1 running 1 failed"), std::string::npos) << text;
  EXPECT_NE(text.find("cpu ████░░░░ 4/8"), std::string::npos) << text;
  EXPECT_NE(text.find("gpu ████████ 2/2"), std::string::npos) << text;
  EXPECT_NE(text.find("q quit  ? help"), std::string::npos) << text;
}

TEST_F(WatchTest, FitsAnySizeOnEveryPage) {
  data.curves = {{"loss", Series()}, {"a metric with a very long name indeed", Series()}};
  for (int i = 0; i < 50; ++i) data.curves[0].second.add(i), data.curves[1].second.add(-i);
  data.task = data.tasks[0];
  data.log = std::vector<std::string>(200, "東京 a line of output that is longer than most terminals are wide, which happens every day");
  data.explanation = {"12.main.3: it wants 931.3 GiB of memory, the agent has 11.7 GiB of memory in all"};
  for (const char* keys : {"", "\t", "\tl", "\te", "?", "\t\t"}) {
    state = WatchState(std::nullopt);
    state.settle(data);
    for (const char* key = keys; *key != '\0'; ++key) press(*key == '\t' ? special(Kind::tab) : typed(*key));
    for (std::size_t columns = 1; columns < 130; columns += 3)
      for (std::size_t rows = 1; rows < 50; ++rows) {
        const auto lines = lay_out(data, state, {columns, rows}, Charset::utf8);
        ASSERT_EQ(lines.size(), rows) << keys << " " << columns;
        for (const StyledLine& line : lines) ASSERT_LE(shown_width(line, columns), columns) << line.text();
      }
  }
}

TEST_F(WatchTest, TheChosenRowOfALongListIsOnTheScreen) {
  data.tasks.clear();
  for (int i = 0; i < 300; ++i) data.tasks.push_back(task_of("12.main." + std::to_string(i), TaskStatus::pending));
  press(special(Kind::tab));
  press(typed('g'));
  for (int i = 0; i < 150; ++i) press(typed('j'));
  EXPECT_EQ(state.task_position(), 150U);
  EXPECT_NE(screen(80, 24).find("› 12.main.150"), std::string::npos);
}

}  // namespace
}  // namespace stint::client
