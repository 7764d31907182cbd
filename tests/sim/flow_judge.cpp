#include "sim/flow_judge.hpp"

#include <algorithm>
#include <string_view>

namespace stint::sim {
namespace {

std::string name_of(const Durable::GroupKey& group) {
  return "entry " + std::to_string(group.second) + " of job " + std::to_string(group.first.value);
}

/// Lines that are not empty.
std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (const auto line = text.substr(0, end); !line.empty()) lines.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// What the task of this index works on: an item, or its lines of a batch.
std::string given_to(const core::TaskSpec& spec, const std::vector<std::string>& items, std::uint32_t index) {
  const std::size_t place = index / spec.overlap;
  if (spec.each->batch == 0) return items.at(place);
  std::string lines;
  const std::size_t end = std::min<std::size_t>(items.size(), (place + 1) * spec.each->batch);
  for (std::size_t i = place * spec.each->batch; i < end; ++i) lines += items[i] + "\n";
  return lines;
}

}  // namespace

void FlowJudge::check() {
  for (const auto& [id, job] : durable_.jobs())
    for (std::uint32_t group = 0; group < job.spec->tasks.size(); ++group) {
      check_items({id, group});
      check_collected({id, group});
    }
  for (const auto& [ref, row] : durable_.attempts())
    if (row.is_result && row.agent != liar_ && row.status == TaskStatus::completed &&
        spec_of({ref.task.job, ref.task.group}).driver == "exec")
      check_left(row);
}

const core::TaskSpec& FlowJudge::spec_of(const Durable::GroupKey& group) const {
  return durable_.find_job(group.first)->spec->tasks.at(group.second);
}

/// No task of it was ended by the word of a liar, here or in a job that this one tries again.
bool FlowJudge::is_honest(const Durable::GroupKey& group) const {
  for (auto at = durable_.attempts().lower_bound({{group.first, group.second, 0}, 0}); at != durable_.attempts().end(); ++at) {
    if (at->first.task.job != group.first || at->first.task.group != group.second) break;
    if (at->second.is_result && liar_ && at->second.agent == liar_) return false;
  }
  const JobId earlier = durable_.find_job(group.first)->spec->retry_of;
  return !earlier || durable_.find_job(earlier) == nullptr || is_honest({earlier, group.second});
}

const std::string* FlowJudge::find_blob(const BlobId& blob, const std::string& whose) {
  const auto* bytes = scheduler_.find_blob(blob);
  findings_.expect(bytes != nullptr, "promise 1: names a blob that is not there", whose);
  return bytes;
}

std::string FlowJudge::join_files(const Durable::GroupKey& group, const std::string& path) const {
  std::string text;
  for (auto at = durable_.outputs().lower_bound({{group.first, group.second, 0}, {}}); at != durable_.outputs().end(); ++at) {
    const auto& [task, name] = at->first;
    if (task.job != group.first || task.group != group.second || task.index == core::kWholeEntry) break;
    const auto* bytes = scheduler_.find_blob(at->second.file.blob);
    if (name == path && bytes != nullptr) text += bytes->ends_with('\n') || path != kListFile ? *bytes : *bytes + "\n";
  }
  return text;
}

void FlowJudge::check_items(const Durable::GroupKey& group) {
  const auto& spec = spec_of(group);
  if (!spec.each) return;
  const auto* row = durable_.find_group(group);
  if (spec.each->from && !is_honest({group.first, *spec.each->from})) return;
  const BlobId list = spec.each->from ? row != nullptr ? row->items : BlobId{} : spec.each->items;
  if (!list) {  // nobody counted its items, or there are none
    const bool is_counted = row != nullptr && row->is_prepared && row->count == 0 && row->doom == EndReason::none;
    if (is_counted)
      findings_.expect(split_lines(join_files({group.first, *spec.each->from}, spec.each->file)).empty(), "has no task for its items",
                       name_of(group));
    return;
  }
  const auto* bytes = find_blob(list, name_of(group));
  if (bytes == nullptr) return;
  const auto items = split_lines(*bytes);
  findings_.expect(durable_.size_of(group) == core::tasks_for_items(spec, items.size()), "has not a task for each item", name_of(group));
  if (spec.each->from)
    findings_.expect(items == split_lines(join_files({group.first, *spec.each->from}, spec.each->file)),
                     "works on other items than were left to it", name_of(group));
  check_given(group, items);
}

void FlowJudge::check_given(const Durable::GroupKey& group, const std::vector<std::string>& items) {
  for (const auto& agent : agents_)
    for (auto at = agent->keeper().executions().lower_bound({{group.first, group.second, 0}, 0});
         at != agent->keeper().executions().end() && at->first.task.job == group.first && at->first.task.group == group.second; ++at) {
      const Execution& seen = at->second;
      const bool was_started = seen.reason != EndReason::refused && seen.reason != EndReason::start_failed;
      if (was_started)
        findings_.expect(seen.item == given_to(spec_of(group), items, at->first.task.index), "was given another item than its own",
                         durable_.name_of(at->first.task));
    }
}

void FlowJudge::check_collected(const Durable::GroupKey& group) {
  const auto& spec = spec_of(group);
  const auto* row = durable_.find_group(group);
  if (!spec.collect || row == nullptr || !row->is_collected || !is_honest(group)) return;
  const auto found = durable_.outputs().find({{group.first, group.second, core::kWholeEntry}, spec.collect->into});
  if (found == durable_.outputs().end()) return findings_.add(name_of(group) + ": is collected, and there is no file");
  const auto* bytes = find_blob(found->second.file.blob, name_of(group));
  if (bytes == nullptr) return;
  findings_.expect(*bytes == join_files(group, spec.collect->file), "what was collected is not whole", name_of(group));
  for (std::uint32_t index = 0; index < durable_.size_of(group).value_or(0); ++index) {
    const TaskRef task{group.first, group.second, index};
    if (durable_.find_end(task)->status == TaskStatus::completed)
      findings_.expect(durable_.outputs().contains({task, spec.collect->file}), "completed without the file to collect",
                       durable_.name_of(task));
  }
}

void FlowJudge::check_left(const core::AttemptRow& row) {
  const TaskRef& task = row.ref.task;
  const std::string name = durable_.name_of(task) + "@" + std::to_string(row.ref.attempt);
  const auto& executions = agents_.at(row.agent.value - 1)->keeper().executions();
  const auto found = executions.find(row.ref);
  if (found == executions.end()) return findings_.add("promise 2: " + name + " has a result and never ran");
  std::vector<FileRef> files;
  for (auto at = durable_.outputs().lower_bound({task, {}}); at != durable_.outputs().end() && at->first.first == task; ++at)
    files.push_back(at->second.file);
  std::vector<FileRef> left = found->second.outputs;
  std::sort(left.begin(), left.end(), [](const FileRef& a, const FileRef& b) { return a.path < b.path; });
  findings_.expect(files == left, "promise 2: its files are not what its process left", name);
  const auto result = durable_.results().find(task);
  findings_.expect((result == durable_.results().end() ? std::string() : result->second.json) == found->second.result,
                   "promise 2: its result is not what its process said", name);
}

}  // namespace stint::sim
