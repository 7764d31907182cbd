#include <algorithm>
#include <limits>

#include "adapters/jobfile/written_task.hpp"
#include "adapters/jobfile/yaml_json.hpp"
#include "core/model/quantity.hpp"
#include "core/model/similar_word.hpp"

namespace stint::adapters {
namespace {

using core::DisconnectPolicy;
using core::TaskSpec;

constexpr std::string_view kLaterDrivers[] = {"container", "vm"};
constexpr std::int64_t kGpusMax = std::numeric_limits<std::uint32_t>::max();

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
  return command;
}

void read_resources(YamlMap& map, Remarks& problems, TaskSpec& task) {
  task.resources.cpu_millis = task.driver == "human" ? 0 : 1000;
  const auto node = map.find("resources");
  if (!node) return;
  YamlMap resources(*node, "resources", keys::words(keys::kResources), problems);
  if (const auto cpu = resources.parsed("cpu", core::parse_cpu)) task.resources.cpu_millis = *cpu;
  if (const auto memory = resources.parsed("memory", core::parse_bytes)) task.resources.memory_bytes = *memory;
  if (const auto gpu = resources.integer("gpu", 0, kGpusMax)) task.resources.gpus = *gpu;
  if (const auto storage = resources.parsed("storage", core::parse_bytes)) task.resources.storage_bytes = *storage;
  resources.finish();
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
  static constexpr std::string_view kDrivers[] = {"exec", "python", "noop", "human"};
  const auto word = map.text("driver");
  if (!word) return;
  if (std::find(std::begin(kLaterDrivers), std::end(kLaterDrivers), *word) != std::end(kLaterDrivers))
    map.problem_at("driver", "\"" + *word + "\" is not in this version");
  else if (std::find(std::begin(kDrivers), std::end(kDrivers), *word) == std::end(kDrivers))
    map.problem_at("driver", "expected exec, python, noop or human, got \"" + *word + "\"" + core::suggestion(*word, kDrivers));
  else
    task.driver = *word;
}

/// `keep`, `replace`, or `{stop_after: 5m}`.
void read_policy(YamlMap& map, Remarks& problems, TaskSpec& task) {
  const auto node = map.find("on_disconnect");
  if (!node) return;
  if (node->IsMap()) {
    YamlMap policy(*node, "on_disconnect", keys::words(keys::kPolicy), problems);
    const auto after = policy.parsed("stop_after", core::parse_duration);
    if (after && map.has("lost_after")) map.problem_at_key("lost_after", "\"lost_after\" has no meaning with stop_after");
    task.on_disconnect = DisconnectPolicy::stop_after;
    task.lost_after = after.value_or(task.lost_after);
    if (!policy.has("stop_after")) map.problem_at("on_disconnect", "expected stop_after with a duration");
    policy.finish();
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

/// `prepare`, or `{task: prepare, on: always}`.
void read_need(const YAML::Node& node, Remarks& problems, WrittenTask& task) {
  static constexpr std::string_view kOn[] = {"success", "failure", "always"};
  if (node.IsScalar()) {
    task.needs.emplace_back(core::NamedNeed{node.Scalar(), core::NeedOn::success}, place_of(node.Mark()));
    return;
  }
  if (!node.IsMap()) {
    add_remark(problems, node.Mark(), "needs: expected a task's name or {task: NAME, on: failure}, got " + kind_of(node));
    return;
  }
  YamlMap map(node, "needs", keys::words(keys::kNeed), problems);
  core::NamedNeed need{map.text("task").value_or(""), core::NeedOn::success};
  if (const auto word = map.text("on")) {
    const auto* const found = std::find(std::begin(kOn), std::end(kOn), *word);
    if (found != std::end(kOn))
      need.on = static_cast<core::NeedOn>(found - std::begin(kOn));
    else
      map.problem_at("on", "expected success, failure or always, got \"" + *word + "\"" + core::suggestion(*word, kOn));
  }
  map.finish();
  if (need.name.empty()) {
    add_remark(problems, node.Mark(), "needs: has no \"task\"; write {task: NAME, on: failure}");
    return;
  }
  task.needs.emplace_back(std::move(need), place_of(node.Mark()));
}

void read_constraints(YamlMap& map, Remarks& problems, TaskSpec& task) {
  for (const auto& [text, mark] : map.texts("constraints", true)) {
    auto constraint = core::parse_constraint(text);
    if (constraint)
      task.constraints.push_back(std::move(*constraint));
    else
      add_remark(problems, mark, constraint.error().detail);
  }
}

void check_has_command(YamlMap& map, Remarks& problems, const TaskSpec& task) {
  const bool has_word = map.has("run") || map.has("command");
  if (task.driver == "human") {
    const std::string_view key = map.has("run") ? "run" : "command";
    if (has_word) map.problem_at_key(key, "\"" + std::string(key) + "\" is not for driver human: the form says what the person does");
    return;
  }
  if (task.driver == "python" && map.has("run"))
    map.problem_at_key("run", "\"run\" is a shell line; driver python calls a function: command: [NAME, KEY=VALUE]");
  if (task.driver == "python" && !has_word)
    add_remark(problems, map.mark(), map.what() + ": driver python needs a \"command\": a function's name");
  if (map.has("command") && task.command.empty() && !map.has("run")) map.problem_at("command", "is empty");
  if (!has_word && task.driver == "exec" && !map.has("tasks"))
    add_remark(problems, map.mark(), map.what() + ": has neither \"run\" nor \"command\"");
}

void read_times(YamlMap& map, TaskSpec& task) {
  if (const auto timeout = map.parsed("timeout", core::parse_duration)) task.timeout = *timeout;
  if (const auto grace = map.parsed("kill_grace", core::parse_duration)) task.kill_grace = *grace;
  if (const auto lost_after = map.parsed("lost_after", core::parse_duration)) task.lost_after = *lost_after;
}

}  // namespace

void read_people(YamlMap& map, Reading& reading, WrittenTask& task) {
  const bool is_human = task.spec.driver == "human";
  for (const std::string_view key : {"form", "overlap", "due"})
    if (map.has(key) && !is_human) map.problem_at_key(key, "\"" + std::string(key) + "\" is for driver: human");
  if (const auto form = map.find("form")) {
    if (!form->IsMap())
      map.problem_at("form", "expected a mapping such as {image: $item.url, choice: [cat, dog, skip]}, got " + kind_of(*form));
    else if (is_human)
      task.spec.form = to_json_text(*form, reading.problems);
  }
  if (const auto overlap = map.count("overlap", 1); overlap && is_human) task.spec.overlap = *overlap;
  if (const auto due = map.parsed("due", core::parse_duration); due && is_human) task.spec.due = *due;
  if (is_human && !map.has("form"))
    add_remark(reading.problems, map.mark(), map.what() + ": driver human needs a \"form\": what the person sees and may answer");
  if (map.has("overlap") && is_human && !map.has("each")) map.problem_at_key("overlap", "\"overlap\" is for items: add \"each\"");
}

WrittenTask read_task(YamlMap& map, const Defaults& defaults, Reading& reading) {
  WrittenTask task;
  TaskSpec& spec = task.spec;
  task.place = place_of(map.mark());
  for (const YamlMap::Entry& entry : map.entries()) task.values.emplace(entry.key, place_of(entry.value.Mark()));
  read_driver(map, spec);
  spec.command = read_command(map);
  read_type(map, spec);
  check_has_command(map, reading.problems, spec);
  read_resources(map, reading.problems, spec);
  read_people(map, reading, task);
  read_tasks_of_entry(map, reading, task);
  for (const YAML::Node& need : map.nodes("needs")) read_need(need, reading.problems, task);
  spec.env = merge(defaults.env, map.pairs("env"));
  spec.labels = merge(defaults.labels, map.pairs("labels"));
  spec.workdir = map.text("workdir").value_or(defaults.workdir);
  spec.retries = map.count("retries", 0).value_or(0);
  spec.reschedules = map.count("reschedules", 0);
  read_times(map, spec);
  read_policy(map, reading.problems, spec);
  read_constraints(map, reading.problems, spec);
  read_files(map, reading, task);
  read_unenforced(map, reading.notes);
  check_expressions(map, reading, task);
  return task;
}

}  // namespace stint::adapters
