#include <cmath>

#include "protocol/decode.hpp"

// Work and its state: schema/scheduler.fbs.
namespace stint::protocol::decoding {
namespace {

using MetricVector = flatbuffers::Vector<flatbuffers::Offset<schema::Metric>>;

bool decode_timeout(Checker& c, const schema::TaskAssignment& from, TaskTemplate& out) {
  if (from.timeout() > limits::kTimeoutMs / 1000) return c.refuse(Refusal::bad_value, "timeout above 100 years");
  const std::uint64_t ms = from.timeout_ms() != 0 ? from.timeout_ms() : from.timeout() * 1000;
  if (!c.duration(ms, "timeout_ms", out.timeout)) return false;
  if ((ms + 999) / 1000 != from.timeout()) return c.refuse(Refusal::bad_value, "timeout and timeout_ms contradict each other");
  return c.duration(from.kill_grace_ms(), "kill_grace_ms", out.kill_grace);
}

bool decode_array(Checker& c, const schema::TaskAssignment& from, TaskTemplate& out) {
  if (from.array_step() == 0 || from.array_size() == 0) return c.refuse(Refusal::bad_value, "array step or size 0");
  out.is_array = from.is_array();
  out.array_first = from.array_first();
  out.array_step = from.array_step();
  out.array_size = from.array_size();
  return true;
}

bool decode_staging(Checker& c, const schema::TaskAssignment& from, TaskTemplate& out) {
  out.own_directory = from.own_directory();
  out.checkpoint = from.checkpoint();
  return c.blob(from.inputs(), "inputs", out.inputs) && c.blob(from.needs_inputs(), "needs_inputs", out.needs_inputs) &&
         c.texts(from.outputs(), "outputs", limits::kPatterns, limits::kText, out.outputs);
}

bool decode_disconnect(Checker& c, const schema::TaskAssignment& from, TaskTemplate& out) {
  using schema::DisconnectPolicy;
  if (!c.word(from.on_disconnect(), "on_disconnect", DisconnectPolicy::MIN, DisconnectPolicy::MAX, out.on_disconnect)) return false;
  if (from.stop_after_ms() != 0 && from.on_disconnect() != DisconnectPolicy::StopAfter)
    return c.refuse(Refusal::bad_value, "stop_after_ms without StopAfter");
  return c.duration(from.stop_after_ms(), "stop_after_ms", out.stop_after);
}

bool decode_template(Checker& c, const schema::TaskAssignment& from, TaskTemplate& out) {
  // To run a task against another store than the one it names would be worse than to refuse it.
  if (from.storage_backend() != schema::StorageType::Local) return c.refuse(Refusal::bad_enum, "storage_backend is not Local");
  out.workdir_inode = from.workdir_inode();
  return c.word(from.agent_type(), "agent_type", schema::AgentType::MIN, schema::AgentType::MAX, out.agent_type) &&
         c.resources(from.resources(), out.resources) && decode_timeout(c, from, out) && decode_array(c, from, out) &&
         c.text(from.job_name(), "job_name", limits::kName, out.job_name) &&
         c.text(from.task_name(), "task_name", limits::kName, out.task_name) &&
         c.text(from.driver(), "driver", limits::kName, out.driver, Presence::required) &&
         c.texts(from.command(), "command", limits::kArguments, limits::kTemplateBytes, out.command) &&
         c.named_texts(from.env(), "env", limits::kEnvironment, limits::kTemplateBytes, limits::kTemplateBytes, out.env) &&
         c.text(from.workdir(), "workdir", limits::kText, out.workdir) &&
         c.text(from.submit_boot_id(), "submit_boot_id", limits::kName, out.submit_boot_id) && decode_staging(c, from, out) &&
         decode_disconnect(c, from, out);
}

bool decode_metrics(Checker& c, const MetricVector* from, std::vector<Metric>& out) {
  if (from == nullptr) return true;
  if (!c.list(from->size(), "metrics", limits::kMetrics)) return false;
  out.resize(from->size());
  for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
    const schema::Metric& metric = *from->Get(i);
    if (!c.text(metric.name(), "metric", limits::kName, out[i].name, Presence::required)) return false;
    if (!std::isfinite(metric.value())) return c.refuse(Refusal::bad_value, "metric " + out[i].name + " is not finite");
    out[i].value = metric.value();
    out[i].step = metric.step();
  }
  return true;
}

/// UpdateRecord and StatusUpdate have the same fields by the same names.
template <class From>
bool decode_update_fields(Checker& c, const From& from, StatusUpdate& out) {
  out.number = from.number();
  out.exit_code = from.exit_code();
  out.signal = from.signal();
  return c.ref(from.attempt(), out.ref) && c.number(from.started_ms(), "started_ms", out.started_ms) &&
         c.number(from.ended_ms(), "ended_ms", out.ended_ms) && c.progress(from.progress(), out.progress) &&
         c.status(from.status(), out.status) && c.reason(from.reason(), out.reason);
}

/// UpdateExtra and StatusUpdate, likewise. A receipt is checked for size; nothing reads it yet.
template <class From>
bool decode_extra_fields(Checker& c, const From& from, StatusUpdate& out) {
  if (from.receipt() != nullptr && from.receipt()->size() > limits::kReceipt) return c.refuse(Refusal::bad_size, "receipt above its limit");
  return decode_metrics(c, from.metrics(), out.metrics) && c.text(from.detail(), "detail", limits::kText, out.detail) &&
         c.files(from.outputs(), "outputs", out.outputs) && c.text(from.result(), "result", limits::kResult, out.result);
}

bool decode_extras(Checker& c, const schema::UpdateList& from, UpdateList& out) {
  if (from.extras() == nullptr) return true;
  std::uint64_t next = 0;  // lowest index allowed
  for (const schema::UpdateExtra* extra : *from.extras()) {
    if (extra->index() < next || extra->index() >= out.items.size())
      return c.refuse(Refusal::bad_value, "extra of update " + std::to_string(extra->index()));
    next = std::uint64_t{extra->index()} + 1;
    if (!decode_extra_fields(c, *extra, out.items[extra->index()])) return false;
  }
  return true;
}

bool decode_assigned_extras(Checker& c, const schema::AssignmentList& from, AssignmentList& out) {
  if (from.extras() == nullptr) return true;
  if (!c.list(from.extras()->size(), "extras", out.items.size())) return false;
  std::uint64_t next = 0;  // lowest index allowed
  for (const schema::AssignedExtra* extra : *from.extras()) {
    if (extra->index() < next || extra->index() >= out.items.size())
      return c.refuse(Refusal::bad_value, "extra of assignment " + std::to_string(extra->index()));
    next = std::uint64_t{extra->index()} + 1;
    AssignedExtra& to = out.extras.emplace_back();
    to.index = extra->index();
    to.is_batch = extra->is_batch();
    if (!c.text(extra->token(), "token", limits::kToken, to.token) || !c.text(extra->item(), "item", limits::kItem, to.item) ||
        !c.named_texts(extra->values(), "values", limits::kValues, limits::kName, limits::kItem, to.values) ||
        !c.files(extra->files(), "files", to.files) || !c.blob(extra->checkpoint(), "checkpoint", to.checkpoint))
      return false;
  }
  return true;
}

bool decode_confirmed(Checker& c, const schema::AssignmentList& from, AssignmentList& out) {
  if (!c.structs(from.confirmed(), "confirmed", limits::kListItems)) return false;
  if (from.confirmed() == nullptr) return true;
  for (const schema::AttemptRef* ref : *from.confirmed())
    if (!c.ref(*ref, out.confirmed.emplace_back())) return false;
  return true;
}

}  // namespace

bool decode(Checker& c, const schema::TaskAssignment& from, AssignmentList& out) {
  out.templates.resize(1);
  out.items.resize(1);
  return c.ref(from.attempt(), out.items[0].ref) && decode_template(c, from, out.templates[0]);
}

bool decode(Checker& c, const schema::AssignmentList& from, AssignmentList& out) {
  const std::size_t items = from.items() == nullptr ? 0 : from.items()->size();
  const std::size_t templates = from.templates() == nullptr ? 0 : from.templates()->size();
  if (!c.structs(from.items(), "items", limits::kListItems) || !c.list(templates, "templates", items)) return false;
  out.templates.resize(templates);
  for (std::size_t i = 0; i < templates; ++i) {
    if (!decode_template(c, *from.templates()->Get(static_cast<flatbuffers::uoffset_t>(i)), out.templates[i])) return false;
  }
  out.items.resize(items);
  for (std::size_t i = 0; i < items; ++i) {
    const schema::AssignedAttempt& item = *from.items()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (item.template_index() >= templates)
      return c.refuse(Refusal::bad_value, "template " + std::to_string(item.template_index()) + " of " + std::to_string(templates));
    if (!c.ref(item.attempt(), out.items[i].ref)) return false;
    out.items[i].template_index = item.template_index();
  }
  out.is_provisional = from.provisional();
  return decode_assigned_extras(c, from, out) && decode_confirmed(c, from, out);
}

bool decode(Checker& c, const schema::StatusUpdate& from, UpdateList& out) {
  out.items.resize(1);
  return decode_update_fields(c, from, out.items[0]) && decode_extra_fields(c, from, out.items[0]);
}

bool decode(Checker& c, const schema::UpdateList& from, UpdateList& out) {
  const std::size_t count = from.records() == nullptr ? 0 : from.records()->size();
  if (!c.structs(from.records(), "updates", limits::kListItems)) return false;
  out.items.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!decode_update_fields(c, *from.records()->Get(static_cast<flatbuffers::uoffset_t>(i)), out.items[i])) return false;
  }
  return decode_extras(c, from, out);
}

bool decode(Checker& c, const schema::StatusAck& from, StatusAck& out) {
  if (!c.structs(from.items(), "acknowledgements", limits::kListItems)) return false;
  if (from.items() == nullptr) return true;
  out.items.reserve(from.items()->size());
  for (const schema::UpdateKey* key : *from.items()) {
    UpdateKey& to = out.items.emplace_back();
    to.number = key->number();
    if (!c.ref(key->attempt(), to.ref)) return false;
  }
  return true;
}

bool decode(Checker& c, const schema::Cancel& from, Cancel& out) {
  if (!c.structs(from.items(), "cancels", limits::kListItems)) return false;
  if (from.items() == nullptr) return true;
  out.items.reserve(from.items()->size());
  for (const schema::CancelItem* item : *from.items()) {
    CancelItem& to = out.items.emplace_back();
    if (!c.ref(item->attempt(), to.ref) ||
        !c.word(item->mode(), "mode", schema::CancelMode::Graceful, schema::CancelMode::Recall, to.mode) ||
        !c.word(item->reason(), "reason", schema::EndReason::Cancelled, schema::EndReason::Superseded, to.reason)) {
      return false;
    }
  }
  return true;
}

bool decode(Checker& c, const schema::LogChunk& from, LogChunk& out) {
  std::int64_t offset = 0;
  if (!c.number(from.offset(), "offset", offset)) return false;
  out.offset = from.offset();
  return c.ref(from.attempt(), out.ref) && c.stream(from.stream(), out.stream) &&
         c.bytes(from.bytes(), "bytes", 1, limits::kLogChunk, out.bytes);
}

bool decode(Checker& c, const schema::Credit& from, Credit& out) {
  out.log_chunks = from.log_chunks();
  out.reports = from.reports();
  if (!c.structs(from.log_acks(), "log acknowledgements", limits::kListItems)) return false;
  if (from.log_acks() == nullptr) return true;
  out.log_acks.reserve(from.log_acks()->size());
  for (const schema::LogAck* ack : *from.log_acks()) {
    LogAckItem& to = out.log_acks.emplace_back();
    to.acked = ack->acked();
    if (!c.ref(ack->attempt(), to.ref) || !c.stream(ack->stream(), to.stream)) return false;
  }
  return true;
}

}  // namespace stint::protocol::decoding
