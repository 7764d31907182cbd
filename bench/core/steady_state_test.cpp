// In steady state a task costs the core no allocation: what an ended one leaves is what the next one takes.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "bench/allocations/allocation_count.hpp"
#include "core/scheduler.hpp"

namespace stint::core {
namespace {

constexpr std::uint32_t kAgents = 3;
constexpr std::uint32_t kWindow = 500;

class SteadyState : public ::testing::Test {
 protected:
  SteadyState() {
    for (std::uint32_t i = 0; i < kAgents; ++i) {
      AgentConnected event;
      event.agent = scheduler_.register_agent({"a" + std::to_string(i), "test"}, now_, effects_).value();
      event.offer.drivers = {"noop"};
      event.offer.resources.cpu_millis = 1'000'000;
      event.offer.window = kWindow;
      scheduler_.on_agent_connected(event, now_, effects_);
    }
  }

  void submit(std::uint32_t tasks) {
    SubmitJob event;
    TaskSpec task;
    task.name = "main";
    task.driver = "noop";
    task.is_array = true;
    task.array_count = tasks;
    event.spec.tasks.push_back(task);
    ASSERT_TRUE(scheduler_.submit(std::move(event), now_, effects_).has_value());
  }

  /// Ends what was assigned in the turn before, `steps` updates each (the last one tells the end), and places. Gives how many ended.
  std::uint64_t turn(std::uint32_t updates) {
    assigned_.clear();
    for (const Send& send : effects_.sends)
      if (const auto* assign = std::get_if<Assign>(&send)) assigned_.push_back(*assign);
    effects_.rows.clear();
    effects_.sends.clear();
    for (const Assign& assign : assigned_)
      for (std::uint32_t number = 1; number <= updates; ++number) {
        AttemptReport report;
        report.agent = assign.agent;
        report.ref = assign.ref;
        report.number = number;
        report.status = number < updates ? TaskStatus::running : TaskStatus::completed;
        report.reason = number < updates ? EndReason::none : EndReason::exit;
        report.started_at = report.ended_at = now_.wall;
        scheduler_.on_attempt_report(report, now_, effects_);
      }
    scheduler_.place(now_, effects_);
    return assigned_.size();
  }

  double allocations_per_task(std::uint32_t updates) {
    std::uint64_t tasks = 0;
    for (int i = 0; i < 20; ++i) turn(updates);  // until every list is as long as it gets
    const auto before = bench::allocations_here();
    for (int i = 0; i < 40; ++i) tasks += turn(updates);
    EXPECT_GE(tasks, 40u * kAgents * kWindow);
    return static_cast<double>(bench::allocations_here() - before) / static_cast<double>(tasks);
  }

  Scheduler scheduler_;
  Now now_{Instant{std::chrono::hours{1}}, unix_millis(1'700'000'000'000)};
  Effects effects_;
  std::vector<Assign> assigned_;
};

TEST_F(SteadyState, AnArrayAllocatesForTurnsNotForTasks) {
  submit(1'000'000);
  EXPECT_LT(allocations_per_task(1), 0.05);
}

TEST_F(SteadyState, NeitherDoTasksThatTellOfTheirStart) {
  submit(1'000'000);
  EXPECT_LT(allocations_per_task(2), 0.05);
}

TEST_F(SteadyState, JobsAllocateForJobs) {
  for (int i = 0; i < 200; ++i) submit(1'000);
  EXPECT_LT(allocations_per_task(1), 0.1);
}

}  // namespace
}  // namespace stint::core
