#include <algorithm>
#include <cmath>
#include <limits>

#include "protocol/encode.hpp"
#include "protocol/limits.hpp"

namespace stint::protocol::encoding {
namespace {

// Generous: alignment, vtable and length of a table or string.
constexpr std::size_t kTableBound = 64;
constexpr std::size_t kTextBound = 16;

std::uint32_t to_units(std::int64_t bytes, std::int64_t unit, Rounding rounding) {
  if (bytes <= 0) return 0;
  const std::int64_t units = bytes / unit + (rounding == Rounding::up && bytes % unit != 0 ? 1 : 0);
  return static_cast<std::uint32_t>(std::min<std::int64_t>(units, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t to_count(std::int64_t value, std::uint32_t most) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, most));
}

std::string_view cut(std::string_view value, std::size_t limit) {
  if (value.size() <= limit) return value;
  while (limit > 0 && (static_cast<unsigned char>(value[limit]) & 0xC0U) == 0x80U) --limit;
  return value.substr(0, limit);
}

bool is_sendable(const Metric& metric) { return !metric.name.empty() && std::isfinite(metric.value); }

Offset<flatbuffers::Vector<Offset<schema::Metric>>> metrics(FlatBufferBuilder& b, const std::vector<Metric>& values) {
  std::vector<Offset<schema::Metric>> offsets;
  offsets.reserve(std::min(values.size(), limits::kMetrics));
  for (const Metric& metric : values) {
    if (!is_sendable(metric)) continue;
    if (offsets.size() == limits::kMetrics) break;
    const Text name = cut_text(b, metric.name, limits::kName);
    offsets.push_back(schema::CreateMetric(b, name, metric.value, metric.step));
  }
  return offsets.empty() ? 0 : b.CreateVector(offsets);
}

bool has_extra(const StatusUpdate& update) {
  return !update.metrics.empty() || !update.detail.empty() || !update.outputs.empty() || !update.result.empty();
}

Offset<flatbuffers::Vector<std::uint8_t>> blob(FlatBufferBuilder& b, const BlobId& id) {
  if (!id) return 0;
  return b.CreateVector(id.bytes.data(), id.bytes.size());
}

Offset<flatbuffers::Vector<Offset<schema::FileRef>>> files(FlatBufferBuilder& b, const std::vector<FileRef>& values) {
  if (values.empty()) return 0;
  std::vector<Offset<schema::FileRef>> offsets;
  offsets.reserve(values.size());
  for (const FileRef& file : values) {
    const Text path = text(b, file.path);
    const auto id = b.CreateVector(file.blob.bytes.data(), file.blob.bytes.size());
    offsets.push_back(schema::CreateFileRef(b, path, id, file.size, file.is_executable));
  }
  return b.CreateVector(offsets);
}

// What a task or a failing agent says must not make a whole list unsendable: it is brought within bounds instead.
float sendable_progress(float progress) { return std::isfinite(progress) ? std::clamp(progress, 0.0F, 1.0F) : 0.0F; }

std::uint8_t sendable_signal(std::int32_t signal) { return static_cast<std::uint8_t>(std::clamp(signal, 0, 255)); }

schema::UpdateRecord record(const StatusUpdate& u) {
  return {attempt(u.ref),
          unsigned_of(u.started_ms),
          unsigned_of(u.ended_ms),
          u.number,
          u.exit_code,
          sendable_progress(u.progress),
          static_cast<schema::TaskStatus>(u.status),
          static_cast<schema::EndReason>(u.reason),
          sendable_signal(u.signal)};
}

}  // namespace

Text text(FlatBufferBuilder& b, std::string_view value) { return value.empty() ? Text{} : b.CreateString(value.data(), value.size()); }

Text cut_text(FlatBufferBuilder& b, std::string_view value, std::size_t limit) { return text(b, cut(value, limit)); }

TextList texts(FlatBufferBuilder& b, const std::vector<std::string>& values) {
  if (values.empty()) return {};
  std::vector<Text> offsets;
  offsets.reserve(values.size());
  for (const std::string& value : values) offsets.push_back(b.CreateString(value));
  return b.CreateVector(offsets);
}

NamedTextList named_texts(FlatBufferBuilder& b, const std::vector<std::pair<std::string, std::string>>& values) {
  if (values.empty()) return {};
  std::vector<Offset<schema::NamedText>> offsets;
  offsets.reserve(values.size());
  for (const auto& [name, value] : values) {
    const Text name_at = text(b, name);
    const Text value_at = text(b, value);
    offsets.push_back(schema::CreateNamedText(b, name_at, value_at));
  }
  return b.CreateVector(offsets);
}

Offset<schema::ResourceSpec> resources(FlatBufferBuilder& b, const Resources& value, Rounding rounding) {
  return schema::CreateResourceSpec(b, to_count(value.cpu_millis, limits::kCpuMillis), to_units(value.memory_bytes, kMiB, rounding),
                                    to_count(value.gpus, limits::kGpus), to_units(value.storage_bytes, kGiB, rounding));
}

schema::AttemptRef attempt(const AttemptRef& ref) { return {ref.task.job.value, ref.task.group, ref.task.index, ref.attempt}; }

std::uint64_t millis(Duration d) {
  if (d <= Duration{0}) return 0;
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

Offset<schema::TaskAssignment> task_template(FlatBufferBuilder& b, const TaskTemplate& task) {
  const auto resources_at = resources(b, task.resources, Rounding::up);
  const auto job_name = text(b, task.job_name);
  const auto task_name = text(b, task.task_name);
  const auto driver = text(b, task.driver);
  const auto command = texts(b, task.command);
  const auto env = named_texts(b, task.env);
  const auto workdir = text(b, task.workdir);
  const auto boot_id = text(b, task.submit_boot_id);
  const auto inputs = blob(b, task.inputs);
  const auto needs_inputs = blob(b, task.needs_inputs);
  const auto outputs = texts(b, task.outputs);
  const std::uint64_t timeout_ms = millis(task.timeout);

  schema::TaskAssignmentBuilder out(b);
  out.add_agent_type(static_cast<schema::AgentType>(task.agent_type));
  out.add_resources(resources_at);
  out.add_timeout((timeout_ms + 999) / 1000);
  out.add_job_name(job_name);
  out.add_task_name(task_name);
  out.add_driver(driver);
  out.add_command(command);
  out.add_env(env);
  out.add_workdir(workdir);
  out.add_submit_boot_id(boot_id);
  out.add_workdir_inode(task.workdir_inode);
  out.add_timeout_ms(timeout_ms);
  out.add_kill_grace_ms(millis(task.kill_grace));
  out.add_is_array(task.is_array);
  out.add_array_first(task.array_first);
  out.add_array_step(task.array_step);
  out.add_array_size(task.array_size);
  out.add_inputs(inputs);
  out.add_needs_inputs(needs_inputs);
  out.add_outputs(outputs);
  out.add_own_directory(task.own_directory);
  out.add_checkpoint(task.checkpoint);
  out.add_on_disconnect(static_cast<schema::DisconnectPolicy>(task.on_disconnect));
  out.add_stop_after_ms(millis(task.stop_after));
  return out.Finish();
}

Offset<schema::AssignedExtra> assigned_extra(FlatBufferBuilder& b, const AssignedExtra& extra, std::uint32_t index) {
  const auto token = text(b, extra.token);
  const auto item = text(b, extra.item);
  const auto values = named_texts(b, extra.values);
  const auto files_at = files(b, extra.files);
  const auto checkpoint = blob(b, extra.checkpoint);
  return schema::CreateAssignedExtra(b, index, token, item, extra.is_batch, values, files_at, checkpoint);
}

Offset<schema::UpdateList> update_list(FlatBufferBuilder& b, const UpdateList& list, std::size_t first, std::size_t count) {
  std::vector<Offset<schema::UpdateExtra>> extras;
  for (std::size_t i = 0; i < count; ++i) {
    const StatusUpdate& update = list.items[first + i];
    if (!has_extra(update)) continue;
    const auto metrics_at = metrics(b, update.metrics);
    const auto detail = cut_text(b, update.detail, limits::kText);
    const auto outputs = files(b, update.outputs);
    const auto result = text(b, update.result);
    extras.push_back(schema::CreateUpdateExtra(b, static_cast<std::uint32_t>(i), metrics_at, detail, 0, outputs, result));
  }
  const auto extras_at = extras.empty() ? 0 : b.CreateVector(extras);
  const auto records = structs<schema::UpdateRecord>(b, count, [&](std::size_t i) { return record(list.items[first + i]); });
  return schema::CreateUpdateList(b, records, extras_at);
}

Offset<schema::AgentInfo> agent_info(FlatBufferBuilder& b, const AgentInfo& info) {
  const auto name = text(b, info.name);
  const auto version = text(b, info.version);
  const auto types = info.types.empty() ? 0 : b.CreateVectorScalarCast<std::int8_t>(info.types.data(), info.types.size());
  const auto resources_at = resources(b, info.resources, Rounding::down);
  const auto labels = named_texts(b, info.labels);
  const auto drivers = texts(b, info.drivers);
  const auto notes = texts(b, info.notes);
  const auto shared_paths = texts(b, info.shared_paths);
  const auto boot_id = text(b, info.boot_id);
  const auto host = text(b, info.host);

  schema::AgentInfoBuilder out(b);
  out.add_name(name);
  out.add_version(version);
  out.add_types(Offset<flatbuffers::Vector<schema::AgentType>>(types.o));
  out.add_resources(resources_at);
  out.add_labels(labels);
  out.add_drivers(drivers);
  out.add_notes(notes);
  out.add_shared_paths(shared_paths);
  out.add_boot_id(boot_id);
  out.add_host(host);
  out.add_window(info.window);
  out.add_prefetch(info.prefetch);
  out.add_provisional(info.knows_provisional);
  return out.Finish();
}

std::size_t files_bound(const std::vector<FileRef>& values) {
  std::size_t size = 0;
  for (const FileRef& file : values) size += 2 * kTableBound + file.path.size() + kTextBound;
  return size;
}

std::size_t size_bound(const TaskTemplate& task) {
  std::size_t size = 4 * kTableBound + task.job_name.size() + task.task_name.size() + task.driver.size() + task.workdir.size() +
                     task.submit_boot_id.size() + 5 * kTextBound;
  for (const std::string& argument : task.command) size += argument.size() + kTextBound;
  for (const auto& [name, value] : task.env) size += name.size() + value.size() + 2 * kTextBound + kTextBound;
  for (const std::string& pattern : task.outputs) size += pattern.size() + kTextBound;
  return size + 2 * kTableBound;
}

std::size_t size_bound(const AssignedExtra& extra) {
  std::size_t size = 2 * kTableBound + extra.token.size() + extra.item.size() + 2 * kTextBound + files_bound(extra.files);
  for (const auto& [name, value] : extra.values) size += kTableBound + name.size() + value.size() + 2 * kTextBound;
  return size;
}

std::size_t size_bound(const StatusUpdate& update) {
  std::size_t size = sizeof(schema::UpdateRecord);
  if (!has_extra(update)) return size;
  size += files_bound(update.outputs) + update.result.size() + kTextBound;
  size += kTableBound + std::min(update.detail.size(), limits::kText) + kTextBound;
  for (const Metric& metric : update.metrics) size += kTableBound + std::min(metric.name.size(), limits::kName) + kTextBound;
  return size;
}

}  // namespace stint::protocol::encoding
