#include <boost/json.hpp>
#include <limits>

#include "base/task_words.hpp"
#include "core/model/job_json.hpp"
#include "core/model/job_json_words.hpp"
#include "core/model/json_fields.hpp"

namespace stint::core {
namespace {

namespace json = boost::json;

json::object to_object(const Pairs& pairs) {
  json::object object;
  for (const auto& [name, value] : pairs) object[name] = value;
  return object;
}

json::object resources_object(const Resources& resources) {
  return {{"cpu_millis", resources.cpu_millis},
          {"memory_bytes", resources.memory_bytes},
          {"gpu", resources.gpus},
          {"storage_bytes", resources.storage_bytes}};
}

json::object array_object(const TaskSpec& task) {
  return {{"first", task.array_first}, {"step", task.array_step}, {"count", task.array_count}, {"max_parallel", task.max_parallel}};
}

json::array needs_array(const TaskSpec& task, const JobSpec& spec) {
  json::array needs;
  for (const Need& need : task.needs) {
    const std::string& name = spec.tasks.at(need.group).name;
    if (need.on == NeedOn::success) {
      needs.emplace_back(name);
    } else {
      needs.emplace_back(json::object{{"task", name}, {"on", kConditions[static_cast<std::size_t>(need.on)]}});
    }
  }
  return needs;
}

json::array matrix_array(const TaskSpec& task) {
  json::array axes;
  for (const MatrixAxis& axis : task.matrix)
    axes.emplace_back(json::object{{"name", axis.name}, {"values", json::array(axis.values.begin(), axis.values.end())}});
  return axes;
}

json::object each_object(const EachSpec& each, const JobSpec& spec) {
  json::object object;
  if (each.from) {
    object["from"] = spec.tasks.at(*each.from).name;
    object["file"] = each.file;
  } else {
    object["items"] = to_hex(each.items);
    object["count"] = each.count;
    object["kind"] = kItemKinds[static_cast<std::size_t>(each.kind)];
  }
  object["batch"] = each.batch;
  return object;
}

/// Keys that few tasks have are left out where they say nothing.
void add_rare_keys(const TaskSpec& task, json::object& object) {
  if (!task.constraints.empty()) {
    json::array constraints;
    for (const Constraint& constraint : task.constraints) constraints.emplace_back(to_string(constraint));
    object["constraints"] = std::move(constraints);
  }
  if (task.reschedules) object["reschedules"] = *task.reschedules;
  if (task.inputs) object["inputs"] = to_hex(task.inputs);
  if (task.own_directory) object["own_directory"] = true;
  if (task.checkpoint) object["checkpoint"] = true;
  if (!task.outputs.empty()) object["outputs"] = json::array(task.outputs.begin(), task.outputs.end());
  if (task.collect) object["collect"] = json::object{{"file", task.collect->file}, {"into", task.collect->into}};
  if (!task.form.empty()) object["form"] = json::parse(task.form);
  if (task.overlap != 1) object["overlap"] = task.overlap;
  if (task.due > Duration{0}) object["due_ms"] = to_ms(task.due);
}

json::object task_object(const TaskSpec& task, const JobSpec& spec) {
  json::object object;
  object["name"] = task.name;
  object["type"] = task.type ? json::value(std::string(to_string(*task.type))) : json::value(nullptr);
  object["driver"] = task.driver;
  object["command"] = json::array(task.command.begin(), task.command.end());
  object["env"] = to_object(task.env);
  object["workdir"] = task.workdir;
  const bool has_submit = !task.submit_boot_id.empty() || task.workdir_inode != 0;
  if (has_submit) object["submit"] = json::object{{"boot_id", task.submit_boot_id}, {"inode", task.workdir_inode}};
  object["resources"] = resources_object(task.resources);
  if (task.is_array && task.matrix.empty() && !task.each) object["array"] = array_object(task);
  if (!task.matrix.empty()) object["matrix"] = matrix_array(task);
  if (task.each) object["each"] = each_object(*task.each, spec);
  if (task.max_parallel != 0 && !object.contains("array")) object["max_parallel"] = task.max_parallel;
  object["needs"] = needs_array(task, spec);
  object["retries"] = task.retries;
  object["timeout_ms"] = to_ms(task.timeout);
  object["kill_grace_ms"] = to_ms(task.kill_grace);
  object["on_disconnect"] = kPolicies[static_cast<std::size_t>(task.on_disconnect)];
  object["lost_after_ms"] = to_ms(task.lost_after);
  object["labels"] = to_object(task.labels);
  add_rare_keys(task, object);
  return object;
}

}  // namespace

std::string to_json(const JobSpec& spec) {
  json::array tasks;
  for (const TaskSpec& task : spec.tasks) tasks.emplace_back(task_object(task, spec));
  json::object object;
  object["name"] = spec.name;
  object["queue"] = spec.queue;
  object["priority"] = spec.priority;
  object["max_fails"] = spec.max_fails;
  if (spec.retry_of) object["retry_of"] = spec.retry_of.value;
  object["tasks"] = std::move(tasks);
  return json::serialize(object);
}

}  // namespace stint::core
