#include "core/model/job_json.hpp"

#include <gtest/gtest.h>

#include "core/model/similar_word.hpp"
#include "core/model/task_order.hpp"

namespace stint::core {
namespace {

std::string problem_of(std::string_view text) {
  const auto spec = parse_job_json(text);
  return spec ? "no problem" : std::string(to_string(spec.error().code)) + ": " + spec.error().detail;
}

JobSpec full_spec() {
  TaskSpec prepare;
  prepare.name = "prepare";
  prepare.command = {"sh", "-c", "echo \"$X\"\n"};
  prepare.resources.cpu_millis = 1000;
  TaskSpec train;
  train.name = "train";
  train.type = AgentType::labeller;
  train.driver = "noop";
  train.command = {"true"};
  train.env = {{"A", "1"}, {"B", "ü=\t"}};
  train.workdir = "/data/x";
  train.submit_boot_id = "9f6c";
  train.workdir_inode = 1234567890123ULL;
  train.resources = {500, 4 * kGiB, 2, 7};
  train.is_array = true;
  train.array_first = 10;
  train.array_step = 2;
  train.array_count = 45;
  train.max_parallel = 3;
  train.needs = {{0, NeedOn::success}};
  train.retries = 2;
  train.timeout = std::chrono::milliseconds{1500};
  train.kill_grace = std::chrono::seconds{1};
  train.on_disconnect = DisconnectPolicy::stop_after;
  train.lost_after = std::chrono::minutes{5};
  train.labels = {{"zone", "b"}};
  train.constraints = {{"disk", ConstraintOp::in, {"ssd", "nvme"}}, {"speed", ConstraintOp::greater, {"5"}}};
  train.reschedules = 4;
  train.inputs.bytes[0] = 1;
  train.own_directory = true;
  train.checkpoint = true;
  train.outputs = {"model.npz", "plots/"};
  train.collect = CollectSpec{"model.npz", "all.npz"};
  TaskSpec sweep = prepare;
  sweep.name = "sweep";
  sweep.matrix = {{"lr", {"0.1", "0.01"}}, {"seed", {"1", "2", "3"}}};
  sweep.is_array = true;
  sweep.array_count = 6;
  sweep.max_parallel = 2;
  TaskSpec label = prepare;
  label.name = "label";
  label.driver = "human";
  label.command.clear();
  label.resources = {};
  label.form = R"({"choice":["cat","dog"]})";
  label.overlap = 2;
  label.due = std::chrono::hours{72};
  label.needs = {{1, NeedOn::always}, {2, NeedOn::failure}};
  label.each = EachSpec{{}, 0, ItemKind::lines, 0, 1, "items.jsonl"};
  label.is_array = true;
  label.array_count = 0;
  TaskSpec infer = prepare;
  infer.name = "infer";
  infer.each = EachSpec{{}, 401, ItemKind::files, 200, {}, ""};
  infer.each->items.bytes[31] = 7;
  infer.is_array = true;
  infer.array_count = 3;
  JobSpec spec;
  spec.name = "sweep";
  spec.queue = "night";
  spec.priority = -5;
  spec.max_fails = 3;
  spec.retry_of = JobId{7};
  spec.tasks = {prepare, train, sweep, label, infer};
  return spec;
}

TEST(JobJson, ASpecSurvivesTheRoundTrip) {
  const JobSpec spec = full_spec();
  const auto again = parse_job_json(to_json(spec));
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(*again, spec);
  EXPECT_EQ(to_json(*again), to_json(spec));
}

TEST(JobJson, WhatIsLeftOutHasTheDefault) {
  const auto spec = parse_job_json(R"({"tasks":[{"command":["true"]}]})");
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->queue, "default");
  TaskSpec expected;
  expected.name = "main";
  expected.command = {"true"};
  expected.resources.cpu_millis = 1000;
  EXPECT_EQ(spec->tasks, std::vector{expected});
}

TEST(JobJson, NullCountsAsLeftOut) {
  const auto spec = parse_job_json(R"({"tasks":[{"type":null,"array":null,"submit":null,"command":["true"]}]})");
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_FALSE(spec->tasks[0].type);
  EXPECT_FALSE(spec->tasks[0].is_array);
}

TEST(JobJson, AnArrayOfOneIsStillAnArray) {
  const auto spec = parse_job_json(R"({"tasks":[{"array":{"count":1}}]})");
  ASSERT_TRUE(spec);
  EXPECT_TRUE(spec->tasks[0].is_array);
}

TEST(JobJson, ProblemsNameThePathAndWhatWasExpected) {
  EXPECT_EQ(problem_of("{"), "invalid_argument: job: not JSON: incomplete JSON");
  EXPECT_EQ(problem_of("[]"), "invalid_argument: job: expected an object, got []");
  EXPECT_EQ(problem_of(R"({"nmae":"x"})"), "invalid_argument: nmae: unknown key; did you mean \"name\"?");
  EXPECT_EQ(problem_of(R"({"priority":"high"})"),
            "invalid_argument: priority: expected an integer from -2147483648 to 2147483647, got \"high\"");
  EXPECT_EQ(problem_of(R"({"tasks":{}})"), "invalid_argument: tasks: expected a list, got {}");
  EXPECT_EQ(problem_of(R"({"tasks":[{"resources":{"cpu_milis":1}}]})"),
            "invalid_argument: tasks[0].resources.cpu_milis: unknown key; did you mean \"cpu_millis\"?");
  EXPECT_EQ(problem_of(R"({"tasks":[{},{"command":["a",1]}]})"), "invalid_argument: tasks[1].command[1]: expected a string, got 1");
  EXPECT_EQ(problem_of(R"({"tasks":[{"retries":-1}]})"),
            "invalid_argument: tasks[0].retries: expected an integer from 0 to 4294967295, got -1");
  EXPECT_EQ(problem_of(R"({"tasks":[{"timeout_ms":1.5}]})"),
            "invalid_argument: tasks[0].timeout_ms: expected an integer from 0 to 9223372036854, got 1.5E0");
  EXPECT_EQ(problem_of(R"({"tasks":[{"type":"trainr"}]})"),
            "invalid_argument: tasks[0].type: expected trainer, inferencer, crawler, labeller or rater, got \"trainr\"");
  EXPECT_EQ(problem_of(R"({"tasks":[{"on_disconnect":7}]})"),
            "invalid_argument: tasks[0].on_disconnect: expected keep, stop_after or replace, got 7");
  EXPECT_EQ(problem_of(R"({"tasks":[{"env":{"A":1}}]})"), "invalid_argument: tasks[0].env.A: expected a string, got 1");
}

TEST(JobJson, NeedsMayPointForwardAndAreOrdered) {
  const auto spec =
      parse_job_json(R"({"tasks":[{"name":"c","needs":["b","a","b"]},{"name":"b","needs":["a"]},{"name":"z"},{"name":"a"}]})");
  ASSERT_TRUE(spec) << spec.error().detail;
  std::vector<std::string> names;
  for (const TaskSpec& task : spec->tasks) names.push_back(task.name);
  EXPECT_EQ(names, (std::vector<std::string>{"z", "a", "b", "c"}));
  EXPECT_EQ(spec->tasks[3].needs, (std::vector<Need>{{1, NeedOn::success}, {2, NeedOn::success}}));
}

TEST(JobJson, NeedsThatCannotBeMetAreNamed) {
  EXPECT_EQ(problem_of(R"({"tasks":[{"name":"train"},{"name":"rate","needs":["trian"]}]})"),
            "invalid_argument: tasks.rate.needs: no task is named \"trian\"; did you mean \"train\"?");
  EXPECT_EQ(problem_of(R"({"tasks":[{"name":"x"},{"name":"a","needs":["x","c"]},{"name":"b","needs":["a"]},{"name":"c","needs":["b"]}]})"),
            "invalid_argument: tasks: needs go in a circle: a -> c -> b -> a");
  EXPECT_EQ(problem_of(R"({"tasks":[{"name":"a","needs":["a"]}]})"), "invalid_argument: tasks: needs go in a circle: a -> a");
  EXPECT_EQ(problem_of(R"({"tasks":[{"name":"a"},{"name":"a"}]})"),
            "invalid_argument: tasks: two are named \"a\"; names are unique in a job");
}

TEST(SimilarWord, FindsTheNearestAndOnlyANearOne) {
  constexpr std::string_view kKnown[] = {"name", "needs", "memory", "gpu"};
  EXPECT_EQ(find_similar_word("memroy", kKnown), "memory");
  EXPECT_EQ(find_similar_word("need", kKnown), "needs");
  EXPECT_EQ(find_similar_word("gpus", kKnown), "gpu");
  EXPECT_EQ(find_similar_word("storage", kKnown), std::nullopt);
  EXPECT_EQ(find_similar_word(std::string(1000, 'n'), kKnown), std::nullopt);
  EXPECT_EQ(suggestion("xyz", kKnown), "");
}

}  // namespace
}  // namespace stint::core
