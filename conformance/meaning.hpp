#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "protocol/codec.hpp"

/// What a message means, as JSON: the form of the messages in released/N/sessions.json.
/// sdk/python/tests/meaning.py prints the same.
///
/// Numbers beyond 53 bits are decimal strings, bytes are hexadecimal digits, an attempt is JOB.GROUP.INDEX.ATTEMPT,
/// enums are their numbers.
namespace stint::protocol {

namespace json = boost::json;

template <class Number>
json::value number(Number value) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const auto wide = static_cast<std::int64_t>(value);
  const bool is_exact = std::cmp_less_equal(value, kExact) && std::cmp_greater_equal(value, -kExact);
  return is_exact ? json::value(wide) : json::value(std::to_string(value));
}
template <class Enum>
json::value number_of(Enum value) {
  return static_cast<std::int64_t>(value);
}
inline json::value digits(ByteView bytes) { return json::value(to_hex(bytes)); }
inline json::value digits(const BlobId& blob) { return blob == BlobId{} ? json::value("") : digits(ByteView(blob.bytes)); }

template <class Items, class Print>
json::array each(const Items& items, Print print) {
  json::array out;
  for (const auto& item : items) out.push_back(print(item));
  return out;
}

inline json::value meaning(const std::string& text) { return json::value(text); }
inline json::value meaning(const std::pair<std::string, std::string>& pair) { return json::array{pair.first, pair.second}; }
inline json::value meaning(AgentType type) { return number_of(type); }
inline json::value meaning(const AttemptRef& ref) {
  std::string text;
  for (const std::uint64_t part :
       {std::uint64_t{ref.task.job.value}, std::uint64_t{ref.task.group}, std::uint64_t{ref.task.index}, std::uint64_t{ref.attempt}})
    text += (text.empty() ? "" : ".") + std::to_string(part);
  return json::value(text);
}
inline json::value meaning(const FileRef& file) {
  return {{"path", file.path}, {"blob", digits(file.blob)}, {"size", number(file.size)}, {"is_executable", file.is_executable}};
}
template <class Item>
json::value meaning(const std::vector<Item>& items) {
  return each(items, [](const Item& item) { return meaning(item); });
}
inline json::value meaning(const Metric& metric) { return {{"name", metric.name}, {"value", metric.value}, {"step", number(metric.step)}}; }
inline json::value meaning(const Resources& r) {
  return {{"cpu_millis", number(r.cpu_millis)},
          {"memory_mb", number(r.memory_bytes / kMiB)},
          {"gpus", number(r.gpus)},
          {"storage_gb", number(r.storage_bytes / kGiB)}};
}

// ---- work

inline json::value meaning(const TaskTemplate& t) {
  return {{"driver", t.driver},
          {"job_name", t.job_name},
          {"task_name", t.task_name},
          {"agent_type", number_of(t.agent_type)},
          {"command", meaning(t.command)},
          {"env", meaning(t.env)},
          {"workdir", t.workdir},
          {"submit_boot_id", t.submit_boot_id},
          {"workdir_inode", number(t.workdir_inode)},
          {"resources", meaning(t.resources)},
          {"timeout_ms", number(to_ms(t.timeout))},
          {"kill_grace_ms", number(to_ms(t.kill_grace))},
          {"is_array", t.is_array},
          {"array_first", number(t.array_first)},
          {"array_step", number(t.array_step)},
          {"array_size", number(t.array_size)},
          {"inputs", digits(t.inputs)},
          {"needs_inputs", digits(t.needs_inputs)},
          {"outputs", meaning(t.outputs)},
          {"own_directory", t.own_directory},
          {"checkpoint", t.checkpoint},
          {"on_disconnect", number_of(t.on_disconnect)},
          {"stop_after_ms", number(to_ms(t.stop_after))}};
}
inline json::value meaning(const Assignment& a) { return {{"ref", meaning(a.ref)}, {"template_index", number(a.template_index)}}; }
inline json::value meaning(const AssignedExtra& e) {
  return {{"index", number(e.index)},
          {"token", e.token},
          {"item", e.item},
          {"is_batch", e.is_batch},
          {"values", meaning(e.values)},
          {"files", meaning(e.files)},
          {"checkpoint", digits(e.checkpoint)}};
}
inline json::object members(const AssignmentList& m) {
  json::object out{{"templates", meaning(m.templates)}, {"items", meaning(m.items)}, {"extras", meaning(m.extras)}};
  if (m.is_provisional) out["is_provisional"] = true;  // came after a release, whose frames leave it and what follows at nothing
  if (!m.confirmed.empty()) out["confirmed"] = meaning(m.confirmed);
  return out;
}
inline json::value meaning(const StatusUpdate& u) {
  return {{"ref", meaning(u.ref)},
          {"number", number(u.number)},
          {"status", number_of(u.status)},
          {"reason", number_of(u.reason)},
          {"exit_code", number(u.exit_code)},
          {"signal", number(u.signal)},
          {"started_ms", number(u.started_ms)},
          {"ended_ms", number(u.ended_ms)},
          {"progress", static_cast<double>(u.progress)},
          {"metrics", meaning(u.metrics)},
          {"detail", u.detail},
          {"outputs", meaning(u.outputs)},
          {"result", u.result}};
}
inline json::object members(const UpdateList& m) { return {{"items", meaning(m.items)}}; }
inline json::value meaning(const UpdateKey& key) { return json::array{meaning(key.ref), number(key.number)}; }
inline json::object members(const StatusAck& m) { return {{"items", meaning(m.items)}}; }
inline json::value meaning(const CancelItem& c) {
  return {{"ref", meaning(c.ref)}, {"mode", number_of(c.mode)}, {"reason", number_of(c.reason)}};
}
inline json::object members(const Cancel& m) { return {{"items", meaning(m.items)}}; }
inline json::object members(const LogChunk& m) {
  return {{"ref", meaning(m.ref)}, {"stream", number_of(m.stream)}, {"offset", number(m.offset)}, {"bytes", digits(m.bytes)}};
}
inline json::value meaning(const LogAckItem& a) {
  return {{"ref", meaning(a.ref)}, {"stream", number_of(a.stream)}, {"acked", number(a.acked)}};
}
inline json::object members(const Credit& m) {
  return {{"log_chunks", number(m.log_chunks)}, {"reports", number(m.reports)}, {"log_acks", meaning(m.log_acks)}};
}

// ---- session

inline json::object members(const AgentInfo& i) {
  json::object out{{"name", i.name},
                   {"version", i.version},
                   {"types", meaning(i.types)},
                   {"resources", meaning(i.resources)},
                   {"labels", meaning(i.labels)},
                   {"drivers", meaning(i.drivers)},
                   {"notes", meaning(i.notes)},
                   {"shared_paths", meaning(i.shared_paths)},
                   {"boot_id", i.boot_id},
                   {"host", i.host},
                   {"window", number(i.window)}};
  if (i.prefetch > 0) out["prefetch"] = number(i.prefetch);  // later, too
  if (i.knows_provisional) out["knows_provisional"] = true;
  return out;
}
inline json::value meaning(const HeldAttempt& h) {
  return {{"ref", meaning(h.ref)},
          {"status", number_of(h.status)},
          {"last_update", number(h.last_update)},
          {"stdout_bytes", number(h.stdout_bytes)},
          {"stderr_bytes", number(h.stderr_bytes)}};
}
inline json::object members(const Resume& m) { return {{"info", members(m.info)}, {"held", meaning(m.held)}}; }
inline json::value meaning(const AttemptVerdict& v) {
  return {{"ref", meaning(v.ref)},
          {"verdict", number_of(v.verdict)},
          {"acked_update", number(v.acked_update)},
          {"stdout_acked", number(v.stdout_acked)},
          {"stderr_acked", number(v.stderr_acked)}};
}
inline json::object members(const Reconcile& m) { return {{"items", meaning(m.items)}}; }
inline json::object members(const Heartbeat& m) { return {{"clock_boot_ns", number(m.clock_boot_ns)}, {"running", number(m.running)}}; }
inline json::object members(const HeartbeatAck& m) {
  return {{"clock_boot_ns", number(m.clock_boot_ns)}, {"received_ms", number(m.session_time_ms)}};
}
inline json::object members(const ErrorMessage& m) {
  return {{"code", m.code}, {"detail", m.detail}, {"measured_ms", number(m.measured_ms)}, {"limit_ms", number(m.limit_ms)}};
}
inline json::object members(const Close& m) { return {{"reason", number_of(m.reason)}, {"detail", m.detail}}; }
inline json::object members(const Hello& h) {
  return {{"agent", number(h.info.agent.value)},  {"nonce", digits(h.nonce)},
          {"instance", digits(h.info.instance)},  {"boot", digits(h.info.boot)},
          {"connect", number(h.info.connect)},    {"clock_boot_ns", number(h.clock_boot_ns)},
          {"version_min", number(h.version_min)}, {"version_max", number(h.version_max)},
          {"features", number(h.features)}};
}
inline json::object members(const HelloAck& a) {
  return {{"session", number(a.session.value)},
          {"nonce", digits(a.nonce)},
          {"nonce_echo", digits(a.nonce_echo)},
          {"received_ms", number(a.received_ms)},
          {"version", number(a.version)},
          {"features", number(a.features)},
          {"body_limit", number(a.body_limit)},
          {"heartbeat_ms", number(a.heartbeat_ms)},
          {"tolerance_ms", number(a.tolerance_ms)},
          {"log_credit", number(a.log_credit)},
          {"report_credit", number(a.report_credit)}};
}
inline json::object members(const Reject& m) { return {{"code", m.code}, {"detail", m.detail}}; }

// ---- keys

inline json::object members(const Enrol& e) {
  return {{"token", number(e.token)},
          {"nonce", digits(e.nonce)},
          {"public_key", digits(e.public_key)},
          {"proof", digits(e.proof)},
          {"cell", digits(e.cell)},
          {"version_min", number(e.version_min)},
          {"version_max", number(e.version_max)},
          {"name", e.name},
          {"host", e.host}};
}
inline json::object members(const EnrolAck& a) {
  const bool is_granted = a.code.empty();  // else nothing that follows the code is there
  return {{"token", number(a.token)},
          {"nonce", digits(a.nonce)},
          {"nonce_echo", digits(a.nonce_echo)},
          {"version", number(a.version)},
          {"code", a.code},
          {"detail", a.detail},
          {"agent", number(a.agent.value)},
          {"key_epoch", number(a.key_epoch.value)},
          {"generation", number(a.generation)},
          {"wrapped_key", is_granted ? digits(a.wrapped_key) : json::value("")},
          {"name", a.name}};
}
inline json::object members(const Rekey& m) {
  return {{"key_epoch", number(m.key_epoch.value)},
          {"generation", number(m.generation)},
          {"nonce", digits(m.nonce)},
          {"wrapped_key", digits(m.wrapped_key)}};
}
inline json::object members(const CellPins& m) {
  return {{"pins", each(m.pins, [](const auto& pin) { return digits(pin); })}};
}

inline const char* name_of(const Message& message) {
  constexpr const char* kNames[] = {"AssignmentList", "UpdateList", "StatusAck",    "AgentInfo", "Resume",
                                    "Reconcile",      "Heartbeat",  "HeartbeatAck", "Cancel",    "LogChunk",
                                    "Credit",         "Error",      "Close",        "Rekey",     "CellPins"};
  static_assert(std::size(kNames) == std::variant_size_v<Message>);
  return kNames[message.index()];
}

template <class Named>
json::value with_type(const char* type, const Named& message) {
  json::object out = members(message);
  out["type"] = type;
  return out;
}
inline json::value meaning(const Message& message) {
  return std::visit([&](const auto& m) { return with_type(name_of(message), m); }, message);
}

}  // namespace stint::protocol
