#include "core/model/job.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "core/model/limits.hpp"

namespace stint::core {
namespace {

using Problem = std::optional<std::string>;

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= limits::kNameBytes && std::all_of(text.begin(), text.end(), allowed);
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string quoted(std::string_view text) { return '"' + std::string{text.substr(0, limits::kJobNameBytes)} + '"'; }

std::string out_of_bounds(std::string_view key, std::int64_t value, std::int64_t low, std::int64_t high) {
  return std::string{key} + " is " + std::to_string(value) + "; it must be from " + std::to_string(low) + " to " + std::to_string(high);
}

Problem find_bounds_problem(std::string_view key, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return std::nullopt;
  return out_of_bounds(key, value, low, high);
}

std::size_t size_of_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t size = 0;
  for (const auto& [name, value] : pairs) size += name.size() + value.size() + 2;
  return size;
}

Problem find_array_problem(const TaskSpec& task) {
  if (!task.is_array && task.array_count != 1)
    return "array_count is " + std::to_string(task.array_count) + " without an array; leave it at 1";
  if (is_sized_later(task)) return std::nullopt;
  if (auto problem = find_bounds_problem("array count", task.array_count, 1, limits::kTasksPerArray)) return problem;
  if (task.array_step == 0) return "array step is 0; it must be at least 1";
  const std::uint64_t last = task.array_first + std::uint64_t{task.array_step} * (task.array_count - 1);
  if (last > std::numeric_limits<std::uint32_t>::max())
    return "the last index of the array is " + std::to_string(last) + "; the limit is 4294967295";
  return std::nullopt;
}

Problem find_resource_problem(const Resources& wanted) {
  if (auto problem = find_bounds_problem("cpu_millis", wanted.cpu_millis, 0, limits::kCpuMillis)) return problem;
  if (auto problem = find_bounds_problem("memory_bytes", wanted.memory_bytes, 0, limits::kBytes)) return problem;
  if (auto problem = find_bounds_problem("gpu", wanted.gpus, 0, limits::kGpus)) return problem;
  return find_bounds_problem("storage_bytes", wanted.storage_bytes, 0, limits::kBytes);
}

Problem find_env_problem(const TaskSpec& task) {
  if (size_of_pairs(task.env) > limits::kEnvBytes)
    return "env takes " + std::to_string(size_of_pairs(task.env)) + " bytes; the limit is " + std::to_string(limits::kEnvBytes) +
           ". Pass what is longer in a file";
  for (std::size_t i = 0; i < task.env.size(); ++i) {
    const auto& [name, value] = task.env[i];
    if (name.empty() || name.find('=') != std::string::npos || has_control_characters(name))
      return "env has a variable named " + quoted(name) + "; a name is not empty and holds no = and no control characters";
    if (value.find('\0') != std::string::npos) return "env " + name + " holds a zero byte";
    if (i > 0 && task.env[i - 1].first >= name) return "env " + name + " comes twice or out of order; sort the variables by name";
  }
  return std::nullopt;
}

Problem find_label_problem(const TaskSpec& task) {
  if (auto problem = find_bounds_problem("the number of labels", static_cast<std::int64_t>(task.labels.size()), 0, limits::kLabels))
    return problem;
  for (const auto& [name, value] : task.labels)
    if (name.empty() || name.size() > limits::kNameBytes || value.size() > limits::kLabelValueBytes)
      return "label " + quoted(name) + " is too long or has no name; a name has 1 to " + std::to_string(limits::kNameBytes) +
             " bytes, a value at most " + std::to_string(limits::kLabelValueBytes);
  return std::nullopt;
}

Problem find_command_problem(const TaskSpec& task) {
  if (task.driver != "exec" && task.driver != "python" && task.driver != "noop" && task.driver != "human")
    return "driver is " + quoted(task.driver) + "; known are exec, python, noop and human";
  const bool is_empty = task.command.empty() || task.command.front().empty();
  if (task.driver == "exec" && is_empty) return "command is empty; give a program and its arguments";
  if (task.driver == "python" && is_empty) return "command is empty; give the name of a function and its arguments";
  std::size_t size = 0;
  for (const auto& argument : task.command) {
    size += argument.size() + 1;
    if (argument.find('\0') != std::string::npos) return "command has an argument that holds a zero byte";
  }
  if (size > limits::kCommandBytes)
    return "command takes " + std::to_string(size) + " bytes; the limit is " + std::to_string(limits::kCommandBytes) +
           ". Put it in a script";
  if (!task.workdir.empty() && task.workdir.front() != '/') return "workdir is " + quoted(task.workdir) + "; it must be absolute";
  if (task.workdir.size() > limits::kPathBytes || task.workdir.find('\0') != std::string::npos)
    return "workdir is no path of at most " + std::to_string(limits::kPathBytes) + " bytes";
  if (!task.submit_boot_id.empty() && task.workdir.empty()) return "submit is given without a workdir; give the directory it was seen in";
  return std::nullopt;
}

Problem find_time_problem(const TaskSpec& task) {
  const std::int64_t limit = to_ms(limits::kTimeout);
  if (auto problem = find_bounds_problem("timeout_ms", to_ms(task.timeout), 0, limit)) return problem;
  if (auto problem = find_bounds_problem("kill_grace_ms", to_ms(task.kill_grace), 0, limit)) return problem;
  return find_bounds_problem("lost_after_ms", to_ms(task.lost_after), 0, limit);
}

Problem find_needs_problem(const JobSpec& spec, std::size_t position) {
  std::set<std::uint32_t> seen;
  for (const Need& need : spec.tasks[position].needs) {
    if (need.group >= position)
      return "needs entry " + std::to_string(need.group) + ", which does not come before it; entries may need earlier ones only";
    if (!seen.insert(need.group).second) return "needs " + spec.tasks[need.group].name + " twice";
  }
  const auto& each = spec.tasks[position].each;
  if (each && each->from && !seen.contains(*each->from)) return "takes its items from an entry that it does not need";
  return std::nullopt;
}

Problem find_matrix_problem(const TaskSpec& task) {
  const auto axes = static_cast<std::int64_t>(task.matrix.size());
  if (auto problem = find_bounds_problem("the number of axes of the matrix", axes, 0, limits::kMatrixAxes)) return problem;
  std::set<std::string_view> names;
  for (const MatrixAxis& axis : task.matrix) {
    if (!is_name(axis.name)) return "matrix has an axis named " + quoted(axis.name) + "; a name has 1 to 64 letters, digits, _ or -";
    if (!names.insert(axis.name).second) return "matrix has two axes named " + axis.name;
    const auto values = static_cast<std::int64_t>(axis.values.size());
    if (auto problem = find_bounds_problem("matrix." + axis.name + ": the number of values", values, 1, limits::kMatrixValues))
      return problem;
    for (const std::string& value : axis.values)
      if (value.size() > limits::kValueBytes || value.find('\0') != std::string::npos)
        return "matrix." + axis.name + " has a value that is longer than " + std::to_string(limits::kValueBytes) +
               " bytes or holds a zero byte";
  }
  return std::nullopt;
}

Problem find_each_problem(const TaskSpec& task) {
  if (!task.each) return std::nullopt;
  const EachSpec& each = *task.each;
  if (auto problem = find_bounds_problem("each.batch", each.batch, 0, limits::kBatchItems)) return problem;
  if (each.from) {
    if (!is_plain_path(each.file))
      return "each.file is " + quoted(each.file) + "; it is a relative path, an output of the entry named by from";
    return std::nullopt;
  }
  if (each.count == 0) return "each.count is 0; a list of items has at least one";
  if (tasks_for_items(task, each.count) > limits::kTasksPerArray)
    return "the list of " + std::to_string(each.count) + " items makes more than " + std::to_string(limits::kTasksPerArray) +
           " tasks, the limit; put several into one task with batch";
  return std::nullopt;
}

Problem find_output_problem(const TaskSpec& task) {
  const auto patterns = static_cast<std::int64_t>(task.outputs.size());
  if (auto problem = find_bounds_problem("the number of outputs", patterns, 0, limits::kOutputs)) return problem;
  for (const std::string& pattern : task.outputs) {
    const std::string_view path = pattern.ends_with('/') ? std::string_view(pattern).substr(0, pattern.size() - 1) : pattern;
    if (!is_plain_path(path)) return "output " + quoted(pattern) + " is no plain relative path; it lies below $STINT_OUTPUTS";
  }
  if (!task.collect) return std::nullopt;
  if (!task.is_array) return "collect is for an array; this entry is a single task";
  for (const std::string* path : {&task.collect->file, &task.collect->into})
    if (!is_plain_path(*path)) return "collect: " + quoted(*path) + " is no plain relative path";
  if (std::find(task.outputs.begin(), task.outputs.end(), task.collect->file) == task.outputs.end())
    return "collect.file " + quoted(task.collect->file) + " is none of the outputs; add it there";
  return std::nullopt;
}

Problem find_people_problem(const TaskSpec& task) {
  if (task.driver != "human") {
    if (!task.form.empty() || task.overlap != 1 || task.due > Duration{0}) return "form, overlap and due are for driver human";
    return std::nullopt;
  }
  if (task.form.empty()) return "driver human needs a form: what the person sees and may answer";
  if (task.form.size() > limits::kFormBytes)
    return "form takes " + std::to_string(task.form.size()) + " bytes; the limit is " + std::to_string(limits::kFormBytes);
  if (!task.command.empty()) return "driver human takes no command";
  if (task.overlap > 1 && !task.each) return "overlap is for items: add each";
  return find_bounds_problem("overlap", task.overlap, 1, limits::kOverlap);
}

Problem find_task_problem(const JobSpec& spec, std::size_t position) {
  const TaskSpec& task = spec.tasks[position];
  if (auto problem = find_command_problem(task)) return problem;
  if (auto problem = find_env_problem(task)) return problem;
  if (auto problem = find_array_problem(task)) return problem;
  if (auto problem = find_resource_problem(task.resources)) return problem;
  if (auto problem = find_label_problem(task)) return problem;
  if (auto problem = find_time_problem(task)) return problem;
  if (auto problem = find_bounds_problem("retries", task.retries, 0, limits::kRetries)) return problem;
  if (auto problem = find_bounds_problem("reschedules", task.reschedules.value_or(0), 0, limits::kReschedules)) return problem;
  if (auto problem = find_matrix_problem(task)) return problem;
  if (auto problem = find_each_problem(task)) return problem;
  if (auto problem = find_output_problem(task)) return problem;
  if (auto problem = find_people_problem(task)) return problem;
  const auto constraints = static_cast<std::int64_t>(task.constraints.size());
  if (auto problem = find_bounds_problem("the number of constraints", constraints, 0, limits::kConstraints)) return problem;
  return find_needs_problem(spec, position);
}

}  // namespace

std::optional<std::string> find_problem(const JobSpec& spec) {
  if (spec.name.size() > limits::kJobNameBytes || has_control_characters(spec.name))
    return "the job's name " + quoted(spec.name) + " is longer than " + std::to_string(limits::kJobNameBytes) +
           " bytes or holds control characters";
  if (!is_name(spec.queue)) return "queue is " + quoted(spec.queue) + "; a name has 1 to 64 letters, digits, _ or -";
  if (auto problem = find_bounds_problem("priority", spec.priority, -limits::kPriority, limits::kPriority)) return problem;
  if (spec.tasks.empty()) return "the job has no tasks; give at least one entry";
  if (spec.tasks.size() > limits::kGroupsPerJob)
    return "the job has " + std::to_string(spec.tasks.size()) + " entries; the limit is " + std::to_string(limits::kGroupsPerJob) +
           ". Use an array for tasks that differ only in their index";
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < spec.tasks.size(); ++i) {
    const std::string& name = spec.tasks[i].name;
    if (!is_name(name)) return "entry " + std::to_string(i) + " is named " + quoted(name) + "; a name has 1 to 64 letters, digits, _ or -";
    if (!names.insert(name).second) return "two entries are named " + name + "; names are unique in a job";
    if (auto problem = find_task_problem(spec, i)) return "task " + name + ": " + *problem;
  }
  return std::nullopt;
}

std::uint64_t tasks_for_items(const TaskSpec& task, std::uint64_t items) {
  const std::uint64_t batch = task.each && task.each->batch > 0 ? task.each->batch : 1;
  return (items / batch + (items % batch != 0 ? 1 : 0)) * task.overlap;
}

std::uint64_t matrix_size(const std::vector<MatrixAxis>& matrix) {
  std::uint64_t size = 1;
  for (const MatrixAxis& axis : matrix)
    size = std::min<std::uint64_t>(size * axis.values.size(), std::uint64_t{limits::kTasksPerArray} + 1);
  return size;
}

std::vector<std::pair<std::string, std::string>> matrix_values(const std::vector<MatrixAxis>& matrix, std::uint32_t index) {
  std::vector<std::pair<std::string, std::string>> values(matrix.size());
  std::size_t rest = index;
  for (std::size_t i = matrix.size(); i-- > 0;) {
    const MatrixAxis& axis = matrix[i];
    values[i] = {"matrix." + axis.name, axis.values[rest % axis.values.size()]};
    rest /= axis.values.size();
  }
  return values;
}

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.size() > limits::kPathBytes || has_control_characters(path) || path.find('\\') != std::string_view::npos)
    return false;
  for (;;) {
    const auto slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string task_id(const JobSpec& spec, const TaskRef& task) {
  std::string id = std::to_string(task.job.value) + '.';
  if (task.group >= spec.tasks.size()) return id + '?';
  const TaskSpec& entry = spec.tasks[task.group];
  id += entry.name;
  if (entry.is_array) id += '.' + std::to_string(entry.array_first + std::uint64_t{entry.array_step} * task.index);
  return id;
}

std::string attempt_id(const JobSpec& spec, const AttemptRef& attempt) {
  return task_id(spec, attempt.task) + '@' + std::to_string(attempt.attempt);
}

std::optional<TaskRef> find_task(JobId job, const JobSpec& spec, std::string_view name_and_index) {
  const std::size_t dot = name_and_index.find('.');
  const std::string_view name = name_and_index.substr(0, dot);
  const auto entry = std::find_if(spec.tasks.begin(), spec.tasks.end(), [&](const TaskSpec& task) { return task.name == name; });
  if (entry == spec.tasks.end()) return std::nullopt;
  const auto group = static_cast<std::uint32_t>(entry - spec.tasks.begin());
  if (entry->is_array == (dot == std::string_view::npos)) return std::nullopt;
  if (!entry->is_array) return TaskRef{job, group, 0};
  const std::string_view digits = name_and_index.substr(dot + 1);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value < entry->array_first) return std::nullopt;
  const std::uint32_t distance = value - entry->array_first;
  if (distance % entry->array_step != 0) return std::nullopt;
  if (distance / entry->array_step >= entry->array_count && !is_sized_later(*entry)) return std::nullopt;
  return TaskRef{job, group, distance / entry->array_step};
}

}  // namespace stint::core
