#include <algorithm>

#include "adapters/jobfile/written_task.hpp"
#include "adapters/jobfile/yaml_json.hpp"
#include "core/model/quantity.hpp"

/// The keys that make many tasks of one entry.
namespace stint::adapters {
namespace {

constexpr std::string_view kNotInLines("\n\r\0", 3);
constexpr const char* kEachForms =
    "expected a list, {glob: PATTERN}, {file: PATH} with an item a line, or {from: TASK, file: OUTPUT}, each with a batch if wanted";

void read_matrix(YamlMap& map, Remarks& problems, WrittenTask& task) {
  const auto node = map.find("matrix");
  if (!node) return;
  const YamlMap axes(*node, "matrix", problems);
  if (node->IsMap() && axes.entries().empty()) map.problem_at("matrix", "is empty; write {AXIS: [VALUE, …]}");
  for (const YamlMap::Entry& entry : axes.entries()) {
    core::MatrixAxis axis{entry.key, {}};
    if (!entry.value.IsSequence() || entry.value.size() == 0) {
      const std::string got = entry.value.IsSequence() ? "an empty one" : kind_of(entry.value);
      add_remark(problems, entry.value.IsNull() ? entry.mark : entry.value.Mark(),
                 "matrix." + entry.key + ": expected a list of values, got " + got);
    }
    for (const YAML::Node& value : entry.value.IsSequence() ? entry.value : YAML::Node()) {
      if (value.IsScalar())
        axis.values.push_back(value.Scalar());
      else
        add_remark(problems, value.Mark(), "matrix." + entry.key + ": expected single values, got " + kind_of(value));
    }
    task.spec.matrix.push_back(std::move(axis));
  }
}

/// Texts as they are, mappings as JSON: a line each.
void read_list(const YAML::Node& list, Remarks& problems, ItemSource& source) {
  source.kind = ItemSource::Kind::list;
  for (const YAML::Node& item : list) {
    if (item.IsScalar() && item.Scalar().find_first_of(kNotInLines) == std::string::npos && !item.Scalar().empty())
      source.items.push_back(item.Scalar());
    else if (item.IsMap())
      source.items.push_back(to_json_text(item, problems));
    else
      add_remark(problems, item.Mark(),
                 "each: an item is a text of one line or a mapping, got " +
                     (item.IsScalar() ? "one that is empty or has several lines" : kind_of(item)));
  }
  if (list.size() == 0) add_remark(problems, list.Mark(), "each: the list is empty");
}

/// Which of `{glob}`, `{file}`, `{from, file}` it is.
void read_source(YamlMap& each, const YAML::Mark& mark, Remarks& problems, WrittenTask& task) {
  const auto glob = each.text("glob"), file = each.text("file"), from = each.text("from");
  ItemSource& source = task.sources.items;
  if (static_cast<int>(glob.has_value()) + static_cast<int>(file.has_value() && !from) + static_cast<int>(from.has_value()) != 1) {
    add_remark(problems, mark, std::string("each: ") + kEachForms);
    return;
  }
  if (from) {
    task.spec.each->from = 0;  // its position is known when all names are
    task.spec.each->file = file.value_or("");
    task.items_from.emplace(*from, place_of(each.entries().front().mark));
    for (const YamlMap::Entry& entry : each.entries())
      if (entry.key == "from") task.items_from->second = place_of(entry.value.Mark());
    if (!file) add_remark(problems, mark, "each: \"from\" needs \"file\", the output of " + *from + " that lists the items");
    return;
  }
  source.kind = glob ? ItemSource::Kind::glob : ItemSource::Kind::file;
  source.path = glob ? *glob : *file;
  if (source.path.empty()) each.problem_at(glob ? "glob" : "file", "is empty");
}

void read_each(YamlMap& map, Remarks& problems, WrittenTask& task) {
  const auto node = map.find("each");
  if (!node) return;
  task.spec.each.emplace();
  task.sources.items.place = place_of(node->Mark());
  if (node->IsSequence()) {
    read_list(*node, problems, task.sources.items);
    task.spec.each->count = task.sources.items.items.size();
    return;
  }
  if (!node->IsMap()) {
    map.problem_at("each", std::string(kEachForms) + ", got " + kind_of(*node));
    return;
  }
  YamlMap each(*node, "each", keys::words(keys::kEach), problems);
  read_source(each, node->Mark(), problems, task);
  if (const auto batch = each.count("batch", 1)) task.spec.each->batch = *batch;
  each.finish();
}

}  // namespace

void read_tasks_of_entry(YamlMap& map, Reading& reading, WrittenTask& task) {
  core::TaskSpec& spec = task.spec;
  if (const auto range = map.parsed("array", core::parse_array)) core::set_array(spec, *range);
  read_matrix(map, reading.problems, task);
  read_each(map, reading.problems, task);
  std::string_view first;
  for (const std::string_view key : {"array", "matrix", "each"}) {
    if (!map.has(key)) continue;
    if (!first.empty())
      map.problem_at_key(
          key, "\"" + std::string(first) + "\" and \"" + std::string(key) + "\" exclude each other: each makes an array of its own");
    first = key;
  }
  if (!spec.matrix.empty()) spec.array_count = static_cast<std::uint32_t>(core::matrix_size(spec.matrix));
  if (spec.each) spec.array_count = spec.each->from ? 0 : static_cast<std::uint32_t>(core::tasks_for_items(spec, spec.each->count));
  spec.is_array = spec.is_array || !spec.matrix.empty() || spec.each.has_value();

  const auto max_parallel = map.count("max_parallel", 1);
  if (!max_parallel) return;
  if (first.empty()) map.problem_at_key("max_parallel", "\"max_parallel\" is for an array, a matrix or each");
  if (spec.max_parallel != 0) map.problem_at_key("max_parallel", "\"max_parallel\" and the % of the array exclude each other");
  spec.max_parallel = *max_parallel;
}

}  // namespace stint::adapters
