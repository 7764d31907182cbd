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
  if (task.driver != "exec" && task.driver != "noop") return "driver is " + quoted(task.driver) + "; known are exec and noop";
  if (task.driver == "exec" && (task.command.empty() || task.command.front().empty()))
    return "command is empty; give a program and its arguments";
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
  for (const std::uint32_t need : spec.tasks[position].needs) {
    if (need >= position)
      return "needs entry " + std::to_string(need) + ", which does not come before it; entries may need earlier ones only";
    if (!seen.insert(need).second) return "needs " + spec.tasks[need].name + " twice";
  }
  return std::nullopt;
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
  if (distance % entry->array_step != 0 || distance / entry->array_step >= entry->array_count) return std::nullopt;
  return TaskRef{job, group, distance / entry->array_step};
}

}  // namespace stint::core
