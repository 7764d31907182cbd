#include "agent/task_env.hpp"

#include <map>
#include <string_view>

namespace stint::agent {

std::uint64_t array_value(const TaskRef& task, const protocol::TaskTemplate& tmpl) {
  return tmpl.array_first + std::uint64_t{task.index} * tmpl.array_step;
}

std::string task_id(const TaskRef& task, const protocol::TaskTemplate& tmpl) {
  std::string id = std::to_string(task.job.value) + "." + tmpl.task_name;
  if (tmpl.is_array) id += "." + std::to_string(array_value(task, tmpl));
  return id;
}

Result<Environment> make_task_environment(const Environment& base, const protocol::TaskTemplate& tmpl, const AttemptRef& ref,
                                          const protocol::AssignedExtra* extra) {
  const Values values{extra, array_value(ref.task, tmpl)};
  std::map<std::string, std::string> merged(base.begin(), base.end());
  for (const auto& [name, value] : tmpl.env) {
    auto filled = fill_in(value, values);
    if (!filled) return fail(filled.error().code, "env " + name + ": " + filled.error().detail);
    merged[name] = std::move(*filled);
  }
  merged["STINT_JOB_ID"] = std::to_string(ref.task.job.value);
  merged["STINT_TASK_ID"] = task_id(ref.task, tmpl);
  merged["STINT_ATTEMPT"] = std::to_string(ref.attempt);
  merged["STINT_INDEX"] = std::to_string(array_value(ref.task, tmpl));
  merged["STINT_ARRAY_SIZE"] = std::to_string(tmpl.array_size);
  if (extra != nullptr && !extra->is_batch && !extra->item.empty()) merged["STINT_ITEM"] = extra->item;
  return Environment{merged.begin(), merged.end()};
}

void set_visible_gpus(Environment& env, const std::vector<std::uint32_t>& gpus) {
  std::string list;
  for (auto index : gpus) list += (list.empty() ? "" : ",") + std::to_string(index);
  for (auto& [name, value] : env) {
    if (name != "CUDA_VISIBLE_DEVICES") continue;
    value = list;
    return;
  }
  env.emplace_back("CUDA_VISIBLE_DEVICES", list);
}

}  // namespace stint::agent
