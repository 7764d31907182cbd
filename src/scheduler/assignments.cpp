#include "scheduler/assignments.hpp"

#include <algorithm>

#include "scheduler/convert.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {

const protocol::TaskTemplate* Assignments::find_template(JobId job, std::uint32_t group) {
  const auto key = std::pair{job, group};
  if (auto it = templates_.find(key); it != templates_.end()) return &it->second;
  const auto* spec = core_.find_spec(job);
  const auto state = core_.find_group(job, group);
  if (spec == nullptr || !state) return nullptr;
  if (templates_.size() >= limits::kTemplatesMax) templates_.clear();
  protocol::TaskTemplate made = to_template(*spec, spec->tasks.at(group));
  made.array_size = static_cast<std::uint32_t>(std::max<std::uint64_t>(state->counts.total(), 1));
  made.needs_inputs = state->needs_inputs;
  return &templates_.emplace(key, std::move(made)).first->second;
}

std::optional<protocol::AssignedExtra> Assignments::find_extra(const AttemptRef& ref) {
  const protocol::TaskTemplate* shared = find_template(ref.task.job, ref.task.group);
  if (shared == nullptr) return std::nullopt;
  const core::TaskSpec& task = core_.find_spec(ref.task.job)->tasks.at(ref.task.group);
  const bool has_files = task.each && task.each->kind == core::ItemKind::files;
  const bool is_staged =
      shared->own_directory || shared->inputs || shared->needs_inputs || !shared->outputs.empty() || shared->checkpoint || has_files;
  if (!is_staged && !task.each && task.matrix.empty()) return std::nullopt;
  protocol::AssignedExtra extra;
  if (is_staged) extra.token = tokens_.make(ref);
  extra.values = core::matrix_values(task.matrix, ref.task.index);
  if (const auto list = items_.find(ref.task.job, ref.task.group); task.each && list != nullptr) {
    extra.item = list->of_task(task, ref.task.index);
    extra.is_batch = task.each->batch > 0;
    extra.files = list->files_of_task(task, ref.task.index);
  }
  if (shared->checkpoint && ref.attempt > 1)
    if (const auto checkpoint = reader_.find_checkpoint(ref.task); checkpoint && *checkpoint) extra.checkpoint = (*checkpoint)->blob;
  return extra;
}

bool Assignments::is_ready(const AttemptRef& ref) const {
  const core::JobSpec* spec = core_.find_spec(ref.task.job);
  if (spec == nullptr || !spec->tasks.at(ref.task.group).each) return true;
  return items_.find(ref.task.job, ref.task.group) != nullptr;
}

std::vector<core::Send> Assignments::take_ready() {
  std::vector<core::Send> ready;
  std::vector<core::Assign> later;
  for (const core::Assign& assign : held_back_) {
    const auto attempt = core_.find_attempt(assign.ref);
    if (!attempt || !attempt->live || attempt->agent != assign.agent || attempt->accepted) continue;
    if (is_ready(assign.ref)) {
      ready.emplace_back(assign);
    } else {
      later.push_back(assign);
    }
  }
  held_back_ = std::move(later);
  return ready;
}

void Assignments::forget(JobId job) {
  templates_.erase(templates_.lower_bound({job, 0}), templates_.lower_bound({JobId{job.value + 1}, 0}));
}

void Assignments::clear() {
  templates_.clear();
  held_back_.clear();
}

}  // namespace stint::scheduler
