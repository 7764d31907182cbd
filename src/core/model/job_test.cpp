#include "core/model/job.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "core/model/limits.hpp"

namespace stint::core {
namespace {

JobSpec sound() {
  JobSpec spec;
  TaskSpec prep;
  prep.name = "prep";
  prep.command = {"true"};
  TaskSpec train = prep;
  train.name = "train";
  train.is_array = true;
  train.array_first = 10;
  train.array_step = 5;
  train.array_count = 4;
  train.needs = {{0, NeedOn::success}};
  spec.tasks = {prep, train};
  return spec;
}

TEST(FindProblem, AcceptsASoundJob) { EXPECT_EQ(find_problem(sound()), std::nullopt); }

struct Fault {
  const char* name;
  std::function<void(JobSpec&)> make;
  const char* words;  ///< that the answer must hold: which entry, which value, which limit
};

class FindProblemTest : public ::testing::TestWithParam<Fault> {};

TEST_P(FindProblemTest, NamesWhatIsWrong) {
  JobSpec spec = sound();
  GetParam().make(spec);
  const auto problem = find_problem(spec);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find(GetParam().words), std::string::npos) << *problem;
}

INSTANTIATE_TEST_SUITE_P(
    Core, FindProblemTest,
    ::testing::Values(
        Fault{"NoTasks", [](JobSpec& s) { s.tasks.clear(); }, "no tasks"},
        Fault{"SameName", [](JobSpec& s) { s.tasks[1].name = "prep"; }, "two entries are named prep"},
        Fault{"BadName", [](JobSpec& s) { s.tasks[1].name = "a.b"; }, "\"a.b\""},
        Fault{"LongName", [](JobSpec& s) { s.tasks[1].name = std::string(65, 'x'); }, "1 to 64"},
        Fault{"BadQueue", [](JobSpec& s) { s.queue = "a b"; }, "queue is \"a b\""},
        Fault{"Priority", [](JobSpec& s) { s.priority = limits::kPriority + 1; }, "from -1000000 to 1000000"},
        Fault{"NeedsItself", [](JobSpec& s) { s.tasks[1].needs = {{1, NeedOn::success}}; }, "task train: needs entry 1"},
        Fault{"NeedsTwice", [](JobSpec& s) { s.tasks[1].needs = {{0, NeedOn::success}, {0, NeedOn::always}}; }, "needs prep twice"},
        Fault{"NoCommand", [](JobSpec& s) { s.tasks[0].command.clear(); }, "task prep: command is empty"},
        Fault{"LongCommand", [](JobSpec& s) { s.tasks[0].command.emplace_back(limits::kCommandBytes, 'x'); }, "the limit is 65536"},
        Fault{"Driver", [](JobSpec& s) { s.tasks[0].driver = "vmm"; }, "driver is \"vmm\""},
        Fault{"EmptyArray", [](JobSpec& s) { s.tasks[1].array_count = 0; }, "array count is 0"},
        Fault{"HugeArray", [](JobSpec& s) { s.tasks[1].array_count = limits::kTasksPerArray + 1; }, "from 1 to 10000000"},
        Fault{"NoStep", [](JobSpec& s) { s.tasks[1].array_step = 0; }, "array step is 0"},
        Fault{"IndexOverflow", [](JobSpec& s) { s.tasks[1].array_first = 4'294'967'290; }, "4294967305"},
        Fault{"CountWithoutArray", [](JobSpec& s) { s.tasks[0].array_count = 2; }, "without an array"},
        Fault{"NegativeCpu", [](JobSpec& s) { s.tasks[0].resources.cpu_millis = -1; }, "cpu_millis is -1"},
        Fault{"HugeMemory", [](JobSpec& s) { s.tasks[0].resources.memory_bytes = limits::kBytes + 1; }, "memory_bytes"},
        Fault{"UnsortedEnv", [](JobSpec& s) { s.tasks[0].env = {{"B", ""}, {"A", ""}}; }, "env A comes twice or out of order"},
        Fault{"EnvName", [](JobSpec& s) { s.tasks[0].env = {{"A=B", ""}}; }, "\"A=B\""},
        Fault{"ZeroByte", [](JobSpec& s) { s.tasks[0].env = {{"A", std::string(1, '\0')}}; }, "zero byte"},
        Fault{"RelativeWorkdir", [](JobSpec& s) { s.tasks[0].workdir = "here"; }, "must be absolute"},
        Fault{"BootWithoutWorkdir", [](JobSpec& s) { s.tasks[0].submit_boot_id = "b"; }, "without a workdir"},
        Fault{"Retries", [](JobSpec& s) { s.tasks[0].retries = limits::kRetries + 1; }, "retries is 1001"},
        Fault{"NegativeTimeout", [](JobSpec& s) { s.tasks[0].timeout = Duration{-1'000'000}; }, "timeout_ms is -1"}),
    [](const auto& fault) { return fault.param.name; });

TEST(TaskId, CarriesTheValueOfTheArray) {
  const JobSpec spec = sound();
  EXPECT_EQ(task_id(spec, {JobId{12}, 0, 0}), "12.prep");
  EXPECT_EQ(task_id(spec, {JobId{12}, 1, 3}), "12.train.25");
  EXPECT_EQ(attempt_id(spec, {{JobId{12}, 1, 0}, 2}), "12.train.10@2");
}

TEST(FindTask, ReadsWhatTaskIdWrites) {
  const JobSpec spec = sound();
  EXPECT_EQ(find_task(JobId{12}, spec, "prep"), (TaskRef{JobId{12}, 0, 0}));
  EXPECT_EQ(find_task(JobId{12}, spec, "train.25"), (TaskRef{JobId{12}, 1, 3}));
}

TEST(FindTask, MissesWhatIsNotThere) {
  const JobSpec spec = sound();
  for (const char* name : {"", "eval", "train", "prep.0", "train.", "train.9", "train.11", "train.30", "train.-10", "train.10x",
                           "train.10.1", "train.99999999999"})
    EXPECT_EQ(find_task(JobId{12}, spec, name), std::nullopt) << name;
}

TEST(Matrix, TheLastAxisChangesFastest) {
  const std::vector<MatrixAxis> matrix{{"lr", {"0.1", "0.01"}}, {"seed", {"1", "2", "3"}}};
  EXPECT_EQ(matrix_size(matrix), 6U);
  using Values = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(matrix_values(matrix, 0), (Values{{"matrix.lr", "0.1"}, {"matrix.seed", "1"}}));
  EXPECT_EQ(matrix_values(matrix, 2), (Values{{"matrix.lr", "0.1"}, {"matrix.seed", "3"}}));
  EXPECT_EQ(matrix_values(matrix, 3), (Values{{"matrix.lr", "0.01"}, {"matrix.seed", "1"}}));
}

TEST(Matrix, ItsSizeNeverOverflows) {
  const std::vector<MatrixAxis> matrix(16, MatrixAxis{"a", std::vector<std::string>(10'000, "x")});
  EXPECT_GT(matrix_size(matrix), limits::kTasksPerArray);
}

TEST(PlainPath, LeavesNoDirectory) {
  for (const char* path : {"a", "a/b.c", "..a", "a..", ".hidden/x"}) EXPECT_TRUE(is_plain_path(path)) << path;
  for (const char* path : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\\b", "a\nb"})
    EXPECT_FALSE(is_plain_path(path)) << path;
}

TEST(Items, ABatchThatIsNotFullIsATaskToo) {
  TaskSpec task;
  task.each = EachSpec{};
  EXPECT_EQ(tasks_for_items(task, 401), 401U);
  task.each->batch = 200;
  EXPECT_EQ(tasks_for_items(task, 401), 3U);
  EXPECT_EQ(tasks_for_items(task, 400), 2U);
  task.overlap = 2;
  EXPECT_EQ(tasks_for_items(task, 400), 4U);
}

}  // namespace
}  // namespace stint::core
