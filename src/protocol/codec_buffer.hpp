#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/codec.hpp"
#include "schema/envelope_generated.h"
#include "wire/frame.hpp"

/// For tests: from messages and hand-made FlatBuffers to what a receiver decodes.
namespace stint::protocol::testing {

using flatbuffers::FlatBufferBuilder;
using schema::SchedulerMessage;

/// `body ‖ tag` as a receiver has it: 8-aligned, stamped; here the tag is the signature's own bytes.
class Buffer {
 public:
  explicit Buffer(const Unsealed& from, std::int64_t timestamp_ms = 1'793'000'000'123) : bytes_(from.space) {
    store_le<std::uint64_t>(bytes_.data() + from.timestamp_at, static_cast<std::uint64_t>(timestamp_ms));
  }
  /// A builder's finished buffer without a signature: form B.
  explicit Buffer(FlatBufferBuilder& builder) : bytes_((wire::kHeaderSize + builder.GetSize() + 7) / 8 * 8 + wire::kTagSize) {
    std::copy_n(builder.GetBufferPointer(), builder.GetSize(), bytes_.begin() + wire::kHeaderSize);
  }
  [[nodiscard]] ByteView view() const { return ByteView{bytes_}.subspan(wire::kHeaderSize); }
  Bytes& bytes() { return bytes_; }

 private:
  Bytes bytes_;
};

inline Decoded<Message> decode(const Buffer& buffer) {
  const auto envelope = open_envelope(buffer.view());
  if (!envelope) return tl::unexpected(envelope.error());
  return decode_message(*envelope);
}

inline std::vector<Unsealed> encode(const Message& message) {
  Encoder encoder;
  std::vector<Unsealed> out;
  const auto encoded = encoder.encode(message, out);
  EXPECT_TRUE(encoded) << encoded.error().detail;
  return out;
}

/// The refusal of an envelope that `make` fills; `none` of them means accepted.
template <class Make>
std::string refusal(Make make) {
  FlatBufferBuilder b;
  make(b);
  const auto decoded = decode(Buffer(b));
  return decoded ? "accepted" : to_string(decoded.error().reason);
}

template <class Table>
void finish(FlatBufferBuilder& b, SchedulerMessage type, flatbuffers::Offset<Table> value) {
  schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, 1'793'000'000'000, type, value.Union()));
}

inline const schema::AttemptRef kRef(12, 0, 3, 1);

}  // namespace stint::protocol::testing
