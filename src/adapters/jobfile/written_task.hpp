#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/jobfile/expressions.hpp"
#include "adapters/jobfile/job_file.hpp"
#include "adapters/jobfile/yaml_map.hpp"
#include "core/model/task_order.hpp"

namespace stint::adapters {

/// What tasks take over from the top of the file.
struct Defaults {
  Pairs env;
  Pairs labels;
  std::string workdir;
};

/// Everything of one task, with names where positions come when all tasks are known.
struct WrittenTask {
  core::TaskSpec spec;
  TaskSources sources;
  std::vector<std::pair<core::NamedNeed, Place>> needs;
  std::optional<std::pair<std::string, Place>> items_from;
  Place place;
  std::map<std::string, Place, std::less<>> values;  ///< where the value of each of its keys stands
};

/// What reading a task speaks to.
struct Reading {
  Expressions& expressions;
  Remarks& problems;
  Remarks& notes;
};

/// All keys of a task. The caller calls `map.finish()`, and names the task.
[[nodiscard]] WrittenTask read_task(YamlMap& map, const Defaults& defaults, Reading& reading);

/// Parts of read_task. array, matrix, each, max_parallel (after `overlap` is known):
void read_tasks_of_entry(YamlMap& map, Reading& reading, WrittenTask& task);
/// inputs, outputs, collect, checkpoint:
void read_files(YamlMap& map, Reading& reading, WrittenTask& task);
/// form, overlap, due:
void read_people(YamlMap& map, Reading& reading, WrittenTask& task);
/// That what `${{ }}` name in run, command and env is there, and may stand there:
void check_expressions(YamlMap& map, Reading& reading, const WrittenTask& task);

}  // namespace stint::adapters
