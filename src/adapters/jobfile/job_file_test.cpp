#include "adapters/jobfile/job_file.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace stint::adapters {
namespace {

using namespace std::chrono_literals;
using core::DisconnectPolicy;
using core::TaskSpec;

/// All problems of a file as people see them, a line each.
std::string problems_of(std::string_view yaml) {
  std::string text;
  for (const JobFileRemark& problem : parse_job_file(yaml).problems) text += (text.empty() ? "" : "\n") + show_remark("f", problem);
  return text;
}

core::JobSpec job_of(std::string_view yaml) {
  JobFile file = parse_job_file(yaml);
  EXPECT_EQ(file.problems.size(), 0U) << problems_of(yaml);
  return std::move(file.spec);
}
TaskSpec task_of(std::string_view yaml) {
  const core::JobSpec job = job_of(yaml);
  EXPECT_EQ(job.tasks.size(), 1U);
  return job.tasks.empty() ? TaskSpec() : job.tasks.front();
}

TEST(JobFile, ASingleTaskIsMain) {
  const core::JobSpec job = job_of("name: hello\nrun: python3 train.py --lr 0.1\nresources: {cpu: 4, memory: 8Gi, gpu: 1}\ntimeout: 2h\n");
  EXPECT_EQ(job.name, "hello");
  EXPECT_EQ(job.queue, "default");
  ASSERT_EQ(job.tasks.size(), 1U);
  TaskSpec expected;
  expected.name = "main";
  expected.command = {"sh", "-c", "python3 train.py --lr 0.1"};
  expected.resources = {4000, 8 * kGiB, 1, 0};
  expected.timeout = 2h;
  EXPECT_EQ(job.tasks[0], expected);
}

TEST(JobFile, CommandIsAListOfArguments) {
  EXPECT_EQ(task_of("command: [python3, -c, 'print(1, 2)', 3]").command, (std::vector<std::string>{"python3", "-c", "print(1, 2)", "3"}));
  EXPECT_EQ(task_of("command:\n  - x\n  - \"\"").command, (std::vector<std::string>{"x", ""}));
}

TEST(JobFile, ALineMayBeABlock) { EXPECT_EQ(task_of("run: |\n  set -e\n  make\n").command[2], "set -e\nmake\n"); }

TEST(JobFile, EverythingThatATaskCanSay) {
  const TaskSpec task = task_of(
      "run: x\ntype: labeler\ndriver: noop\nenv: {B: 8, A: true, C: }\nworkdir: sub\nresources: {cpu: 500m, storage: 10G}\narray: "
      "10-19:3%2\n"
      "retries: 3\ntimeout: 90s\nkill_grace: 1s\nlost_after: 3d\non_disconnect: replace\nlabels: {zone: b}\n");
  EXPECT_EQ(task.type, AgentType::labeller);
  EXPECT_EQ(task.driver, "noop");
  EXPECT_EQ(task.env, (std::vector<std::pair<std::string, std::string>>{{"A", "true"}, {"B", "8"}, {"C", ""}})) << "as written, sorted";
  EXPECT_EQ(task.workdir, "sub");
  EXPECT_EQ(task.resources, (Resources{500, 0, 0, 10'000'000'000}));
  EXPECT_TRUE(task.is_array);
  EXPECT_EQ(task.array_first, 10U);
  EXPECT_EQ(task.array_step, 3U);
  EXPECT_EQ(task.array_count, 4U);
  EXPECT_EQ(task.max_parallel, 2U);
  EXPECT_EQ(task.retries, 3U);
  EXPECT_EQ(task.timeout, Duration(90s));
  EXPECT_EQ(task.kill_grace, Duration(1s));
  EXPECT_EQ(task.lost_after, Duration(72h));
  EXPECT_EQ(task.on_disconnect, DisconnectPolicy::replace);
  EXPECT_EQ(task.labels, (std::vector<std::pair<std::string, std::string>>{{"zone", "b"}}));
}

TEST(JobFile, AJobHasQueuePriorityAndALimitOfFailures) {
  const core::JobSpec job = job_of("run: x\nqueue: night\npriority: -3\nmax_fails: 5");
  EXPECT_EQ(job.queue, "night");
  EXPECT_EQ(job.priority, -3);
  EXPECT_EQ(job.max_fails, 5U);
}

TEST(JobFile, NullIsAsIfNotThere) { EXPECT_EQ(task_of("run: x\nenv:\nneeds: ~\narray: null\nretries:").retries, 0U); }

TEST(JobFile, AnArrayOfHundredIsZeroToNinetyNine) {
  const TaskSpec task = task_of("run: x\narray: 100\nmax_parallel: 6");
  EXPECT_EQ(task.array_count, 100U);
  EXPECT_EQ(task.max_parallel, 6U);
}

TEST(JobFile, StopAfterIsAPolicyWithADuration) {
  const TaskSpec task = task_of("run: x\non_disconnect: {stop_after: 5m}");
  EXPECT_EQ(task.on_disconnect, DisconnectPolicy::stop_after);
  EXPECT_EQ(task.lost_after, Duration(5min));
}

TEST(JobFile, TasksComeAfterWhatTheyNeed) {
  const core::JobSpec job = job_of(
      "tasks:\n"
      "  rate: {run: r, needs: [train, prepare]}\n"
      "  train: {run: t, needs: prepare}\n"
      "  prepare: {run: p}\n");
  ASSERT_EQ(job.tasks.size(), 3U);
  EXPECT_EQ(job.tasks[0].name, "prepare");
  EXPECT_EQ(job.tasks[1].name, "train");
  EXPECT_EQ(job.tasks[2].name, "rate");
  EXPECT_EQ(job.tasks[1].needs, (std::vector<core::Need>{{0, core::NeedOn::success}}));
  EXPECT_EQ(job.tasks[2].needs, (std::vector<core::Need>{{0, core::NeedOn::success}, {1, core::NeedOn::success}}));
}

TEST(JobFile, TasksTakeOverEnvLabelsAndWorkdirOfTheFile) {
  const core::JobSpec job = job_of(
      "env: {A: 1, B: 1}\nlabels: {zone: a}\nworkdir: /data\n"
      "tasks:\n  x: {run: x, env: {B: 2}}\n  y: {run: y, workdir: /other, labels: {disk: ssd}}\n");
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(job.tasks[0].env, (Pairs{{"A", "1"}, {"B", "2"}}));
  EXPECT_EQ(job.tasks[0].workdir, "/data");
  EXPECT_EQ(job.tasks[1].workdir, "/other");
  EXPECT_EQ(job.tasks[1].labels, (Pairs{{"disk", "ssd"}, {"zone", "a"}}));
}

TEST(JobFile, WhatIsNotEnforcedIsNoted) {
  const JobFile file = parse_job_file("run: x\nnetwork: outbound\nisolation: none\n");
  EXPECT_TRUE(file.problems.empty());
  ASSERT_EQ(file.notes.size(), 1U) << "no isolation is what there is";
  EXPECT_EQ(show_remark("f", file.notes[0]), "f:2:10: network: the exec driver of this version does not enforce it");
}

TEST(JobFile, TheExampleInTheRepositoryIsValid) {
  std::ifstream stream(STINT_SOURCE_DIR "/examples/digits/job.yaml");
  ASSERT_TRUE(stream);
  std::ostringstream text;
  text << stream.rdbuf();
  EXPECT_EQ(problems_of(text.str()), "");
}

struct BrokenFile {
  const char* yaml;
  const char* problems;
};

class BrokenFiles : public testing::TestWithParam<BrokenFile> {};

TEST_P(BrokenFiles, HaveTheirProblemsNamedWithTheirPlaces) {
  EXPECT_EQ(problems_of(GetParam().yaml), GetParam().problems) << GetParam().yaml;
}

INSTANTIATE_TEST_SUITE_P(
    JobFile, BrokenFiles,
    testing::Values(
        BrokenFile{"", "f: the file is empty"}, BrokenFile{"# only a comment\n", "f: the file is empty"},
        BrokenFile{"- run: x\n", "f:1:1: job: expected a mapping, got a list"},
        BrokenFile{"just a word", "f:1:1: job: expected a mapping, got \"just a word\""},
        BrokenFile{"run: x\n---\nrun: y\n", "f:3:1: a job file holds one document; this one has 2"},
        BrokenFile{"run: [x\n", "f:2:1: end of sequence flow not found"},
        BrokenFile{"run: x\n\tname: y\n",
                   "f:2:1: illegal tab when looking for indentation; the line begins with a tab: YAML indents with spaces"},
        BrokenFile{"name: x\n", "f:1:1: job: has neither \"run\" nor \"command\""},
        BrokenFile{"run: x\nmemroy: 4Gi\n", "f:2:1: unknown key \"memroy\"; did you mean \"memory\" in \"resources\"?"},
        BrokenFile{"run: x\nretrys: 1\n", "f:2:1: unknown key \"retrys\"; did you mean \"retries\"?"},
        BrokenFile{"run: x\nresources:\n  memroy: 4Gi\n", "f:3:3: unknown key \"memroy\"; did you mean \"memory\"?"},
        BrokenFile{"run: x\nresources: {memory: 4GB}\n", "f:2:21: memory: expected bytes such as 4Gi, 512Mi or 4G, got \"4GB\""},
        BrokenFile{"run: x\nresources: {cpu: lots}\n", "f:2:18: cpu: expected cores such as 4, 0.5 or 500m, got \"lots\""},
        BrokenFile{"run: x\nresources: {gpu: 0.5}\n", "f:2:18: gpu: expected an integer from 0 to 4294967295, got \"0.5\""},
        BrokenFile{"run: x\nresources: 4\n", "f:2:12: resources: expected a mapping, got \"4\""},
        BrokenFile{"run: x\ntimeout: 90\n", "f:2:10: timeout: expected a duration such as 500ms, 90s, 15m, 2h or 3d, got \"90\""},
        BrokenFile{"run: x\narray: 9-0\n", "f:2:8: array: expected an array such as 0-99, 0-99:2, 0-99%10 or 100, got \"9-0\""},
        BrokenFile{"run: x\nretries: -1\n", "f:2:10: retries: expected an integer from 0 to 4294967295, got \"-1\""},
        BrokenFile{"run: x\nretries: [1]\n", "f:2:10: retries: expected a single value, got a list"},
        BrokenFile{"run: x\ntype: trianer\n",
                   "f:2:7: type: expected trainer, inferencer, crawler, labeller or rater, got \"trianer\"; did you mean \"trainer\"?"},
        BrokenFile{"run: x\ndriver: docker\n", "f:2:9: driver: expected exec, python, noop or human, got \"docker\""},
        BrokenFile{"run: x\ndriver: python\n",
                   "f:1:1: \"run\" is a shell line; driver python calls a function: command: [NAME, KEY=VALUE]"},
        BrokenFile{"driver: python\n", "f:1:1: job: driver python needs a \"command\": a function's name"},
        BrokenFile{"run: x\ndriver: vm\n", "f:2:9: driver: \"vm\" is not in this version"},
        BrokenFile{"run: x\nimage: python:3\n", "f:2:1: \"image\" is not in this version"},
        BrokenFile{"run: x\nenv: [A]\n", "f:2:6: env: expected a mapping, got a list"},
        BrokenFile{"run: x\nenv: {A: [1]}\n", "f:2:10: env.A: expected a single value, got a list"},
        BrokenFile{"run: x\nenv: {A: 1, A: 2}\n", "f:2:13: \"A\" is there twice"},
        BrokenFile{"run: x\nname: a\nname: b\n", "f:3:1: \"name\" is there twice"},
        BrokenFile{"run: x\ncommand: [y]\n",
                   "f:2:1: \"run\" and \"command\" exclude each other: run is a shell line, command a list of arguments"},
        BrokenFile{"command: python3 x.py\n", "f:1:10: command: expected a list, got \"python3 x.py\"\nf:1:10: command: is empty"},
        BrokenFile{"run: ' '\n", "f:1:6: run: is empty"},
        BrokenFile{"run: x\nneeds: y\n", "f:2:1: \"needs\" is for a file with \"tasks\": this one has a single task"},
        BrokenFile{"run: x\nmax_parallel: 3\n", "f:2:1: \"max_parallel\" is for an array, a matrix or each"},
        BrokenFile{"run: x\narray: 0-9%2\nmax_parallel: 3\n", "f:3:1: \"max_parallel\" and the % of the array exclude each other"},
        BrokenFile{"run: x\non_disconnect: wait\n",
                   "f:2:16: on_disconnect: expected keep, replace or {stop_after: DURATION}, got \"wait\""},
        BrokenFile{"run: x\non_disconnect: {stop_after: soon}\n",
                   "f:2:29: stop_after: expected a duration such as 500ms, 90s, 15m, 2h or 3d, got \"soon\""},
        BrokenFile{"run: x\nlost_after: 1m\non_disconnect: {stop_after: 5m}\n", "f:2:1: \"lost_after\" has no meaning with stop_after"},
        BrokenFile{"tasks: {}\n", "f:1:8: tasks: expected a mapping of names to tasks"},
        BrokenFile{"tasks: [a]\n", "f:1:8: tasks: expected a mapping of names to tasks"},
        BrokenFile{"tasks:\n  a: {run: x}\nrun: y\n", "f:3:1: \"run\" belongs to a task when there is \"tasks\""},
        BrokenFile{"tasks:\n  a:\n    run: x\n    queue: q\n", "f:4:5: \"queue\" belongs to the top of the file, not to a task"},
        BrokenFile{"tasks:\n  a:\n", "f:2:3: task \"a\" is empty"},
        BrokenFile{"tasks:\n  a: {}\n", "f:2:6: task \"a\": has neither \"run\" nor \"command\""},
        BrokenFile{"tasks:\n  a: {run: x}\n  a: {run: y}\n", "f:3:3: \"a\" is there twice"},
        BrokenFile{"tasks:\n  train: {run: x}\n  rate: {run: y, needs: trian}\n",
                   "f:3:25: needs: no task is named \"trian\"; did you mean \"train\"?"},
        BrokenFile{"tasks:\n  a: {run: x, needs: [b]}\n  b: {run: y, needs: [a]}\n", "f:2:3: tasks: needs go in a circle: a -> b -> a"},
        BrokenFile{"run: x\nretries: many\ntimeout: soon\nfoo: 1\n",
                   "f:2:10: retries: expected an integer from 0 to 4294967295, got \"many\"\n"
                   "f:3:10: timeout: expected a duration such as 500ms, 90s, 15m, 2h or 3d, got \"soon\"\n"
                   "f:4:1: unknown key \"foo\""}));

}  // namespace
}  // namespace stint::adapters
