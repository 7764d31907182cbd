#include "protocol/enrol_session.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace stint::protocol {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

bool knows_cell(const std::vector<wire::Digest>& cells, const wire::Digest& cell) {
  return cells.empty() ? cell == wire::Digest{} : std::find(cells.begin(), cells.end(), cell) != cells.end();
}

}  // namespace

// ---- the scheduler's side

SchedulerEnrol::SchedulerEnrol(const EnrolKeyLookup& keys, SchedulerEnrolOptions options, Now now)
    : SessionBase(options.counters, options.scratch, KeyEpoch{}, now), keys_(keys), options_(std::move(options)) {}

void SchedulerEnrol::on_handshake_frame(const wire::RawFrame& frame, Instant now) {
  if (frame.header.kind != wire::FrameKind::enrol || request_.token != 0) return fail_frame(wire::FrameError::bad_kind);
  const auto prk = keys_.find_enrol_prk(frame.header.principal);
  if (!prk) return reject(wire::FrameError::unknown_key);
  prk_ = *prk;
  wire::MacKey mac(wire::derive_enrol_keys(prk_).a2s.view());
  const auto buffer = wire::open_frame(frame, mac, 0, scratch().plain);
  if (!buffer) return buffer.error() == wire::FrameError::bad_mac ? reject(buffer.error()) : fail_frame(buffer.error());
  count(wire::FrameError::ok);

  const auto envelope = open_envelope(*buffer);
  if (!envelope) return fail(envelope.error().reason, envelope.error().detail);
  auto request = decode_enrol(*envelope);
  if (!request) return fail(request.error().reason, request.error().detail);
  if (request->token != frame.header.principal) return fail(Refusal::bad_enrol, "the token of ENROL is not its header's");
  request_ = std::move(*request);
  frame_digest_ = wire::sha256(frame.bytes);
  check(now);
}

void SchedulerEnrol::check(Instant now) {
  const VersionRange offered{request_.version_min, request_.version_max};
  const auto version = choose_version(offered, options_.versions);
  if (!version) {
    count(Refusal::unsupported_version);
    return refuse({to_string(Refusal::unsupported_version), name_both(offered, options_.versions)});
  }
  version_ = *version;
  if (!knows_cell(options_.cells, request_.cell)) return refuse({"wrong_cell", "this cell has another public key than the token says"});
  const Bytes text = wire::enrol_proof_text(request_.token, request_.nonce, request_.public_key, request_.cell);
  if (!wire::is_signed_by(request_.public_key, text, request_.proof)) return refuse({"bad_proof", "the proof is not of this public key"});
  is_asked_ = true;
  lease_.renew(limits::kEnrolDecision, now);
}

/// One answer for a token that is unknown or forgotten and for a wrong secret: nobody learns which tokens exist.
void SchedulerEnrol::reject(wire::FrameError error) {
  count(error);
  enqueue_handshake(wire::FrameKind::reject, scratch().encoder.encode(Reject{"unauthenticated", "no such token, or not its secret"}));
  end(CloseReason::protocol, to_string(error), "enrolment token refused");
}

void SchedulerEnrol::grant(const EnrolGrant& grant) {
  EnrolAck ack;
  ack.agent = grant.address.agent;
  ack.key_epoch = grant.address.epoch;
  ack.generation = grant.address.generation;
  ack.name = grant.name;
  const auto wrap = wire::derive_enrol_wrap_key(prk_, request_.nonce, options_.nonce, frame_digest_);
  ack.wrapped_key = wire::wrap_agent_key(wrap, grant.address, grant.key);
  answer(std::move(ack));
}

void SchedulerEnrol::refuse(EnrolRefusal refusal) {
  EnrolAck ack;
  ack.code = std::move(refusal.code);
  ack.detail = std::move(refusal.detail);
  answer(std::move(ack));
}

void SchedulerEnrol::answer(EnrolAck ack) {
  if (ended()) return;
  ack.token = request_.token;
  ack.nonce = options_.nonce;
  ack.nonce_echo = request_.nonce;
  ack.version = version_;
  enqueue_handshake(wire::FrameKind::enrol_ack, scratch().encoder.encode(ack));
  end(CloseReason::normal, ack.code, std::move(ack.detail));
}

ByteView SchedulerEnrol::seal_handshake(Outbox::Item& item, Now now) {
  wire::MacKey mac(wire::derive_enrol_keys(prk_).s2a.view());
  return seal_with(scratch(), item, {wire::FrameKind::enrol_ack, 0, request_.token, 0}, mac, session_time_ms(now.mono));
}

void SchedulerEnrol::accept(Message /*message*/) { STINT_ASSERT(false); }  // nothing but the answer may be said

std::int64_t SchedulerEnrol::session_time_ms(Instant t) const {
  return t.time_since_epoch().count() / kNsPerMs + options_.session_time_offset_ms;
}

// ---- the agent's side

AgentEnrol::AgentEnrol(AgentEnrolOptions options, Now now)
    : SessionBase(options.counters, options.scratch, KeyEpoch{}, now), options_(std::move(options)) {
  Enrol request;
  request.token = options_.token;
  request.version_min = options_.versions.min;
  request.version_max = options_.versions.max;
  request.nonce = options_.nonce;
  request.public_key = wire::public_key_of(options_.key);
  request.cell = options_.cell;
  request.name = options_.name;
  request.host = options_.host;
  request.proof = wire::sign(options_.key, wire::enrol_proof_text(request.token, request.nonce, request.public_key, request.cell));
  enqueue_handshake(wire::FrameKind::enrol, scratch().encoder.encode(request));
}

ByteView AgentEnrol::seal_handshake(Outbox::Item& item, Now now) {
  wire::MacKey mac(wire::derive_enrol_keys(options_.prk).a2s.view());
  const ByteView frame = seal_with(scratch(), item, {wire::FrameKind::enrol, 0, options_.token, 0}, mac, to_ms(now.wall));
  frame_digest_ = wire::sha256(frame);
  return frame;
}

void AgentEnrol::on_handshake_frame(const wire::RawFrame& frame, Instant /*now*/) {
  if (frame_digest_ && frame.header.kind == wire::FrameKind::enrol_ack) return on_answer(frame);
  if (frame_digest_ && frame.header.kind == wire::FrameKind::reject) return on_reject(frame);
  fail_frame(wire::FrameError::bad_kind);
}

void AgentEnrol::on_answer(const wire::RawFrame& frame) {
  if (frame.header.principal != options_.token) return fail_frame(wire::FrameError::unknown_key);
  wire::MacKey mac(wire::derive_enrol_keys(options_.prk).s2a.view());
  const auto buffer = wire::open_frame(frame, mac, 0, scratch().plain);
  if (!buffer) return fail_frame(buffer.error());
  count(wire::FrameError::ok);
  const auto envelope = open_envelope(*buffer);
  if (!envelope) return fail_answer(envelope.error());
  auto ack = decode_enrol_ack(*envelope);
  if (!ack) return fail_answer(ack.error());
  accept_answer(std::move(*ack));
}

void AgentEnrol::accept_answer(EnrolAck ack) {
  if (ack.token != options_.token) return fail(Refusal::bad_enrol, "ENROL_ACK is of another token");
  if (ack.nonce_echo != options_.nonce) return fail(Refusal::bad_enrol, "ENROL_ACK answers another ENROL");
  if (!ack.code.empty()) {
    refused_ = EnrolRefusal{ack.code, ack.detail};
    return end(CloseReason::normal, std::move(ack.code), std::move(ack.detail));
  }
  if (!options_.versions.holds(ack.version))
    return fail(Refusal::unsupported_version, "ENROL_ACK " + name_chosen(ack.version, options_.versions));
  const wire::AgentKeyAddress address{ack.agent, ack.key_epoch, ack.generation};
  const auto wrap = wire::derive_enrol_wrap_key(options_.prk, options_.nonce, ack.nonce, *frame_digest_);
  const auto key = wire::unwrap_agent_key(wrap, address, ack.wrapped_key);
  if (!key) return fail(Refusal::bad_enrol, "the key of ENROL_ACK does not open");
  granted_ = EnrolGrant{address, *key, std::move(ack.name)};
  count_established();
  end(CloseReason::normal, {}, {});
}

void AgentEnrol::on_reject(const wire::RawFrame& frame) {
  const auto buffer = wire::open_reject(frame);
  if (!buffer) return fail_frame(buffer.error());
  const auto envelope = open_envelope(*buffer);
  if (!envelope) return fail_answer(envelope.error());
  const auto reject = decode_reject(*envelope);
  if (!reject) return fail_answer(reject.error());
  count(Refusal::rejected);
  was_rejected_ = true;
  end(CloseReason::normal, to_string(Refusal::rejected), reject->code + ": " + reject->detail);
}

void AgentEnrol::fail_answer(const Refused& refused) {
  count(refused.reason);
  fail(Refusal::bad_enrol, refused.detail);
}

void AgentEnrol::accept(Message /*message*/) { STINT_ASSERT(false); }

}  // namespace stint::protocol
