#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <functional>
#include <span>

#include "base/bytes.hpp"
#include "protocol/codec.hpp"
#include "schema/envelope_generated.h"
#include "wire/frame.hpp"
#include "wire/mac.hpp"

/// Frames and bodies as no honest sender makes them: everything that the codec and the writer see to can be got wrong here.
namespace stint::conform {

/// Changes header ‖ body before they are signed, so that nothing but the rule in question refuses the frame.
using Edit = std::function<void(std::span<std::uint8_t>)>;

struct FrameSpec {
  wire::Header header;  ///< lengths of 0 become the body's
  Bytes body;
  Edit edit;
};
/// header ‖ body ‖ tag.
[[nodiscard]] Bytes seal(const FrameSpec& spec, wire::MacKey& key);
/// REJECT: the tag is 32 zero bytes.
[[nodiscard]] Bytes seal_unsigned(const FrameSpec& spec);

/// The body of form A: a finished buffer without its last 32 bytes, the signature.
[[nodiscard]] Bytes body_of(protocol::Unsealed buffer, std::int64_t timestamp_ms);
[[nodiscard]] Bytes body_of(const protocol::Message& message, std::int64_t timestamp_ms);
template <class Handshake>
[[nodiscard]] Bytes handshake_body(const Handshake& message, std::int64_t timestamp_ms) {
  protocol::Encoder encoder;
  return body_of(encoder.encode(message), timestamp_ms);
}

using Builder = flatbuffers::FlatBufferBuilder;
/// Makes the message in the builder and gives its position; 0: none.
using Build = std::function<flatbuffers::Offset<void>(Builder&)>;
struct EnvelopeSpec {
  schema::SchedulerMessage type = schema::SchedulerMessage::NONE;
  Build build;
  std::int64_t timestamp_ms = 1;  ///< 0 is left out
  std::uint16_t version = 1;
  Bytes signature;  ///< empty: none, form B
};
/// Filled with zero bytes to a multiple of 8.
[[nodiscard]] Bytes make_envelope(const EnvelopeSpec& spec);

/// One raw LZ4 block of literals only: what every decoder reads, and larger than what it holds.
[[nodiscard]] Bytes literal_block(ByteView plain);
/// `block` as the body of a compressed DATA frame, padded with `pad_byte`.
struct Compressed {
  Bytes body;
  std::uint8_t flags = 0;
};
[[nodiscard]] Compressed pad_block(Bytes block, std::uint8_t pad_byte = 0);

}  // namespace stint::conform
