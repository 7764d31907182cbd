#include "agent/agent.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/limits.hpp"
#include "agent/test_world.hpp"

namespace stint::agent {
namespace {

using namespace agent::testing;

class AgentTest : public ::testing::Test {
 protected:
  void begin() {
    world.start();
    world.connect();
  }
  void TearDown() override { EXPECT_EQ(world.scheduler.breaches, std::vector<std::string>{}); }
  World world;
};

std::vector<std::uint32_t> numbers(const FakeScheduler::Task& task) {
  std::vector<std::uint32_t> all;
  for (const auto& [number, update] : task.updates) all.push_back(number);
  return all;
}

TEST_F(AgentTest, RunsATaskAndForgetsItOnceEverythingIsAcknowledged) {
  begin();
  world.assign({ref(0)});
  ASSERT_NE(world.task(0).last(), nullptr);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running);
  EXPECT_EQ(world.task(0).last()->started_ms, 1'000);

  world.driver.print(ref(0), 1, "hello\n");
  world.settle();
  EXPECT_EQ(world.task(0).output[0], "hello\n") << "output leaves in the turn in which it came";

  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::completed);
  EXPECT_EQ(world.task(0).last()->ended_ms, 2'000);
  EXPECT_EQ(world.driver.releases, std::vector{ref(0)});
  EXPECT_EQ(world.agent->held(), 0U);

  world.restart();
  EXPECT_TRUE(world.scheduler.resumes.back().held.empty()) << "the journal has forgotten it";
}

TEST_F(AgentTest, TellsExitStatusSignalAndReasonApart) {
  begin();
  world.assign({ref(0), ref(1), ref(2)});
  world.driver.end(ref(0), EndReason::exit, 7);
  world.driver.end(ref(1), EndReason::timeout, 0);
  world.driver.end(ref(2), EndReason::oom, 0);
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::failed);
  EXPECT_EQ(world.task(0).last()->exit_code, 7);
  EXPECT_EQ(world.task(1).last()->reason, EndReason::timeout);
  EXPECT_EQ(world.task(2).last()->reason, EndReason::oom);
}

TEST_F(AgentTest, ATaskThatStartsAtOnceIsNotReportedAsPending) {
  begin();
  world.assign({ref(0)});
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(numbers(world.task(0)), (std::vector<std::uint32_t>{2, 3}));
}

TEST_F(AgentTest, ATaskThatWaitsForTheKeeperIsReportedAsPendingAndStartsWhenItIsBack) {
  begin();
  world.driver.go();
  world.settle();
  world.assign({ref(0)});
  EXPECT_TRUE(world.task(0).updates.empty());
  world.advance(limits::kAcceptReportDelay);
  ASSERT_NE(world.task(0).last(), nullptr);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::pending);
  EXPECT_TRUE(world.driver.starts.empty());
  world.driver.come_back();
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running);
}

TEST_F(AgentTest, ATaskThatWaitsIsCancelledAtOnce) {
  begin();
  world.driver.go();
  world.settle();
  world.assign({ref(0)});
  world.scheduler.session->send(protocol::Cancel{{{ref(0), protocol::CancelMode::graceful, EndReason::cancelled}}});
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::cancelled);
  world.driver.come_back();
  world.settle();
  EXPECT_TRUE(world.driver.starts.empty());
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(AgentTest, ABurstOfNoopTasksCostsOneRecordAndOneUpdateEach) {
  begin();
  const auto before = world.journal.appends;
  std::vector<AttemptRef> refs;
  for (std::uint32_t i = 0; i < 500; ++i) refs.push_back(ref(i));
  const auto lists = world.scheduler.update_lists;
  world.assign(refs, task_template("noop"));
  for (std::uint32_t i = 0; i < 500; ++i) {
    ASSERT_EQ(world.task(i).updates.size(), 1U) << i;
    EXPECT_EQ(world.task(i).last()->status, TaskStatus::completed);
    EXPECT_NE(world.task(i).last()->ended_ms, 0);
  }
  EXPECT_EQ(world.scheduler.update_lists - lists, 1U);
  EXPECT_EQ(world.journal.appends - before, 2U) << "one for all ends, one to forget them";
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(AgentTest, ResendsWhatWasNotAcknowledgedAfterAReconnect) {
  begin();
  world.scheduler.acks = false;
  world.assign({ref(0)});
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  const auto before = world.task(0).updates;
  world.cut();
  world.scheduler.tasks.clear();  // the scheduler lost what it had not acknowledged
  world.scheduler.acks = true;
  world.advance(1min);
  ASSERT_TRUE(world.agent->wants_link(world.now()));
  world.connect();
  ASSERT_NE(world.task(0).last(), nullptr);
  EXPECT_EQ(*world.task(0).last(), before.rbegin()->second) << "the same number, word for word";
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(AgentTest, ResendsAfterARestartTheSameNumberWithTheSameContent) {
  begin();
  world.scheduler.acks = false;
  world.assign({ref(0)});
  world.driver.end(ref(0), EndReason::signal, 0);
  world.settle();
  const auto before = *world.task(0).last();
  world.scheduler.tasks.clear();
  world.scheduler.acks = true;
  world.restart();
  ASSERT_NE(world.task(0).last(), nullptr);
  EXPECT_EQ(*world.task(0).last(), before);
  EXPECT_EQ(world.driver.starts[ref(0)], 1) << "it was not started again";
}

TEST_F(AgentTest, NumbersGoOnAboveWhatTheSchedulerHasSeen) {
  begin();
  world.assign({ref(0)});
  world.cut();
  world.task(0).updates[9] = *world.task(0).last();  // as after a power failure that took the journal's end
  world.task(0).updates[9].number = 9;
  world.advance(1min);
  world.connect();
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_GT(world.task(0).last()->number, 9U);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::completed);
}

TEST_F(AgentTest, AnAssignmentThatComesTwiceIsStartedOnce) {
  begin();
  world.assign({ref(0)});
  world.assign({ref(0)});
  EXPECT_EQ(world.driver.starts[ref(0)], 1);
}

TEST_F(AgentTest, IdentityIsKeptAndCountersRise) {
  begin();
  world.cut();
  world.advance(1min);
  world.connect();
  world.restart();
  const auto& hellos = world.scheduler.hellos;
  ASSERT_EQ(hellos.size(), 3U);
  EXPECT_EQ(hellos[0].instance, hellos[2].instance);
  EXPECT_EQ(hellos[0].boot, hellos[1].boot);
  EXPECT_NE(hellos[0].boot, hellos[2].boot);
  EXPECT_LT(hellos[0].connect, hellos[1].connect);
  EXPECT_LT(hellos[1].connect, hellos[2].connect);
}

TEST_F(AgentTest, VerdictsStopAndForget) {
  begin();
  world.assign({ref(0), ref(1)});
  world.cut();
  world.scheduler.verdicts[ref(0)] = protocol::Verdict::stop;
  world.scheduler.verdicts[ref(1)] = protocol::Verdict::forget;
  world.advance(1min);
  world.connect();
  ASSERT_EQ(world.driver.stops.size(), 2U);
  EXPECT_EQ(world.driver.stops[0], (std::pair{ref(0), ports::Driver::StopMode::graceful}));
  EXPECT_EQ(world.driver.stops[1], (std::pair{ref(1), ports::Driver::StopMode::kill}));
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::cancelled);
  EXPECT_EQ(world.task(1).last()->status, TaskStatus::running) << "nothing more was said of the forgotten one";
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(AgentTest, CancelStopsWithTheReasonGiven) {
  begin();
  world.assign({ref(0)});
  world.scheduler.session->send(protocol::Cancel{{{ref(0), protocol::CancelMode::kill, EndReason::superseded}}});
  world.settle();
  ASSERT_EQ(world.driver.stops.size(), 1U);
  EXPECT_EQ(world.driver.stops[0].second, ports::Driver::StopMode::kill);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::cancelled);
  EXPECT_EQ(world.task(0).last()->reason, EndReason::superseded);
}

TEST_F(AgentTest, KeepsAnEndedTaskUntilItsOutputIsDurable) {
  begin();
  world.scheduler.log_acks = false;
  world.assign({ref(0)});
  world.driver.print(ref(0), 2, "trace");
  world.driver.end(ref(0), EndReason::exit, 1);
  world.settle();
  EXPECT_TRUE(world.task(0).ended()) << "the end does not wait for the output";
  EXPECT_TRUE(world.driver.releases.empty());
  world.scheduler.session->send(protocol::Credit{1, 0, {{ref(0), protocol::LogStream::err, 5}}});
  world.settle();
  EXPECT_EQ(world.driver.releases, std::vector{ref(0)});
}

TEST_F(AgentTest, OutputKeepsToTheCreditAndLosesNothing) {
  world.scheduler.log_credit = 2;
  begin();
  world.assign({ref(0), ref(1)});
  std::string big[2];
  for (std::uint32_t i = 0; i < 2; ++i) {
    for (std::size_t k = 0; big[i].size() < 1'000'000; ++k) big[i] += std::to_string(k * (i + 3)) + "\n";
    world.driver.print(ref(i), 1, big[i]);
    world.driver.end(ref(i), EndReason::exit, 0);
  }
  world.settle();
  EXPECT_EQ(world.task(0).output[0], big[0]);
  EXPECT_EQ(world.task(1).output[0], big[1]);
  EXPECT_EQ(world.driver.releases.size(), 2U);
}

TEST_F(AgentTest, OutputGoesOnFromWhatIsDurableAfterAReconnect) {
  begin();
  world.assign({ref(0)});
  world.driver.print(ref(0), 1, "one ");
  world.settle();
  world.cut();
  world.driver.print(ref(0), 1, "two ");
  world.advance(1min);
  world.driver.print(ref(0), 1, "three");
  world.connect();
  EXPECT_EQ(world.task(0).output[0], "one two three");
  world.restart();
  world.driver.print(ref(0), 1, " four");
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(world.task(0).output[0], "one two three four");
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(AgentTest, AKeeperThatDiesLosesItsTasks) {
  begin();
  world.assign({ref(0), ref(1)});
  world.driver.end(ref(1), EndReason::exit, 0);
  world.scheduler.acks = false;
  world.settle();
  world.driver.go();
  world.driver.come_back();
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::failed);
  EXPECT_EQ(world.task(0).last()->reason, EndReason::lost);
  EXPECT_EQ(world.task(1).last()->status, TaskStatus::completed) << "what had ended stays as it ended";
  world.assign({ref(2)});
  EXPECT_EQ(world.driver.starts[ref(2)], 1) << "the new keeper takes work";
}

TEST_F(AgentTest, WhatTheKeeperNoLongerHoldsAfterARestartIsLost) {
  begin();
  world.assign({ref(0), ref(1)});
  world.driver.tasks.erase(ref(0));
  world.restart();
  EXPECT_EQ(world.task(0).last()->reason, EndReason::lost);
  EXPECT_EQ(world.task(1).last()->status, TaskStatus::running);
}

TEST_F(AgentTest, WhatTheKeeperHoldsAndNobodyKnowsIsDropped) {
  world.driver.tasks[ref(5)].ended = true;
  world.driver.tasks[ref(6)];
  begin();
  EXPECT_TRUE(world.driver.tasks.empty());
  EXPECT_TRUE(world.scheduler.resumes.back().held.empty());
}

TEST_F(AgentTest, ARefusedStartCostsTheSchedulerOneUpdateThatSaysWhy) {
  begin();
  auto tmpl = task_template();
  tmpl.workdir = "/refused";
  world.assign({ref(0)}, tmpl);
  EXPECT_EQ(world.task(0).last()->reason, EndReason::refused);
  EXPECT_EQ(world.task(0).last()->detail, "not this machine's directory");
  tmpl.driver = "vm";
  world.assign({ref(1)}, tmpl);
  EXPECT_EQ(world.task(1).last()->reason, EndReason::refused);
  EXPECT_NE(world.task(1).last()->detail.find("'vm'"), std::string::npos);
  EXPECT_EQ(world.agent->held(), 0U);
}

TEST_F(AgentTest, RefusesMoreThanItsWindow) {
  world.window = 2;
  begin();
  world.assign({ref(0), ref(1), ref(2)});
  EXPECT_EQ(world.task(2).last()->reason, EndReason::refused);
  EXPECT_EQ(world.driver.starts.size(), 2U);
}

TEST(AgentGpus, IndicesAreGivenToOneTaskAtATimeAndSurviveARestart) {
  World world{2};
  world.start();
  world.connect();
  auto tmpl = task_template();
  tmpl.resources.gpus = 1;
  world.assign({ref(0), ref(1), ref(2)}, tmpl);
  const auto visible = [&](std::uint32_t i) -> std::string {
    for (const auto& [name, value] : world.driver.tasks.at(ref(i)).spec.env)
      if (name == "CUDA_VISIBLE_DEVICES") return value;
    return "unset";
  };
  EXPECT_EQ(visible(0), "0");
  EXPECT_EQ(visible(1), "1");
  EXPECT_FALSE(world.driver.starts.contains(ref(2))) << "it waits for a GPU";
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(visible(2), "0");
  EXPECT_EQ(world.driver.tasks.at(ref(2)).spec.gpus, std::vector<std::uint32_t>{0});

  world.restart();
  world.driver.end(ref(1), EndReason::exit, 0);
  world.settle();
  world.assign({ref(3)}, tmpl);
  EXPECT_EQ(visible(3), "1") << "index 0 is still taken by the task from before the restart";
  tmpl.resources.gpus = 0;
  world.assign({ref(4)}, tmpl);
  EXPECT_EQ(visible(4), "") << "a task without GPUs sees none";
  EXPECT_EQ(world.scheduler.breaches, std::vector<std::string>{});
}

TEST_F(AgentTest, WithoutGpusTheVariableIsLeftAlone) {
  begin();
  world.assign({ref(3)});
  const auto& env = world.driver.tasks.at(ref(3)).spec.env;
  const Environment expected{{"HOME", "/root"},    {"PATH", "/bin"},       {"STINT_ARRAY_SIZE", "100"},   {"STINT_ATTEMPT", "1"},
                             {"STINT_INDEX", "3"}, {"STINT_JOB_ID", "12"}, {"STINT_TASK_ID", "12.main.3"}};
  EXPECT_EQ(env, expected);
}

TEST_F(AgentTest, AFullDiskRefusesNewWorkAndKeepsWhatRuns) {
  begin();
  world.assign({ref(0)});
  world.journal.is_full = true;
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running) << "an end that is not persisted is not told";
  world.assign({ref(1)});
  EXPECT_EQ(world.task(1).last()->reason, EndReason::refused);
  EXPECT_FALSE(world.driver.starts.contains(ref(1)));
  world.advance(limits::kJournalRetryInterval);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::running);
  world.journal.is_full = false;
  world.advance(limits::kJournalRetryInterval);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::completed);
  world.assign({ref(2)});
  EXPECT_EQ(world.driver.starts[ref(2)], 1);
}

TEST(AgentGpus, ARefusalForAFullDiskGivesThemBack) {
  World world{1};
  world.start();
  world.connect();
  auto tmpl = task_template();
  tmpl.resources.gpus = 1;
  world.journal.is_full = true;
  world.assign({ref(0)}, tmpl);
  ASSERT_EQ(world.task(0).last()->reason, EndReason::refused);
  world.journal.is_full = false;
  world.advance(limits::kJournalRetryInterval);
  world.assign({ref(1)}, tmpl);
  EXPECT_EQ(world.driver.starts[ref(1)], 1);
}

TEST_F(AgentTest, AnAcceptThatCannotBeWrittenIsRefusedInstead) {
  begin();
  world.journal.is_full = true;
  world.assign({ref(0)});
  EXPECT_EQ(world.task(0).last()->reason, EndReason::refused);
  EXPECT_TRUE(world.driver.starts.empty());
  world.advance(limits::kJournalRetryInterval);
  EXPECT_EQ(world.agent->held(), 0U) << "what was never written needs no disk to be forgotten";
}

TEST_F(AgentTest, ReportsAtMostOncePerSecondAndTheLastOneBeforeTheEnd) {
  begin();
  world.assign({ref(0)});
  auto& reports = world.task(0).reports;
  world.driver.report(ref(0), "{\"progress\":0.1,\"step\":1,\"metrics\":{\"loss\":3}}\n");
  world.settle();
  ASSERT_EQ(reports.size(), 1U);
  world.driver.report(ref(0), "{\"progress\":0.2,\"step\":2,\"metrics\":{\"loss\":2}}\n");
  world.driver.report(ref(0), "no json\n{\"step\":3,\"metrics\":{\"acc\":0.5},\"message\":\"better\"}\n");
  world.settle();
  EXPECT_EQ(reports.size(), 1U);
  world.advance(1s);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_FLOAT_EQ(reports[1].progress, 0.2F);
  EXPECT_EQ(reports[1].detail, "better");
  ASSERT_EQ(reports[1].metrics.size(), 2U);
  EXPECT_EQ(reports[1].metrics[0].name, "loss");
  EXPECT_EQ(reports[1].metrics[0].value, 2);
  EXPECT_EQ(reports[1].metrics[1].step, 3U);
  world.driver.report(ref(0), "{\"progress\":1}\n");
  world.driver.end(ref(0), EndReason::exit, 0);
  world.settle();
  ASSERT_EQ(reports.size(), 3U);
  EXPECT_FLOAT_EQ(reports[2].progress, 1.0F);
}

TEST_F(AgentTest, DialsWithGrowingJitteredDelaysUpToTheCap) {
  world.start();
  Duration longest{0};
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(world.agent->wants_link(world.now()));
    world.agent->on_link_dialing();
    EXPECT_FALSE(world.agent->wants_link(world.now()));
    world.agent->on_link_failed("refused", world.now());
    const auto delay = world.agent->next_deadline() - world.now().mono;
    EXPECT_LE(delay, i == 0 ? limits::kBackoffBase : limits::kBackoffCap);
    longest = std::max(longest, delay);
    world.time += delay;
    world.agent->on_timer(world.now());
  }
  EXPECT_GT(longest, limits::kBackoffCap / 2);
}

TEST_F(AgentTest, LeavesWithAGoodbyeAndTasksRunOn) {
  begin();
  world.assign({ref(0)});
  world.agent->leave(world.now());
  world.settle();
  ASSERT_FALSE(world.scheduler.ends.empty());
  EXPECT_EQ(world.scheduler.ends.back().reason, protocol::CloseReason::leaving);
  EXPECT_TRUE(world.agent->wants_close());
  world.cut();
  EXPECT_TRUE(world.agent->is_finished());
  EXPECT_TRUE(world.driver.stops.empty());
}

TEST_F(AgentTest, DrainsTakingNothingNewUntilAllIsToldAndASecondTimeEndsTheTasks) {
  begin();
  world.assign({ref(0)});
  world.agent->drain(world.now());
  world.settle();
  ASSERT_FALSE(world.scheduler.infos.empty());
  EXPECT_TRUE(world.scheduler.infos.back().drivers.empty());
  world.assign({ref(1)});
  EXPECT_EQ(world.task(1).last()->reason, EndReason::refused);
  EXPECT_FALSE(world.agent->wants_close());
  world.agent->drain(world.now());
  world.settle();
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::cancelled);
  EXPECT_EQ(world.agent->held(), 0U);
  EXPECT_TRUE(world.agent->wants_close());
}

TEST_F(AgentTest, NotesThatComeBetweenResumeAndReconcileAreToldAfterIt) {
  world.start();
  world.scheduler.before_reconcile = [this] {
    world.driver.notes_ = {"no cgroup"};
    world.driver.come_back();
    world.agent->on_driver_events(world.now());
  };
  world.connect();
  EXPECT_TRUE(world.scheduler.resumes.back().info.notes.empty());
  ASSERT_EQ(world.scheduler.infos.size(), 1U);
  EXPECT_EQ(world.scheduler.infos.back().notes, std::vector<std::string>{"no cgroup"});
}

TEST_F(AgentTest, ALongLifeDoesNotGrowTheJournal) {
  begin();
  for (std::uint32_t round = 0; round < 60; ++round) {
    std::vector<AttemptRef> refs;
    for (std::uint32_t i = 0; i < 1000; ++i) refs.push_back(ref(round * 1000 + i));
    world.assign(refs, task_template("noop"));
  }
  EXPECT_GE(world.journal.rewrites, 1U);
  EXPECT_LE(world.journal.size_bytes(), limits::kJournalCompactMin + 1000 * 120);
  world.assign({ref(0, 2)});
  world.restart();
  ASSERT_EQ(world.scheduler.resumes.back().held.size(), 1U);
  EXPECT_EQ(world.scheduler.hellos.front().instance, world.scheduler.hellos.back().instance);
}

// The process dies at the n-th append, just before or just after it was written, for every n until nothing dies any more; then all must
// be told.
TEST(AgentCrash, AtEveryAppendNothingToldIsLostAndNothingIsToldTwice) {
  for (const auto moment : {MemoryJournal::Moment::before_write, MemoryJournal::Moment::after_write}) {
    bool died = true;
    for (std::size_t n = 1; died; ++n) {
      ASSERT_LT(n, 100U);
      World world;
      world.journal.dies_at = n;
      world.journal.moment = moment;
      died = false;
      const auto live = [&](const std::function<void()>& step) {
        try {
          step();
        } catch (const Died&) {
          died = true;
          world.restart();
        }
      };
      live([&] {
        world.start();
        world.connect();
      });
      live([&] { world.assign({ref(0), ref(1)}); });
      live([&] { world.assign({ref(2), ref(3)}, task_template("noop")); });
      live([&] {
        if (world.driver.tasks.contains(ref(0))) world.driver.print(ref(0), 1, "some output");
        world.settle();
      });
      live([&] {
        if (world.driver.tasks.contains(ref(0))) world.driver.end(ref(0), EndReason::exit, 0);
        world.settle();
      });
      live([&] {
        if (world.driver.tasks.contains(ref(1))) world.driver.end(ref(1), EndReason::exit, 3);
        world.settle();
      });
      // What never reached the journal is assigned again by a scheduler that saw it neither accepted nor held.
      for (std::uint32_t i = 0; i < 4; ++i) {
        if (world.task(i).ended()) continue;
        world.assign({ref(i)}, task_template(i < 2 ? "exec" : "noop"));
        if (world.driver.tasks.contains(ref(i))) world.driver.end(ref(i), EndReason::exit, 0);
        world.settle();
      }
      for (std::uint32_t i = 0; i < 4; ++i) {
        ASSERT_TRUE(world.task(i).ended()) << "append " << n << " task " << i;
        const auto reason = world.task(i).last()->reason;
        EXPECT_TRUE(reason == EndReason::exit || reason == EndReason::lost) << "append " << n << " task " << i;
      }
      EXPECT_TRUE(world.task(0).output[0] == "some output" || world.task(0).output[0].empty()) << world.task(0).output[0];
      EXPECT_EQ(world.agent->held(), 0U) << "append " << n;
      EXPECT_TRUE(world.driver.tasks.empty()) << "append " << n;
      EXPECT_EQ(world.scheduler.breaches, std::vector<std::string>{}) << "append " << n;
    }
  }
}

}  // namespace
}  // namespace stint::agent
