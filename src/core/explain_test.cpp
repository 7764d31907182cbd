// Explanations and lists of huge arrays in random states: right, and by so little work that many thousands of them are nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "core/scheduler.hpp"

namespace stint::core {
namespace {

constexpr Now kNow{Instant{std::chrono::hours{1}}, unix_millis(1'700'000'000'000)};
constexpr JobId kJob{1};

/// One array that was loaded from rows: runs of it have ended, some tasks are live, some have lost their attempt and wait.
class RandomArray {
 public:
  RandomArray(std::uint32_t count, std::uint32_t longest_run, std::uint64_t seed) : count_(count), draw_(seed) {
    load(make_job());
    load(JobStateRow{kJob, TaskStatus::running, EndReason::none, "", false, {}});
    load(make_agent());
    const std::uint32_t placed = static_cast<std::uint32_t>(draw_.below(count));
    for (std::uint32_t first = 0; first < count;) {
      const std::uint32_t last = std::min(count, first + 1 + static_cast<std::uint32_t>(draw_.below(longest_run))) - 1;
      load_run(first, last, first < placed);
      first = last + 1;
    }
    EXPECT_TRUE(scheduler_.finish_load(kNow, effects_));
  }

  [[nodiscard]] const Scheduler& scheduler() const { return scheduler_; }
  std::uint32_t draw_index() { return static_cast<std::uint32_t>(draw_.below(count_)); }

 private:
  void load(const Row& row) { EXPECT_TRUE(scheduler_.load(row)); }

  JobRow make_job() const {
    JobSpec spec;
    spec.tasks.resize(1);
    spec.tasks[0].name = "main";
    spec.tasks[0].command = {"true"};
    spec.tasks[0].is_array = true;
    spec.tasks[0].array_count = count_;
    return {kJob, std::make_shared<const JobSpec>(spec), "", "", kNow.wall};
  }

  static AgentRow make_agent() {
    AgentRow row;
    row.number = AgentNumber{1};
    row.name = "a1";
    return row;
  }

  void load_run(std::uint32_t first, std::uint32_t last, bool is_placed) {
    const auto kind = draw_.below(is_placed ? 6 : 3);
    if (kind == 0) return load(TaskMarkRow{kJob, 0, first, last, TaskStatus::cancelled});
    if (kind == 3) return load(TaskMarkRow{kJob, 0, first, last, TaskStatus::completed});
    if (kind == 4) return load(TaskMarkRow{kJob, 0, first, last, TaskStatus::failed});
    if (kind == 5) load_attempt(first);
  }

  void load_attempt(std::uint32_t index) {
    AttemptRow row;
    row.ref = {{kJob, 0, index}, 1};
    row.agent = AgentNumber{1};
    if (draw_.below(2) == 0) {
      row.accepted = true;
      row.status = TaskStatus::running;
    } else {
      row.live = false;
      row.status = TaskStatus::failed;
      row.reason = EndReason::lost;
      row.ended_at = kNow.wall;
    }
    load(row);
  }

  std::uint32_t count_;
  Prng draw_;
  Scheduler scheduler_;
  Effects effects_;
};

/// One task after the other, as a page of the list of all of them gives them.
std::vector<TaskView> list_all(const Scheduler& scheduler, std::uint32_t count) {
  return scheduler.find_tasks({kJob, 0, 0}, std::nullopt, count);
}

TEST(ExplainArray, CountsWhoIsAhead) {
  constexpr std::uint32_t kCount = 30'000;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RandomArray array{kCount, static_cast<std::uint32_t>(seed * 200), seed};
    const auto tasks = list_all(array.scheduler(), kCount);
    ASSERT_EQ(tasks.size(), kCount);
    const auto is_ready = [](const TaskView& task) { return task.status == TaskStatus::pending && task.attempts > 0 && task.live.empty(); };
    const auto is_fresh = [](const TaskView& task) { return task.status == TaskStatus::pending && task.attempts == 0; };
    const auto all_ready = std::count_if(tasks.begin(), tasks.end(), is_ready);
    for (int question = 0; question < 100; ++question) {
      const TaskView& task = tasks[array.draw_index()];
      if (!is_ready(task) && !is_fresh(task)) continue;
      const auto end = tasks.begin() + task.ref.index;
      const auto ahead =
          is_ready(task) ? std::count_if(tasks.begin(), end, is_ready) : all_ready + std::count_if(tasks.begin(), end, is_fresh);
      ASSERT_EQ(array.scheduler().explain(task.ref, kNow)->ahead, ahead) << "seed " << seed << ", task " << task.id;
    }
    for (const std::string& finding : array.scheduler().check()) ADD_FAILURE() << finding;
  }
}

TEST(ExplainArray, ListsTheTasksOfEachState) {
  constexpr std::uint32_t kCount = 30'000;
  RandomArray array{kCount, 900, 7};
  const auto tasks = list_all(array.scheduler(), kCount);
  for (const TaskStatus status :
       {TaskStatus::pending, TaskStatus::running, TaskStatus::completed, TaskStatus::failed, TaskStatus::cancelled}) {
    for (int question = 0; question < 20; ++question) {
      const std::uint32_t from = array.draw_index();
      std::vector<std::uint32_t> wanted;
      for (std::uint32_t i = from; i < kCount && wanted.size() < 1'000; ++i)
        if (tasks[i].status == status) wanted.push_back(i);
      std::vector<std::uint32_t> found;
      for (const TaskView& task : array.scheduler().find_tasks({kJob, 0, from}, status, 1'000)) found.push_back(task.ref.index);
      ASSERT_EQ(found, wanted) << to_string(status) << " from " << from;
    }
  }
}

/// A walk over the tasks for each of these would take longer than any test may run.
TEST(ExplainArray, CostsNoWalkOverTenMillion) {
  constexpr std::uint32_t kCount = 10'000'000;
  constexpr int kQuestions = 100'000;
  RandomArray array{kCount, 40'000, 3};
  std::uint64_t answers = 0;
  for (int question = 0; question < kQuestions; ++question) {
    answers += array.scheduler().explain({kJob, 0, array.draw_index()}, kNow).has_value() ? 1 : 0;
    answers += array.scheduler().explain(kJob, kNow).has_value() ? 1 : 0;
    answers += array.scheduler().find_tasks({kJob, 0, 0}, TaskStatus::pending, 1).size();
  }
  EXPECT_EQ(answers, 3 * kQuestions);
}

}  // namespace
}  // namespace stint::core
