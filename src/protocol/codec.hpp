#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "protocol/counters.hpp"
#include "protocol/messages.hpp"
#include "protocol/session.hpp"
#include "wire/frame.hpp"

namespace stint::schema {
struct MessageEnvelope;
}

/// Messages to FlatBuffers and back. Encoding makes the signature vector first, so that it is the last 32 bytes of the finished buffer and
/// the frame's tag can be written over it; decoding is the verifier, then the check of meaning, then copies into plain values.
/// Source:  schema/*.fbs, docs/protocol.md "Order of checks".
namespace stint::protocol {

/// HELLO and HELLO_ACK as values; units and rules in schema/session.fbs.
struct Hello {
  HelloInfo info;
  Nonce nonce{};
  std::int64_t clock_boot_ns = 0;
  std::uint16_t version_min = 1;
  std::uint16_t version_max = 1;
  std::uint64_t features = 0;
};
struct HelloAck {
  SessionId session;
  Nonce nonce{};
  Nonce nonce_echo{};
  std::int64_t received_ms = 0;
  std::uint16_t version = 1;
  std::uint64_t features = 0;
  std::uint32_t body_limit = 0;
  std::uint32_t heartbeat_ms = 0;
  std::uint32_t tolerance_ms = 0;
  std::uint32_t log_credit = 0;
  std::uint32_t report_credit = 0;
};
/// ENROL and its answer; schema/keys.fbs.
struct Enrol {
  std::uint64_t token = 0;
  Nonce nonce{};
  std::array<std::uint8_t, 32> public_key{};
  std::array<std::uint8_t, 64> proof{};
  std::array<std::uint8_t, 32> cell{};
  std::uint16_t version_min = 1;
  std::uint16_t version_max = 1;
  std::string name;  ///< wanted; empty: any
  std::string host;
};
struct EnrolAck {
  std::uint64_t token = 0;
  Nonce nonce{};
  Nonce nonce_echo{};
  std::uint16_t version = 1;
  std::string code;  ///< empty: enrolled, and what follows counts
  std::string detail;
  AgentNumber agent;
  KeyEpoch key_epoch;
  std::uint32_t generation = 0;
  std::array<std::uint8_t, 48> wrapped_key{};
  std::string name;
};
struct Reject {
  std::string code;
  std::string detail;
};

/// Something refused, and why in words: what, with which value, the limit.
struct Refused {
  Refusal reason;
  std::string detail;
};
template <class T>
using Decoded = tl::expected<T, Refused>;

/// A finished buffer that still lacks header, timestamp and tag: 32 free bytes ‖ buffer. What the seal writes lies at known places.
struct Unsealed {
  Bytes space;
  std::size_t timestamp_at = 0;  ///< in `space`; 8 bytes, little-endian
  std::size_t clock_at = 0;  ///< Heartbeat: of clock_boot_ns; 0: none
};

/// Thread:  one at a time; one serves all sessions of a thread (the builder's memory is reused).
class Encoder {
 public:
  [[nodiscard]] Unsealed encode(const Hello& hello);
  [[nodiscard]] Unsealed encode(const HelloAck& ack);
  [[nodiscard]] Unsealed encode(const Enrol& enrol);
  [[nodiscard]] Unsealed encode(const EnrolAck& ack);
  [[nodiscard]] Unsealed encode(const Reject& reject);
  /// Appends one buffer, or several where a list is longer than a frame may be. Details that are too long are cut; everything else over a
  /// limit refuses the whole message and appends nothing.
  /// Errors:  unsendable  the detail says what.
  [[nodiscard]] Decoded<void> encode(const Message& message, std::vector<Unsealed>& out);

 private:
  flatbuffers::FlatBufferBuilder builder_;
};

/// Whether an assignment of this template can be sent: what a scheduler asks before it accepts a job.
[[nodiscard]] Decoded<void> check_template(const TaskTemplate& task);
/// Whether an update with this result and these outputs can be sent: what an agent asks before it promises them.
[[nodiscard]] Decoded<void> check_update(const StatusUpdate& update);

/// A verified buffer whose version, timestamp and signature are good. Views the frame's bytes.
class Envelope {
 public:
  [[nodiscard]] std::int64_t timestamp_ms() const { return timestamp_ms_; }

 private:
  friend Decoded<Envelope> open_envelope(ByteView body_and_tag);
  friend class EnvelopeReader;
  const schema::MessageEnvelope* root_ = nullptr;
  std::int64_t timestamp_ms_ = 0;
};

/// `body_and_tag` is 8-aligned and ends in the frame's tag (wire::open_frame).
/// Errors:  malformed closes the connection; bad_envelope, bad_timestamp, bad_signature.
[[nodiscard]] Decoded<Envelope> open_envelope(ByteView body_and_tag);

/// Each for its frame kind; another union member is wrong_direction.
/// The seed's single TaskAssignment and StatusUpdate come as lists of one.
[[nodiscard]] Decoded<Hello> decode_hello(const Envelope& envelope);
[[nodiscard]] Decoded<HelloAck> decode_hello_ack(const Envelope& envelope);
[[nodiscard]] Decoded<Enrol> decode_enrol(const Envelope& envelope);
[[nodiscard]] Decoded<EnrolAck> decode_enrol_ack(const Envelope& envelope);
[[nodiscard]] Decoded<Reject> decode_reject(const Envelope& envelope);
[[nodiscard]] Decoded<Message> decode_message(const Envelope& envelope);

}  // namespace stint::protocol
