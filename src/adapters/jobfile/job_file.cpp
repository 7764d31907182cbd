#include "adapters/jobfile/job_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "adapters/jobfile/yaml_map.hpp"
#include "core/model/quantity.hpp"
#include "core/model/similar_word.hpp"
#include "core/model/task_order.hpp"

namespace stint::adapters {
namespace {

using core::DisconnectPolicy;
using core::JobSpec;
using core::TaskSpec;

/// Keys of the language's later versions: they deserve a better answer than "unknown key".
const std::vector<std::string_view> kLaterKeys{"matrix", "inputs", "outputs", "each", "form",    "collect",     "overlap", "due",
                                               "batch",  "image",  "gold",    "hold", "publish", "checkpoints", "verify",  "gang"};
const std::vector<std::string_view> kLaterDrivers{"container", "vm", "human"};
/// Of one task; with `tasks:` they belong there and not to the top of the file.
const std::vector<std::string_view> kTaskOnlyKeys{"run",        "command",      "type",          "driver",  "resources",
                                                  "array",      "max_parallel", "needs",         "retries", "timeout",
                                                  "kill_grace", "lost_after",   "on_disconnect", "network", "isolation"};

constexpr std::int64_t kCountMax = std::numeric_limits<std::uint32_t>::max();

/// What tasks take over from the top of the file.
struct Defaults {
  Pairs env;
  Pairs labels;
  std::string workdir;
};

/// A need as written, for the check that comes when all names are known.
struct WrittenNeeds {
  std::vector<std::pair<std::string, YAML::Mark>> names;
};

/// `stronger` wins where both have a name.
Pairs merge(const Pairs& weaker, Pairs stronger) {
  for (const auto& pair : weaker) {
    const bool is_there = std::any_of(stronger.begin(), stronger.end(), [&](const auto& other) { return other.first == pair.first; });
    if (!is_there) stronger.push_back(pair);
  }
  std::sort(stronger.begin(), stronger.end());
  return stronger;
}

std::vector<std::string> read_command(YamlMap& map) {
  const auto line = map.text("run");
  const auto arguments = map.texts("command", false);
  if (line && map.has("command")) {
    map.problem_at_key("command", "\"run\" and \"command\" exclude each other: run is a shell line, command a list of arguments");
    return {};
  }
  if (line) {
    if (line->find_first_not_of(" \t\n") == std::string::npos) map.problem_at("run", "is empty");
    return {"sh", "-c", *line};
  }
  std::vector<std::string> command;
  for (const auto& [argument, mark] : arguments) command.push_back(argument);
  if (map.has("command") && command.empty()) map.problem_at("command", "is empty");
  return command;
}

void read_resources(YamlMap& map, Remarks& problems, TaskSpec& task) {
  task.resources.cpu_millis = 1000;
  const auto node = map.find("resources");
  if (!node) return;
  YamlMap resources(*node, "resources", problems);
  if (const auto cpu = resources.parsed("cpu", core::parse_cpu)) task.resources.cpu_millis = *cpu;
  if (const auto memory = resources.parsed("memory", core::parse_bytes)) task.resources.memory_bytes = *memory;
  if (const auto gpu = resources.integer("gpu", 0, kCountMax)) task.resources.gpus = *gpu;
  if (const auto storage = resources.parsed("storage", core::parse_bytes)) task.resources.storage_bytes = *storage;
  resources.finish(kLaterKeys);
}

void read_array(YamlMap& map, TaskSpec& task) {
  if (const auto range = map.parsed("array", core::parse_array)) core::set_array(task, *range);
  const auto max_parallel = map.integer("max_parallel", 1, kCountMax);
  if (!max_parallel) return;
  if (!task.is_array) map.problem_at_key("max_parallel", "\"max_parallel\" is for an array");
  if (task.max_parallel != 0) map.problem_at_key("max_parallel", "\"max_parallel\" and the % of the array exclude each other");
  task.max_parallel = static_cast<std::uint32_t>(*max_parallel);
}

void read_type(YamlMap& map, TaskSpec& task) {
  const auto word = map.text("type");
  if (!word) return;
  static constexpr std::string_view kTypes[] = {"trainer", "inferencer", "crawler", "labeller", "rater"};
  task.type = parse_agent_type(*word);
  if (!task.type)
    map.problem_at("type",
                   "expected trainer, inferencer, crawler, labeller or rater, got \"" + *word + "\"" + core::suggestion(*word, kTypes));
}

void read_driver(YamlMap& map, TaskSpec& task) {
  const auto word = map.text("driver");
  if (!word) return;
  static constexpr std::string_view kDrivers[] = {"exec", "noop"};
  task.driver = *word;
  const bool is_later = std::find(kLaterDrivers.begin(), kLaterDrivers.end(), *word) != kLaterDrivers.end();
  if (is_later)
    map.problem_at("driver", "\"" + *word + "\" is not in this version");
  else if (*word != "exec" && *word != "noop")
    map.problem_at("driver", "expected exec or noop, got \"" + *word + "\"" + core::suggestion(*word, kDrivers));
}

/// `keep`, `replace`, or `{stop_after: 5m}`.
void read_policy(YamlMap& map, Remarks& problems, TaskSpec& task) {
  const auto node = map.find("on_disconnect");
  if (!node) return;
  if (node->IsMap()) {
    YamlMap policy(*node, "on_disconnect", problems);
    const auto after = policy.parsed("stop_after", core::parse_duration);
    if (after && map.has("lost_after")) map.problem_at_key("lost_after", "\"lost_after\" has no meaning with stop_after");
    task.on_disconnect = DisconnectPolicy::stop_after;
    task.lost_after = after.value_or(task.lost_after);
    if (!policy.has("stop_after")) map.problem_at("on_disconnect", "expected stop_after with a duration");
    policy.finish({});
    return;
  }
  const std::string word = node->IsScalar() ? node->Scalar() : "";
  if (word == "replace")
    task.on_disconnect = DisconnectPolicy::replace;
  else if (word != "keep")
    map.problem_at("on_disconnect", "expected keep, replace or {stop_after: DURATION}, got \"" + word + "\"");
}

/// Accepted from the start so that files need not change; nothing enforces them yet, and the user must know.
void read_unenforced(YamlMap& map, Remarks& notes) {
  for (const std::string_view key : {"network", "isolation"}) {
    const auto node = map.find(key);
    const bool asks_for_nothing = !node || (node->IsScalar() && node->Scalar() == "none" && key == "isolation");
    if (!asks_for_nothing) add_remark(notes, node->Mark(), std::string(key) + ": the exec driver of this version does not enforce it");
  }
}

TaskSpec read_task(YamlMap& map, const Defaults& defaults, JobFile& file, WrittenNeeds& needs) {
  TaskSpec task;
  task.command = read_command(map);
  read_type(map, task);
  read_driver(map, task);
  if (task.command.empty() && task.driver == "exec" && !map.has("run") && !map.has("command") && !map.has("tasks"))
    add_remark(file.problems, map.mark(), map.what() + ": has neither \"run\" nor \"command\"");
  read_resources(map, file.problems, task);
  read_array(map, task);
  needs.names = map.texts("needs", true);
  task.env = merge(defaults.env, map.pairs("env"));
  task.labels = merge(defaults.labels, map.pairs("labels"));
  task.workdir = map.text("workdir").value_or(defaults.workdir);
  if (const auto retries = map.integer("retries", 0, kCountMax)) task.retries = static_cast<std::uint32_t>(*retries);
  if (const auto timeout = map.parsed("timeout", core::parse_duration)) task.timeout = *timeout;
  if (const auto grace = map.parsed("kill_grace", core::parse_duration)) task.kill_grace = *grace;
  if (const auto lost_after = map.parsed("lost_after", core::parse_duration)) task.lost_after = *lost_after;
  read_policy(map, file.problems, task);
  read_unenforced(map, file.notes);
  return task;
}

void check_needs(const std::vector<TaskSpec>& tasks, const std::vector<WrittenNeeds>& needs, Remarks& problems) {
  std::vector<std::string_view> names;
  for (const TaskSpec& task : tasks) names.push_back(task.name);
  for (const WrittenNeeds& written : needs) {
    for (const auto& [name, mark] : written.names) {
      if (std::find(names.begin(), names.end(), name) == names.end())
        add_remark(problems, mark, "needs: no task is named \"" + name + "\"" + core::suggestion(name, names));
    }
  }
}

void read_tasks(YamlMap& top, const YAML::Node& node, JobFile& file) {
  for (const std::string_view key : kTaskOnlyKeys)
    if (top.has(key)) top.problem_at_key(key, "\"" + std::string(key) + "\" belongs to a task when there is \"tasks\"");
  for (const std::string_view key : kTaskOnlyKeys) static_cast<void>(top.find(key));
  const Defaults defaults{top.pairs("env"), top.pairs("labels"), top.text("workdir").value_or("")};
  if (!node.IsMap() || node.size() == 0) {
    top.problem_at("tasks", "expected a mapping of names to tasks");
    return;
  }
  std::vector<WrittenNeeds> needs;
  for (const auto& item : node) {
    const std::string name = item.first.IsScalar() ? item.first.Scalar() : "";
    if (item.second.IsNull()) {  // an empty value has its mark on the line after it
      add_remark(file.problems, item.first.Mark(), "task \"" + name + "\" is empty");
      continue;
    }
    YamlMap map(item.second, "task \"" + name + "\"", file.problems);
    TaskSpec task = read_task(map, defaults, file, needs.emplace_back());
    for (const std::string_view key : {"name", "queue", "priority", "max_fails"})
      if (map.find(key)) map.problem_at_key(key, "\"" + std::string(key) + "\" belongs to the top of the file, not to a task");
    map.finish(kLaterKeys);
    task.name = name;
    const bool is_double =
        std::any_of(file.spec.tasks.begin(), file.spec.tasks.end(), [&](const TaskSpec& other) { return other.name == name; });
    if (is_double) add_remark(file.problems, item.first.Mark(), "\"" + name + "\" is there twice");
    file.spec.tasks.push_back(std::move(task));
  }
  check_needs(file.spec.tasks, needs, file.problems);
  if (!file.problems.empty()) return;
  std::vector<core::WrittenRefs> refs(needs.size());
  for (std::size_t i = 0; i < needs.size(); ++i)
    for (const auto& [name, mark] : needs[i].names) refs[i].needs.push_back({name, core::NeedOn::success});
  if (const auto linked = core::link_needs(file.spec.tasks, refs); !linked) add_remark(file.problems, node.Mark(), linked.error().detail);
}

void read_job(const YAML::Node& document, JobFile& file) {
  YamlMap top(document, "job", file.problems);
  if (!document.IsMap()) return;
  file.spec.name = top.text("name").value_or("");
  file.spec.queue = top.text("queue").value_or("default");
  if (const auto priority = top.integer("priority", std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()))
    file.spec.priority = static_cast<std::int32_t>(*priority);
  if (const auto max_fails = top.integer("max_fails", 0, kCountMax)) file.spec.max_fails = static_cast<std::uint32_t>(*max_fails);
  if (const auto tasks = top.find("tasks")) {
    read_tasks(top, *tasks, file);
  } else {
    WrittenNeeds needs;
    TaskSpec& task = file.spec.tasks.emplace_back(read_task(top, {}, file, needs));
    task.name = "main";
    if (!needs.names.empty()) top.problem_at_key("needs", "\"needs\" is for a file with \"tasks\": this one has a single task");
  }
  top.finish(kLaterKeys);
}

}  // namespace

JobFile parse_job_file(std::string_view yaml) {
  JobFile file;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.empty() || documents.front().IsNull())
      file.problems.push_back({0, 0, "the file is empty"});
    else if (documents.size() > 1)
      add_remark(file.problems, documents[1].Mark(), "a job file holds one document; this one has " + std::to_string(documents.size()));
    else
      read_job(documents.front(), file);
  } catch (const YAML::Exception& exception) {
    add_remark(file.problems, exception.mark, exception.msg);
  }
  const auto by_place = [](const JobFileRemark& a, const JobFileRemark& b) {
    return std::tie(a.line, a.column, a.text) < std::tie(b.line, b.column, b.text);
  };
  std::sort(file.problems.begin(), file.problems.end(), by_place);
  std::sort(file.notes.begin(), file.notes.end(), by_place);
  return file;
}

std::string show_remark(std::string_view file, const JobFileRemark& remark) {
  std::string text(file);
  if (remark.line > 0) text += ":" + std::to_string(remark.line) + ":" + std::to_string(remark.column);
  return text + ": " + remark.text;
}

}  // namespace stint::adapters
