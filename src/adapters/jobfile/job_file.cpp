#include "adapters/jobfile/job_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "adapters/jobfile/written_task.hpp"
#include "base/utf8.hpp"
#include "core/model/similar_word.hpp"

namespace stint::adapters {
namespace {

using core::TaskSpec;

std::vector<std::string_view> names_of(const std::vector<WrittenTask>& tasks) {
  std::vector<std::string_view> names;
  for (const WrittenTask& task : tasks) names.push_back(task.spec.name);
  return names;
}

void check_name(const std::vector<std::string_view>& names, const std::string& name, Place place, const std::string& key,
                Remarks& problems) {
  if (std::find(names.begin(), names.end(), name) == names.end())
    add_remark(problems, place, key + ": no task is named \"" + name + "\"" + core::suggestion(name, names));
}

void check_references(const std::vector<WrittenTask>& tasks, Remarks& problems) {
  const auto names = names_of(tasks);
  for (const WrittenTask& task : tasks) {
    for (const auto& [need, place] : task.needs) check_name(names, need.name, place, "needs", problems);
    if (!task.items_from) continue;
    const auto& [from, place] = *task.items_from;
    check_name(names, from, place, "from", problems);
    const auto source =
        std::find_if(tasks.begin(), tasks.end(), [&name = from](const WrittenTask& other) { return other.spec.name == name; });
    if (source == tasks.end()) continue;
    const TaskSpec& spec = source->spec;
    const std::string& file = task.spec.each->file;
    const bool is_left =
        std::find(spec.outputs.begin(), spec.outputs.end(), file) != spec.outputs.end() || (spec.collect && spec.collect->into == file);
    // A folder or a pattern may hold it too; only the run shows.
    const bool may_be = std::any_of(spec.outputs.begin(), spec.outputs.end(), [](const std::string& output) {
      return output.find_first_of("*?[") != std::string::npos || output.ends_with('/');
    });
    if (is_left || may_be || file.find('/') != std::string::npos || file.empty()) continue;
    const std::vector<std::string_view> outputs(spec.outputs.begin(), spec.outputs.end());
    std::string remedy = core::suggestion(file, outputs);
    if (remedy.empty()) remedy = "; add it to the outputs of " + from;
    add_remark(problems, place, "each: \"" + file + "\" is no output of \"" + from + "\"" + remedy);
  }
}

/// The tasks in an order in which each comes after what it needs; sources follow them.
void link(std::vector<WrittenTask> tasks, Place place, JobFile& file) {
  std::vector<core::WrittenRefs> refs;
  for (WrittenTask& task : tasks) {
    core::WrittenRefs& ref = refs.emplace_back();
    for (const auto& [need, where] : task.needs) ref.needs.push_back(need);
    if (task.items_from) ref.items_from = task.items_from->first;
    file.spec.tasks.push_back(task.spec);
  }
  if (const auto linked = core::link_needs(file.spec.tasks, refs); !linked) {
    add_remark(file.problems, place, linked.error().detail);
    return;
  }
  for (const TaskSpec& spec : file.spec.tasks) {
    const auto task = std::find_if(tasks.begin(), tasks.end(), [&](const WrittenTask& other) { return other.spec.name == spec.name; });
    file.sources.push_back(std::move(task->sources));
  }
}

/// Words of find_problem that are not the key they are about, and keys that may have been meant.
constexpr std::pair<std::string_view, std::string_view> kKeysOfWords[] = {{"array", "array"},
                                                                          {"array", "matrix"},
                                                                          {"array", "each"},
                                                                          {"command", "run"},
                                                                          {"cpu_millis", "resources"},
                                                                          {"memory_bytes", "resources"},
                                                                          {"storage_bytes", "resources"},
                                                                          {"gpu", "resources"},
                                                                          {"timeout_ms", "timeout"},
                                                                          {"kill_grace_ms", "kill_grace"},
                                                                          {"lost_after_ms", "lost_after"},
                                                                          {"output", "outputs"},
                                                                          {"label", "labels"}};

/// Where the value stands that find_problem's words begin with: `retries is 2000; …`, `each.batch is 0`.
Place place_of_problem(std::string_view problem, const WrittenTask& task) {
  const std::string_view word = problem.substr(0, problem.find_first_of(" .:"));
  if (const auto found = task.values.find(word); found != task.values.end()) return found->second;
  for (const auto& [said, key] : kKeysOfWords)
    if (const auto found = task.values.find(key); said == word && found != task.values.end()) return found->second;
  return task.place;
}

/// The same for what is said of the whole job: `queue is …`, `the job's name …`.
Place place_of_problem(std::string_view problem, const YamlMap& top) {
  const std::string_view word = problem.starts_with("the job's name") ? "name" : problem.substr(0, problem.find(' '));
  for (const YamlMap::Entry& entry : top.entries())
    if (entry.key == word) return place_of(entry.value.Mark());
  return {};
}

/// A task by itself, with something valid where digests, directories and other tasks are known only later.
core::JobSpec alone(const TaskSpec& task) {
  core::JobSpec spec;
  TaskSpec& only = spec.tasks.emplace_back(task);
  only.needs.clear();
  if (!only.workdir.starts_with('/')) only.workdir.insert(0, "/");
  if (!only.each) return spec;
  only.each->from.reset();
  only.each->count = std::max<std::uint64_t>(only.each->count, 1);
  only.array_count = static_cast<std::uint32_t>(core::tasks_for_items(only, only.each->count));
  return spec;
}

/// What is left to ask of a file without problems of its own: limits, and what only the whole job shows.
void check_limits(const YamlMap& top, const std::vector<WrittenTask>& tasks, JobFile& file) {
  core::JobSpec whole = file.spec;
  for (TaskSpec& task : whole.tasks) {
    core::JobSpec spec = alone(task);
    if (const auto problem = core::find_problem(spec)) {
      const auto written = std::find_if(tasks.begin(), tasks.end(), [&](const WrittenTask& other) { return other.spec.name == task.name; });
      const std::string start = "task " + task.name + ": ";
      const std::string rest = problem->starts_with(start) ? problem->substr(start.size()) : *problem;
      add_remark(file.problems, problem->starts_with(start) ? place_of_problem(rest, *written) : written->place, rest);
    }
    auto needs = std::move(task.needs);
    const auto from = task.each ? task.each->from : std::nullopt;
    task = std::move(spec.tasks.front());
    task.needs = std::move(needs);
    if (task.each) task.each->from = from;
  }
  if (!file.problems.empty()) return;
  if (const auto problem = core::find_problem(whole)) add_remark(file.problems, place_of_problem(*problem, top), *problem);
}

std::vector<WrittenTask> read_tasks(YamlMap& top, const YAML::Node& node, Reading& reading) {
  for (const std::string_view key : keys::kTask) {
    if (top.has(key)) top.problem_at_key(key, "\"" + std::string(key) + "\" belongs to a task when there is \"tasks\"");
    static_cast<void>(top.find(key));
  }
  const Defaults defaults{top.pairs("env"), top.pairs("labels"), top.text("workdir").value_or("")};
  std::vector<WrittenTask> tasks;
  if (!node.IsMap() || node.size() == 0) {
    top.problem_at("tasks", "expected a mapping of names to tasks");
    return tasks;
  }
  const YamlMap names(node, "tasks", reading.problems);
  for (const YamlMap::Entry& entry : names.entries()) {
    if (entry.value.IsNull()) {  // an empty value has its mark on the line after it
      add_remark(reading.problems, entry.mark, "task \"" + entry.key + "\" is empty");
      continue;
    }
    YamlMap map(entry.value, "task \"" + entry.key + "\"", keys::words(keys::kShared, keys::kTask, keys::kJob), reading.problems);
    WrittenTask& task = tasks.emplace_back(read_task(map, defaults, reading));
    for (const std::string_view key : keys::kJob)
      if (map.find(key)) map.problem_at_key(key, "\"" + std::string(key) + "\" belongs to the top of the file, not to a task");
    map.finish();
    task.spec.name = entry.key;
    task.place = place_of(entry.mark);
  }
  return tasks;
}

WrittenTask read_single(YamlMap& top, Reading& reading) {
  WrittenTask task = read_task(top, {}, reading);
  task.spec.name = "main";
  if (!task.needs.empty()) top.problem_at_key("needs", "\"needs\" is for a file with \"tasks\": this one has a single task");
  if (task.items_from) top.problem_at("each", "\"from\" names another task: write them under \"tasks\"");
  task.needs.clear();
  task.items_from.reset();
  return task;
}

void note_unused(const Parameters& parameters, const Expressions& expressions, const YAML::Node& node, Remarks& notes) {
  for (const auto& [name, value] : parameters)
    if (!expressions.is_used(name))
      add_remark(notes, node.Mark(), "parameter \"" + name + "\" is used nowhere; ${{ params." + name + " }} is its value");
}

void read_job(std::string_view source, const YAML::Node& document, const Parameters& given, JobFile& file) {
  YamlMap top(document, "job", keys::words(keys::kJob, keys::kShared, keys::kTask), file.problems);
  if (!document.IsMap()) return;
  const Parameters parameters = read_parameters(top, given, file.problems);
  Expressions expressions(source, parameters, file.problems);
  expressions.replace_parameters(document);
  Reading reading{expressions, file.problems, file.notes};
  file.spec.name = top.text("name").value_or("");
  file.spec.queue = top.text("queue").value_or("default");
  if (const auto priority = top.integer("priority", std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()))
    file.spec.priority = static_cast<std::int32_t>(*priority);
  file.spec.max_fails = top.count("max_fails", 0).value_or(0);
  const auto node = top.find("tasks");
  std::vector<WrittenTask> tasks;
  if (node)
    tasks = read_tasks(top, *node, reading);
  else
    tasks.push_back(read_single(top, reading));
  top.finish();
  expressions.report_rest();
  if (document["parameters"]) note_unused(parameters, expressions, document["parameters"], file.notes);
  check_references(tasks, file.problems);
  if (file.problems.empty()) link(tasks, node ? place_of(node->Mark()) : Place{}, file);
  if (file.problems.empty()) check_limits(top, tasks, file);
}

std::string_view line_of(std::string_view source, int wanted) {
  std::size_t start = 0;
  for (int line = 0; line < wanted && start != std::string_view::npos; ++line) start = source.find('\n', start + (line == 0 ? 0 : 1));
  const std::string_view rest = start == std::string_view::npos ? std::string_view() : source.substr(start > 0 ? start + 1 : 0);
  return rest.substr(0, rest.find('\n'));
}

/// The parser's own words, with what people mostly meant.
std::string explain_syntax(std::string_view source, const YAML::Exception& exception) {
  const std::string_view line = line_of(source, exception.mark.line);
  if (line.find("${{") != std::string_view::npos) return exception.msg + "; inside [ ] and { } a value with ${{ … }} stands in quotes";
  if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos)
    return exception.msg + "; the line begins with a tab: YAML indents with spaces";
  return exception.msg;
}

JobFileRemark not_utf8(std::string_view before) {
  const auto line = std::count(before.begin(), before.end(), '\n');
  const std::size_t column = before.size() - (line == 0 ? 0 : before.rfind('\n') + 1);
  return {static_cast<int>(line) + 1, static_cast<int>(column) + 1, "a byte that is no UTF-8; save the file as UTF-8"};
}

}  // namespace

JobFile parse_job_file(std::string_view yaml, const Parameters& parameters) {
  JobFile file;
  if (const std::size_t end = utf8_end(yaml); end < yaml.size()) {
    file.problems.push_back(not_utf8(yaml.substr(0, end)));
    return file;
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.empty() || documents.front().IsNull())
      file.problems.push_back({0, 0, "the file is empty"});
    else if (documents.size() > 1)
      add_remark(file.problems, documents[1].Mark(), "a job file holds one document; this one has " + std::to_string(documents.size()));
    else
      read_job(yaml, documents.front(), parameters, file);
  } catch (const YAML::Exception& exception) {
    add_remark(file.problems, exception.mark, explain_syntax(yaml, exception));
  }
  const auto by_place = [](const JobFileRemark& a, const JobFileRemark& b) {
    return std::tie(a.line, a.column, a.text) < std::tie(b.line, b.column, b.text);
  };
  for (Remarks* remarks : {&file.problems, &file.notes}) {
    std::sort(remarks->begin(), remarks->end(), by_place);
    remarks->erase(std::unique(remarks->begin(), remarks->end()), remarks->end());  // an alias is read in several places
  }
  return file;
}

std::string show_remark(std::string_view file, const JobFileRemark& remark) {
  std::string text(file);
  if (remark.line > 0) text += ":" + std::to_string(remark.line) + ":" + std::to_string(remark.column);
  return text + ": " + remark.text;
}

}  // namespace stint::adapters
