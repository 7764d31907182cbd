#include "protocol/decode.hpp"

// The session itself: schema/session.fbs.
namespace stint::protocol::decoding {

bool decode(Checker& c, const schema::AgentInfo& from, AgentInfo& out) {
  out.window = from.window();
  out.prefetch = from.prefetch();
  out.knows_provisional = from.provisional();
  if (from.types() != nullptr) {
    if (!c.list(from.types()->size(), "types", kAgentTypes)) return false;
    for (flatbuffers::uoffset_t i = 0; i < from.types()->size(); ++i) {
      const auto type = static_cast<schema::AgentType>(from.types()->Get(i));
      if (!c.word(type, "type", schema::AgentType::MIN, schema::AgentType::MAX, out.types.emplace_back())) return false;
    }
  }
  return c.text(from.name(), "name", limits::kName, out.name, Presence::required) &&
         c.text(from.version(), "version", limits::kName, out.version) && c.resources(from.resources(), out.resources) &&
         c.named_texts(from.labels(), "labels", limits::kInfoItems, limits::kName, limits::kText, out.labels) &&
         c.texts(from.drivers(), "drivers", limits::kInfoItems, limits::kText, out.drivers) &&
         c.texts(from.notes(), "notes", limits::kInfoItems, limits::kText, out.notes) &&
         c.texts(from.shared_paths(), "shared_paths", limits::kInfoItems, limits::kText, out.shared_paths) &&
         c.text(from.boot_id(), "boot_id", limits::kName, out.boot_id) && c.text(from.host(), "host", limits::kName, out.host);
}

bool decode(Checker& c, const schema::Resume& from, Resume& out) {
  if (from.info() == nullptr) return c.refuse(Refusal::missing_field, "info is missing");
  if (!decode(c, *from.info(), out.info)) return false;
  if (!c.structs(from.held(), "held attempts", limits::kHeldItems)) return false;
  if (from.held() == nullptr) return true;
  out.held.reserve(from.held()->size());
  for (const schema::HeldAttempt* held : *from.held()) {
    HeldAttempt& to = out.held.emplace_back();
    to.last_update = held->last_update();
    to.stdout_bytes = held->stdout_bytes();
    to.stderr_bytes = held->stderr_bytes();
    if (!c.ref(held->attempt(), to.ref) || !c.status(held->status(), to.status)) return false;
  }
  return true;
}

bool decode(Checker& c, const schema::Reconcile& from, Reconcile& out) {
  if (!c.structs(from.items(), "verdicts", limits::kHeldItems)) return false;
  if (from.items() == nullptr) return true;
  out.items.reserve(from.items()->size());
  for (const schema::AttemptVerdict* item : *from.items()) {
    AttemptVerdict& to = out.items.emplace_back();
    to.acked_update = item->acked_update();
    to.stdout_acked = item->stdout_acked();
    to.stderr_acked = item->stderr_acked();
    if (!c.ref(item->attempt(), to.ref) ||
        !c.word(item->verdict(), "verdict", schema::Verdict::Keep, schema::Verdict::Forget, to.verdict)) {
      return false;
    }
  }
  return true;
}

bool decode(Checker& c, const schema::Heartbeat& from, Heartbeat& out) {
  out.running = from.running();
  return c.number(from.clock_boot_ns(), "clock_boot_ns", out.clock_boot_ns);
}

bool decode(Checker& c, const schema::HeartbeatAck& from, HeartbeatAck& out) {
  return c.number(from.clock_boot_ns(), "clock_boot_ns", out.clock_boot_ns) &&
         c.number(from.received_ms(), "received_ms", out.session_time_ms);
}

bool decode(Checker& c, const schema::Error& from, ErrorMessage& out) {
  out.measured_ms = from.measured_ms();
  out.limit_ms = from.limit_ms();
  return c.text(from.code(), "code", limits::kName, out.code, Presence::required) &&
         c.text(from.detail(), "detail", limits::kText, out.detail);
}

bool decode(Checker& c, const schema::Close& from, Close& out) {
  return c.word(from.reason(), "reason", schema::CloseReason::MIN, schema::CloseReason::MAX, out.reason) &&
         c.text(from.detail(), "detail", limits::kText, out.detail);
}

bool decode(Checker& c, const schema::Hello& from, Hello& out) {
  out.info.agent = AgentNumber{from.agent()};
  out.info.connect = from.connect();
  out.version_min = from.version_min();
  out.version_max = from.version_max();
  out.features = from.features();
  if (out.version_min > out.version_max) return c.refuse(Refusal::bad_value, "version_min above version_max");
  return c.fixed(from.nonce(), "nonce", out.nonce) && c.fixed(from.instance(), "instance", out.info.instance) &&
         c.fixed(from.boot(), "boot", out.info.boot) && c.number(from.clock_boot_ns(), "clock_boot_ns", out.clock_boot_ns);
}

bool decode(Checker& c, const schema::HelloAck& from, HelloAck& out) {
  out.session = SessionId{from.session()};
  out.version = from.version();
  out.features = from.features();
  out.body_limit = from.body_limit();
  out.heartbeat_ms = from.heartbeat_ms();
  out.tolerance_ms = from.tolerance_ms();
  out.log_credit = from.log_credit();
  out.report_credit = from.report_credit();
  if (out.session.value == 0) return c.refuse(Refusal::missing_field, "session is missing");
  if (out.body_limit < limits::kBodyLimitMin || out.body_limit > wire::limits::kBodyMax) return c.refuse(Refusal::bad_value, "body_limit");
  if (out.heartbeat_ms < limits::kHeartbeatMsMin || out.heartbeat_ms > limits::kHeartbeatMsMax)
    return c.refuse(Refusal::bad_value, "heartbeat_ms");
  if (out.tolerance_ms == 0) return c.refuse(Refusal::missing_field, "tolerance_ms is missing");
  return c.fixed(from.nonce(), "nonce", out.nonce) && c.fixed(from.nonce_echo(), "nonce_echo", out.nonce_echo) &&
         c.number(from.received_ms(), "received_ms", out.received_ms);
}

bool decode(Checker& c, const schema::Reject& from, Reject& out) {
  return c.text(from.code(), "code", limits::kName, out.code, Presence::required) &&
         c.text(from.detail(), "detail", limits::kName, out.detail);
}

}  // namespace stint::protocol::decoding
