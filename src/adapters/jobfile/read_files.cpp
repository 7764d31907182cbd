#include <algorithm>

#include "adapters/jobfile/written_task.hpp"
#include "core/model/job.hpp"
#include "core/model/similar_word.hpp"

/// The keys that say which files come and go.
namespace stint::adapters {
namespace {

/// Without a leading `./`, which says nothing; `.` is the whole directory.
std::string plain(std::string text) {
  while (text.starts_with("./")) text.erase(0, 2);
  return text.empty() ? "." : text;
}

std::optional<std::string> find_path_problem(const std::string& path) {
  if (path == ".") return std::nullopt;
  const std::string_view inner = path.ends_with('/') ? std::string_view(path).substr(0, path.size() - 1) : std::string_view(path);
  if (path.starts_with('/')) return "is absolute; inputs are taken from the directory of the submission, by relative paths";
  if (core::is_plain_path(inner)) return std::nullopt;
  return "is no plain relative path: parts are divided by single /, and none is \"..\"";
}

void read_from_job(const YAML::Node& node, Remarks& problems, WrittenTask& task) {
  YamlMap map(node, "inputs", keys::words(keys::kFromJob), problems);
  FromJob from{map.text("from_job").value_or(""), map.text("task").value_or("main"), map.text("path").value_or(""), place_of(node.Mark())};
  map.finish();
  if (from.job.empty())
    add_remark(problems, node.Mark(), "inputs: has no \"from_job\"; write {from_job: NAME, task: main.3, path: model.npz}");
  if (from.path.empty()) add_remark(problems, node.Mark(), "inputs: has no \"path\": which output of the task?");
  if (!from.path.empty() && !core::is_plain_path(from.path)) map.problem_at("path", "\"" + from.path + "\" is no plain relative path");
  task.sources.from_jobs.push_back(std::move(from));
}

void read_inputs(YamlMap& map, Remarks& problems, WrittenTask& task) {
  for (const YAML::Node& node : map.nodes("inputs")) {
    if (node.IsMap()) {
      read_from_job(node, problems, task);
    } else if (!node.IsScalar()) {
      add_remark(problems, node.Mark(), "inputs: expected a path, a pattern or {from_job: …}, got " + kind_of(node));
    } else {
      InputPattern input{plain(node.Scalar()), place_of(node.Mark())};
      if (const auto problem = find_path_problem(input.pattern))
        add_remark(problems, node.Mark(), "inputs: \"" + node.Scalar() + "\" " + *problem);
      task.sources.inputs.push_back(std::move(input));
    }
  }
  task.spec.own_directory = !task.sources.inputs.empty() || !task.sources.from_jobs.empty();
}

void read_outputs(YamlMap& map, Remarks& problems, WrittenTask& task) {
  for (const auto& [text, mark] : map.texts("outputs", true)) {
    const std::string path = plain(text);
    const std::string_view inner = path.ends_with('/') ? std::string_view(path).substr(0, path.size() - 1) : std::string_view(path);
    if (!core::is_plain_path(inner))
      add_remark(problems, mark, "outputs: \"" + text + "\" is no plain relative path; it lies below $STINT_OUTPUTS");
    task.spec.outputs.push_back(path);
  }
}

void read_collect(YamlMap& map, Remarks& problems, WrittenTask& task) {
  const auto node = map.find("collect");
  if (!node) return;
  YamlMap collect(*node, "collect", keys::words(keys::kCollect), problems);
  core::CollectSpec spec{collect.text("file").value_or(""), collect.text("into").value_or("")};
  collect.finish();
  if (!node->IsMap()) return;
  if (spec.file.empty() || spec.into.empty()) {
    map.problem_at("collect", "expected {file: OUTPUT of every task, into: NAME of the whole}");
    return;
  }
  const auto& outputs = task.spec.outputs;
  if (std::find(outputs.begin(), outputs.end(), spec.file) == outputs.end()) {
    const std::vector<std::string_view> known(outputs.begin(), outputs.end());
    std::string remedy = core::suggestion(spec.file, known);
    collect.problem_at("file", "\"" + spec.file + "\" is none of the outputs" + (remedy.empty() ? "; add it there" : remedy));
  }
  if (!task.spec.is_array) map.problem_at_key("collect", "\"collect\" is for an array, a matrix or each");
  task.spec.collect = std::move(spec);
}

/// Why the expression means nothing in this task.
std::optional<std::string> find_problem(const Expression& expression, const WrittenTask& task) {
  using Root = Expression::Root;
  if (expression.root == Root::index) return std::nullopt;
  if (expression.root == Root::matrix) {
    std::vector<std::string_view> names;
    for (const core::MatrixAxis& axis : task.spec.matrix) names.push_back(axis.name);
    if (std::find(names.begin(), names.end(), expression.name) != names.end()) return std::nullopt;
    if (names.empty()) return "there is no matrix; add matrix: {" + expression.name + ": [VALUE, …]}";
    return "the matrix has no axis \"" + expression.name + "\"" + core::suggestion(expression.name, names);
  }
  if (!task.spec.each) return "there are no items; add \"each\"";
  if (task.spec.each->batch > 0) return "with a batch a task has several items: $STINT_ITEM names a file with one a line";
  const ItemSource& items = task.sources.items;
  const bool has_texts =
      items.kind == ItemSource::Kind::glob ||
      (items.kind == ItemSource::Kind::list &&
       std::none_of(items.items.begin(), items.items.end(), [](const std::string& item) { return item.starts_with('{'); }));
  if (!expression.name.empty() && has_texts) return "the items are texts, without keys; write ${{ item }}";
  return std::nullopt;
}

}  // namespace

void read_files(YamlMap& map, Reading& reading, WrittenTask& task) {
  read_inputs(map, reading.problems, task);
  read_outputs(map, reading.problems, task);
  read_collect(map, reading.problems, task);
  task.spec.checkpoint = map.flag("checkpoint");
}

void check_expressions(YamlMap& map, Reading& reading, const WrittenTask& task) {
  const auto check = [&](const YAML::Node& scalar, bool is_shell_line) {
    for (const Expression& expression : reading.expressions.take(scalar)) {
      const std::string written = "${{ " + expression.text + " }}: ";
      if (is_shell_line && expression.root == Expression::Root::item)
        add_remark(
            reading.problems, expression.place,
            written + "an item may not stand in a shell line, it would run as code; write \"$STINT_ITEM\", or pass it by env: {ITEM: ${{ " +
                expression.text + " }}}");
      else if (const auto problem = find_problem(expression, task))
        add_remark(reading.problems, expression.place, written + *problem);
    }
  };
  for (const YamlMap::Entry& entry : map.entries()) {
    if (entry.key == "run" && entry.value.IsScalar()) check(entry.value, true);
    if (entry.key == "command" && entry.value.IsSequence())
      for (const YAML::Node& argument : entry.value) check(argument, false);
    if (entry.key == "env" && entry.value.IsMap())
      for (const auto& variable : entry.value) check(variable.second, false);
  }
}

}  // namespace stint::adapters
