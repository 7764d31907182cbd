#include "protocol/decode.hpp"

#include <cstring>

#include "protocol/codec.hpp"

namespace stint::protocol {

/// The only way from an Envelope to its generated root.
class EnvelopeReader {
 public:
  static const schema::MessageEnvelope& root(const Envelope& envelope) { return *envelope.root_; }
};

namespace {

using decoding::Checker;
using schema::SchedulerMessage;

constexpr std::uint16_t kSchemaVersion = 1;

tl::unexpected<Refused> refuse(Refusal reason, std::string detail) { return tl::unexpected(Refused{reason, std::move(detail)}); }

std::string name_of(SchedulerMessage type) { return "message type " + std::to_string(static_cast<unsigned>(type)); }

/// The value of a union member as a plain value. A null value passes the verifier, so it is looked for here.
template <class Out, class Table>
Decoded<Out> decode_value(const schema::MessageEnvelope& root, const Table* value) {
  if (value == nullptr) return refuse(Refusal::null_message, name_of(root.message_type()) + " without a value");
  Checker checker;
  Out out;
  if (!decoding::decode(checker, *value, out)) return tl::unexpected(checker.take_refused());
  return out;
}

/// For the handshake, whose frame kinds allow one member each.
template <class Out, class Table>
Decoded<Out> decode_only(const Envelope& envelope, SchedulerMessage expected, const Table* (schema::MessageEnvelope::*value)() const) {
  const schema::MessageEnvelope& root = EnvelopeReader::root(envelope);
  if (root.message_type() != expected)
    return refuse(Refusal::wrong_direction, name_of(root.message_type()) + " has no business in this frame kind");
  return decode_value<Out>(root, (root.*value)());
}

}  // namespace

Decoded<Envelope> open_envelope(ByteView body_and_tag) {
  flatbuffers::Verifier verifier(body_and_tag.data(), body_and_tag.size(), limits::kDepth,
                                 limits::kTables + static_cast<std::uint32_t>(body_and_tag.size() / limits::kBytesPerTable));
  if (!schema::VerifyMessageEnvelopeBuffer(verifier)) return refuse(Refusal::malformed, "the buffer is no MessageEnvelope");

  const schema::MessageEnvelope& root = *schema::GetMessageEnvelope(body_and_tag.data());
  if (root.version() != kSchemaVersion)
    return refuse(Refusal::bad_envelope, "schema version " + std::to_string(root.version()) + ", must be 1");
  const auto timestamp = static_cast<std::int64_t>(root.timestamp());
  if (timestamp <= 0) return refuse(Refusal::bad_timestamp, "timestamp 0 or beyond 63 bits");
  if (const auto* signature = root.signature(); signature != nullptr) {
    const ByteView tag = body_and_tag.last(wire::kTagSize);
    // Both were covered by the MAC check; no secret is compared here.
    const bool is_tag = signature->size() == tag.size() && std::memcmp(signature->data(), tag.data(), tag.size()) == 0;
    if (!is_tag) return refuse(Refusal::bad_signature, "signature is present and not the frame's tag");
  }
  Envelope envelope;
  envelope.root_ = &root;
  envelope.timestamp_ms_ = timestamp;
  return envelope;
}

Decoded<Hello> decode_hello(const Envelope& envelope) {
  return decode_only<Hello>(envelope, SchedulerMessage::Hello, &schema::MessageEnvelope::message_as_Hello);
}

Decoded<HelloAck> decode_hello_ack(const Envelope& envelope) {
  return decode_only<HelloAck>(envelope, SchedulerMessage::HelloAck, &schema::MessageEnvelope::message_as_HelloAck);
}

Decoded<Enrol> decode_enrol(const Envelope& envelope) {
  return decode_only<Enrol>(envelope, SchedulerMessage::Enrol, &schema::MessageEnvelope::message_as_Enrol);
}

Decoded<EnrolAck> decode_enrol_ack(const Envelope& envelope) {
  return decode_only<EnrolAck>(envelope, SchedulerMessage::EnrolAck, &schema::MessageEnvelope::message_as_EnrolAck);
}

Decoded<Reject> decode_reject(const Envelope& envelope) {
  return decode_only<Reject>(envelope, SchedulerMessage::Reject, &schema::MessageEnvelope::message_as_Reject);
}

Decoded<Message> decode_message(const Envelope& envelope) {
  const schema::MessageEnvelope& root = EnvelopeReader::root(envelope);
  switch (root.message_type()) {
    case SchedulerMessage::TaskAssignment: return decode_value<AssignmentList>(root, root.message_as_TaskAssignment());
    case SchedulerMessage::StatusUpdate: return decode_value<UpdateList>(root, root.message_as_StatusUpdate());
    case SchedulerMessage::Heartbeat: return decode_value<Heartbeat>(root, root.message_as_Heartbeat());
    case SchedulerMessage::AssignmentList: return decode_value<AssignmentList>(root, root.message_as_AssignmentList());
    case SchedulerMessage::UpdateList: return decode_value<UpdateList>(root, root.message_as_UpdateList());
    case SchedulerMessage::StatusAck: return decode_value<StatusAck>(root, root.message_as_StatusAck());
    case SchedulerMessage::AgentInfo: return decode_value<AgentInfo>(root, root.message_as_AgentInfo());
    case SchedulerMessage::Resume: return decode_value<Resume>(root, root.message_as_Resume());
    case SchedulerMessage::Reconcile: return decode_value<Reconcile>(root, root.message_as_Reconcile());
    case SchedulerMessage::HeartbeatAck: return decode_value<HeartbeatAck>(root, root.message_as_HeartbeatAck());
    case SchedulerMessage::Cancel: return decode_value<Cancel>(root, root.message_as_Cancel());
    case SchedulerMessage::LogChunk: return decode_value<LogChunk>(root, root.message_as_LogChunk());
    case SchedulerMessage::Credit: return decode_value<Credit>(root, root.message_as_Credit());
    case SchedulerMessage::Error: return decode_value<ErrorMessage>(root, root.message_as_Error());
    case SchedulerMessage::Close: return decode_value<Close>(root, root.message_as_Close());
    case SchedulerMessage::Rekey: return decode_value<Rekey>(root, root.message_as_Rekey());
    case SchedulerMessage::CellPins: return decode_value<CellPins>(root, root.message_as_CellPins());
    case SchedulerMessage::Enrol:
    case SchedulerMessage::EnrolAck:
    case SchedulerMessage::Hello:
    case SchedulerMessage::HelloAck:
    case SchedulerMessage::Reject:
      return refuse(Refusal::wrong_direction, name_of(root.message_type()) + " has no business in this frame kind");
    case SchedulerMessage::NONE: break;
  }
  return refuse(Refusal::unknown_message, name_of(root.message_type()) + " is not known");
}

}  // namespace stint::protocol
