#include "base/task_words.hpp"
#include "core/model/job_json.hpp"
#include "core/model/job_json_words.hpp"
#include "core/model/json_text.hpp"

namespace stint::core {
namespace {

void add_texts(JsonText& out, const std::vector<std::string>& texts) {
  out.begin_array();
  for (const std::string& text : texts) out.add(text);
  out.end_array();
}

/// Their names are the user's: they are written like texts.
void add_pairs(JsonText& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  out.begin_object();
  for (const auto& [name, value] : pairs) out.put_text(name, value);
  out.end_object();
}

void add_resources(JsonText& out, const Resources& resources) {
  out.begin_object().put("cpu_millis", resources.cpu_millis).put("memory_bytes", resources.memory_bytes);
  out.put("gpu", resources.gpus).put("storage_bytes", resources.storage_bytes).end_object();
}

void add_array(JsonText& out, const TaskSpec& task) {
  out.begin_object().put("first", task.array_first).put("step", task.array_step).put("count", task.array_count);
  out.put("max_parallel", task.max_parallel).end_object();
}

void add_needs(JsonText& out, const TaskSpec& task, const JobSpec& spec) {
  out.begin_array();
  for (const Need& need : task.needs) {
    const std::string& name = spec.tasks.at(need.group).name;
    if (need.on == NeedOn::success) {
      out.add(name);
    } else {
      out.begin_object().put("task", name).put("on", kConditions[static_cast<std::size_t>(need.on)]).end_object();
    }
  }
  out.end_array();
}

void add_matrix(JsonText& out, const TaskSpec& task) {
  out.begin_array();
  for (const MatrixAxis& axis : task.matrix) {
    add_texts(out.begin_object().put("name", axis.name).key("values"), axis.values);
    out.end_object();
  }
  out.end_array();
}

void add_each(JsonText& out, const EachSpec& each, const JobSpec& spec) {
  out.begin_object();
  if (each.from) {
    out.put("from", spec.tasks.at(*each.from).name).put("file", each.file);
  } else {
    out.put("items", to_hex(each.items)).put("count", each.count).put("kind", kItemKinds[static_cast<std::size_t>(each.kind)]);
  }
  out.put("batch", each.batch).end_object();
}

/// Keys that few tasks have are left out where they say nothing.
void put_rare_keys(JsonText& out, const TaskSpec& task) {
  if (!task.constraints.empty()) {
    out.key("constraints").begin_array();
    for (const Constraint& constraint : task.constraints) out.add(to_string(constraint));
    out.end_array();
  }
  if (task.reschedules) out.put("reschedules", *task.reschedules);
  if (task.inputs) out.put("inputs", to_hex(task.inputs));
  if (task.own_directory) out.put("own_directory", true);
  if (task.checkpoint) out.put("checkpoint", true);
  if (!task.outputs.empty()) add_texts(out.key("outputs"), task.outputs);
  if (task.collect) out.key("collect").begin_object().put("file", task.collect->file).put("into", task.collect->into).end_object();
  if (!task.form.empty()) out.key("form").add_raw(task.form);
  if (task.overlap != 1) out.put("overlap", task.overlap);
  if (task.due > Duration{0}) out.put("due_ms", to_ms(task.due));
}

void add_task(JsonText& out, const TaskSpec& task, const JobSpec& spec) {
  out.begin_object().put("name", task.name).key("type");
  if (task.type) {
    out.add(to_string(*task.type));
  } else {
    out.add(nullptr);
  }
  out.put("driver", task.driver);
  add_texts(out.key("command"), task.command);
  add_pairs(out.key("env"), task.env);
  out.put("workdir", task.workdir);
  if (!task.submit_boot_id.empty() || task.workdir_inode != 0)
    out.key("submit").begin_object().put("boot_id", task.submit_boot_id).put("inode", task.workdir_inode).end_object();
  add_resources(out.key("resources"), task.resources);
  const bool has_array = task.is_array && task.matrix.empty() && !task.each;
  if (has_array) add_array(out.key("array"), task);
  if (!task.matrix.empty()) add_matrix(out.key("matrix"), task);
  if (task.each) add_each(out.key("each"), *task.each, spec);
  if (task.max_parallel != 0 && !has_array) out.put("max_parallel", task.max_parallel);
  add_needs(out.key("needs"), task, spec);
  out.put("retries", task.retries).put("timeout_ms", to_ms(task.timeout)).put("kill_grace_ms", to_ms(task.kill_grace));
  out.put("on_disconnect", kPolicies[static_cast<std::size_t>(task.on_disconnect)]).put("lost_after_ms", to_ms(task.lost_after));
  add_pairs(out.key("labels"), task.labels);
  put_rare_keys(out, task);
  out.end_object();
}

}  // namespace

std::string to_json(const JobSpec& spec) {
  JsonText out;
  out.begin_object().put("name", spec.name).put("queue", spec.queue).put("priority", spec.priority).put("max_fails", spec.max_fails);
  if (spec.retry_of) out.put("retry_of", spec.retry_of.value);
  out.key("tasks").begin_array();
  for (const TaskSpec& task : spec.tasks) add_task(out, task, spec);
  return out.end_array().end_object().take();
}

}  // namespace stint::core
