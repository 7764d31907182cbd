#include <gtest/gtest.h>

#include "adapters/jobfile/job_file.hpp"
#include "adapters/jobfile/yaml_json.hpp"

/// What the words of a job file come to mean. How wrong ones are answered: tests/jobfiles/broken.txt.
namespace stint::adapters {
namespace {

using core::NeedOn;
using core::TaskSpec;
using Texts = std::vector<std::string>;

JobFile read(std::string_view yaml, const Parameters& parameters = {}) {
  JobFile file = parse_job_file(yaml, parameters);
  for (const auto& problem : file.problems) ADD_FAILURE() << show_remark("f", problem) << "\n" << yaml;
  return file;
}
TaskSpec task_of(std::string_view yaml, const Parameters& parameters = {}) {
  const JobFile file = read(yaml, parameters);
  return file.spec.tasks.empty() ? TaskSpec() : file.spec.tasks.back();
}
std::string problems_of(std::string_view yaml, const Parameters& parameters = {}) {
  std::string text;
  for (const auto& problem : parse_job_file(yaml, parameters).problems) text += (text.empty() ? "" : "\n") + show_remark("f", problem);
  return text;
}

TEST(Language, AMatrixHasItsValuesAsTheyAreWritten) {
  const TaskSpec task =
      task_of("matrix: {lr: [0.10, 1e-3], on: [true, 'x y', 03]}\nrun: t ${{matrix.lr}} ${{ matrix.on }}\nmax_parallel: 2\n");
  ASSERT_EQ(task.matrix.size(), 2U);
  EXPECT_EQ(task.matrix[0], (core::MatrixAxis{"lr", {"0.10", "1e-3"}}));
  EXPECT_EQ(task.matrix[1], (core::MatrixAxis{"on", {"true", "x y", "03"}}));
  EXPECT_EQ(task.array_count, 6U);
  EXPECT_TRUE(task.is_array);
  EXPECT_EQ(task.max_parallel, 2U);
  EXPECT_EQ(task.command[2], "t ${{ matrix.lr }} ${{ matrix.on }}") << "one spelling, replaced where it runs";
}

TEST(Language, ItemsMayBeAListOfTextsOrMappings) {
  const JobFile file = read("each: [a, 'b c', {url: http://x, n: 3, s: '3'}]\ncommand: [get, '${{ item.url }}']\n");
  EXPECT_EQ(file.sources[0].items.items, (Texts{"a", "b c", R"({"url":"http://x","n":3,"s":"3"})"}));
  EXPECT_EQ(file.spec.tasks[0].each->count, 3U);
  EXPECT_EQ(file.spec.tasks[0].array_count, 3U);
}

TEST(Language, ItemsMayBeFilesOrLines) {
  const JobFile glob = read("each: {glob: 'images/**/*.jpg', batch: 200}\nrun: x\n");
  EXPECT_EQ(glob.sources[0].items.kind, ItemSource::Kind::glob);
  EXPECT_EQ(glob.sources[0].items.path, "images/**/*.jpg");
  EXPECT_EQ(glob.spec.tasks[0].each->batch, 200U);
  EXPECT_TRUE(glob.spec.tasks[0].is_array);
  const JobFile lines = read("each: {file: items.txt}\nrun: x\n");
  EXPECT_EQ(lines.sources[0].items.kind, ItemSource::Kind::file);
  EXPECT_EQ(lines.sources[0].items.path, "items.txt");
}

TEST(Language, ItemsOfAnEarlierTaskAreANeed) {
  const JobFile file =
      read("tasks:\n  fetch: {run: x, each: {from: crawl, file: items.jsonl, batch: 5}}\n  crawl: {run: y, outputs: items.jsonl}\n");
  ASSERT_EQ(file.spec.tasks.size(), 2U);
  const TaskSpec& fetch = file.spec.tasks[1];
  EXPECT_EQ(fetch.name, "fetch");
  EXPECT_EQ(fetch.each->from, 0U);
  EXPECT_EQ(fetch.each->file, "items.jsonl");
  EXPECT_EQ(fetch.array_count, 0U) << "sized later";
  EXPECT_EQ(fetch.needs, (std::vector<core::Need>{{0, NeedOn::success}}));
}

TEST(Language, NeedsHaveConditions) {
  const JobFile file = read(
      "tasks:\n  a: {run: x}\n  b: {run: y}\n  c: {run: z, needs: [a, {task: b, on: failure}]}\n  d: {run: w, needs: {task: c, on: "
      "always}}\n");
  EXPECT_EQ(file.spec.tasks[2].needs, (std::vector<core::Need>{{0, NeedOn::success}, {1, NeedOn::failure}}));
  EXPECT_EQ(file.spec.tasks[3].needs, (std::vector<core::Need>{{2, NeedOn::always}}));
}

TEST(Language, InputsStayAsTheyAreWrittenUntilSomebodyLooks) {
  const JobFile file =
      read("run: x\ninputs:\n  - ./train.py\n  - data/\n  - 'src/**/*.py'\n  - {from_job: 12, task: main.3, path: out/model.npz}\n");
  const TaskSources& sources = file.sources[0];
  ASSERT_EQ(sources.inputs.size(), 3U);
  EXPECT_EQ(sources.inputs[0].pattern, "train.py");
  EXPECT_EQ(sources.inputs[1].pattern, "data/");
  EXPECT_EQ(sources.inputs[2].place, (Place{5, 5}));
  ASSERT_EQ(sources.from_jobs.size(), 1U);
  EXPECT_EQ(sources.from_jobs[0].job, "12");
  EXPECT_EQ(sources.from_jobs[0].task, "main.3");
  EXPECT_EQ(sources.from_jobs[0].path, "out/model.npz");
  EXPECT_TRUE(file.spec.tasks[0].own_directory);
}

TEST(Language, SourcesFollowTheirTasks) {
  const JobFile file = read("tasks:\n  b: {run: x, needs: a, inputs: b.py}\n  a: {run: y, inputs: a.py}\n");
  EXPECT_EQ(file.spec.tasks[0].name, "a");
  EXPECT_EQ(file.sources[0].inputs[0].pattern, "a.py");
  EXPECT_EQ(file.sources[1].inputs[0].pattern, "b.py");
}

TEST(Language, FilesTimesAndLimits) {
  const TaskSpec task = task_of(
      "run: x\narray: 10-19:3%2\noutputs: [./a.txt, plots/, '*.csv']\ncollect: {file: a.txt, into: all.txt}\nretries: 2\nreschedules: 4\n"
      "checkpoint: true\nconstraints: [zone != b, 'speed >= 5']\n");
  EXPECT_EQ(task.outputs, (Texts{"a.txt", "plots/", "*.csv"}));
  EXPECT_EQ(task.collect, (core::CollectSpec{"a.txt", "all.txt"}));
  EXPECT_EQ(task.reschedules, 4U);
  EXPECT_TRUE(task.checkpoint);
  ASSERT_EQ(task.constraints.size(), 2U);
  EXPECT_EQ(to_string(task.constraints[1]), "speed >= 5");
  EXPECT_EQ(task_of("run: x\n").reschedules, std::nullopt) << "losses have no limit unless one is set";
}

TEST(Language, PeopleHaveAFormAndNoCores) {
  const TaskSpec task = task_of(
      "tasks:\n  label:\n    driver: human\n    each: [a, b, c]\n    form: {image: $item.url, choice: [cat, dog], n: 2, 'yes': 'no'}\n    "
      "overlap: 2\n    due: 3d\n");
  EXPECT_EQ(task.form, R"({"image":"$item.url","choice":["cat","dog"],"n":2,"yes":"no"})");
  EXPECT_EQ(task.overlap, 2U);
  EXPECT_EQ(task.array_count, 6U) << "each item by two people";
  EXPECT_EQ(task.due, Duration(std::chrono::hours{72}));
  EXPECT_EQ(task.resources.cpu_millis, 0);
}

TEST(Language, ParametersAreReplacedInEveryScalar) {
  const char* yaml =
      "parameters: {lr: 0.1, n: 3, where: east}\nname: run-${{ params.n }}\nlabels: {zone: '${{ params.where }}'}\nretries: ${{ params.n "
      "}}\n"
      "run: t --lr ${{params.lr}} --n ${{ params.n }}\n";
  const JobFile file = read(yaml);
  EXPECT_EQ(file.spec.name, "run-3");
  EXPECT_EQ(file.spec.tasks[0].retries, 3U);
  EXPECT_EQ(file.spec.tasks[0].labels[0].second, "east");
  EXPECT_EQ(file.spec.tasks[0].command[2], "t --lr 0.1 --n 3");
  EXPECT_TRUE(file.notes.empty());
  EXPECT_EQ(task_of(yaml, {{"lr", "1"}, {"lr", "0.5"}}).command[2], "t --lr 0.5 --n 3") << "the last of several is meant";
}

TEST(Language, AParameterThatTheFileLacksIsAProblem) {
  EXPECT_EQ(problems_of("parameters: {lr: 1}\nrun: x ${{ params.lr }}\n", {{"lrr", "2"}}),
            "f: -p lrr: the file has no parameter of that name; did you mean \"lr\"?");
  EXPECT_EQ(problems_of("run: x\n", {{"lr", "2"}}), "f: -p lr: the file has no parameter of that name; it has no parameters");
}

TEST(Language, AParametersValueIsNoExpression) {
  EXPECT_EQ(problems_of("parameters: {a: x}\neach: [q]\nrun: x ${{ params.a }}\n", {{"a", "${{ item }}"}}),
            "f:1:17: parameters.a: a value holds no \"${{\"");
}

TEST(Language, AnUnusedParameterIsNoted) {
  const JobFile file = read("parameters: {a: x}\nrun: x\n");
  ASSERT_EQ(file.notes.size(), 1U);
  EXPECT_EQ(file.notes[0].text, "parameter \"a\" is used nowhere; ${{ params.a }} is its value");
}

TEST(Language, AnAliasIsCheckedWhereItStands) {
  EXPECT_EQ(problems_of("tasks:\n  a: {run: x, matrix: {s: [1]}, env: &e {S: '${{ matrix.s }}'}}\n  b: {run: y, env: *e}\n"),
            "f:2:46: ${{ matrix.s }}: there is no matrix; add matrix: {s: [VALUE, …]}");
}

TEST(Language, BytesThatAreNoUtf8AreNamed) {
  EXPECT_EQ(problems_of("name: x\nrun: \"a\xFF\"\n"), "f:2:8: a byte that is no UTF-8; save the file as UTF-8");
  EXPECT_EQ(problems_of("parameters: {a: b}\nrun: x ${{ params.a }}\n", {{"a", "\xFF"}}), "f:1:17: parameters.a: the value is no UTF-8");
}

TEST(Language, AFileThatNamesItselfHasAnEnd) {
  EXPECT_NE(problems_of("run: x\nform: &a [*a]\n"), "");
  std::string bomb = "run: x\nenv:\n  A: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "  B" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 8; ++j) bomb += ", " + last;
    bomb += "]\n";
  }
  EXPECT_NE(problems_of(bomb).find("more than 1000000 values"), std::string::npos);
}

TEST(YamlOfJson, ReadsBackAsTheSame) {
  const char* text = R"({"a":"x y","b":"0.1","c":"true","d":[1,"2",null],"e":{"f":"","g":[{"h":"i: j"},["k"]]},)"
                     R"("l":"two\nlines\n","m":{},"n":[],"-":"- x"})";
  const std::string yaml = to_yaml(text);
  std::vector<JobFileRemark> problems;
  EXPECT_EQ(to_json_text(YAML::Load(yaml), problems), text) << yaml;
  EXPECT_TRUE(problems.empty());
}

}  // namespace
}  // namespace stint::adapters
