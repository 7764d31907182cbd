#include "apps/stint-conform/forge.hpp"

#include <algorithm>
#include <vector>

namespace stint::conform {
namespace {

constexpr std::size_t kLiteralsInToken = 15;
constexpr std::size_t kLengthByteMax = 255;

Bytes make_signed_part(const FrameSpec& spec) {
  wire::Header header = spec.header;
  if (header.body_length == 0) header.body_length = static_cast<std::uint32_t>(spec.body.size());
  if (header.raw_length == 0) header.raw_length = header.body_length;
  Bytes frame(wire::kHeaderSize);
  wire::write_header(header, std::span<std::uint8_t, wire::kHeaderSize>(frame));
  frame.insert(frame.end(), spec.body.begin(), spec.body.end());
  if (spec.edit) spec.edit(frame);
  return frame;
}

}  // namespace

Bytes seal(const FrameSpec& spec, wire::MacKey& key) {
  Bytes frame = make_signed_part(spec);
  const std::size_t size = frame.size();
  frame.resize(size + wire::kTagSize);
  key.tag(ByteView{frame}.first(size), {}, std::span{frame}.last<wire::kTagSize>());
  return frame;
}

Bytes seal_unsigned(const FrameSpec& spec) {
  Bytes frame = make_signed_part(spec);
  frame.resize(frame.size() + wire::kTagSize);
  return frame;
}

Bytes body_of(protocol::Unsealed buffer, std::int64_t timestamp_ms) {
  store_le<std::uint64_t>(buffer.space.data() + buffer.timestamp_at, static_cast<std::uint64_t>(timestamp_ms));
  const auto body = ByteView{buffer.space}.subspan(wire::kHeaderSize, buffer.space.size() - wire::kFrameOverhead);
  return {body.begin(), body.end()};
}

Bytes body_of(const protocol::Message& message, std::int64_t timestamp_ms) {
  protocol::Encoder encoder;
  std::vector<protocol::Unsealed> parts;
  if (!encoder.encode(message, parts) || parts.empty()) return {};
  return body_of(std::move(parts.front()), timestamp_ms);
}

Bytes make_envelope(const EnvelopeSpec& spec) {
  Builder b;
  flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> signature;
  if (!spec.signature.empty()) signature = b.CreateVector(spec.signature);
  const flatbuffers::Offset<void> value = spec.build ? spec.build(b) : flatbuffers::Offset<void>{};
  const auto timestamp = static_cast<std::uint64_t>(spec.timestamp_ms);
  b.Finish(schema::CreateMessageEnvelope(b, spec.version, timestamp, spec.type, value, signature));
  Bytes body{b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
  body.resize((body.size() + wire::kAlignment - 1) / wire::kAlignment * wire::kAlignment);
  return body;
}

Bytes literal_block(ByteView plain) {
  Bytes block;
  const std::size_t size = plain.size();
  block.push_back(static_cast<std::uint8_t>(std::min(size, kLiteralsInToken) << 4));
  if (size >= kLiteralsInToken) {
    std::size_t rest = size - kLiteralsInToken;
    for (; rest >= kLengthByteMax; rest -= kLengthByteMax) block.push_back(static_cast<std::uint8_t>(kLengthByteMax));
    block.push_back(static_cast<std::uint8_t>(rest));
  }
  block.insert(block.end(), plain.begin(), plain.end());
  return block;
}

Compressed pad_block(Bytes block, std::uint8_t pad_byte) {
  const std::size_t pad = (wire::kAlignment - block.size() % wire::kAlignment) % wire::kAlignment;
  block.insert(block.end(), pad, pad_byte);
  return {std::move(block), static_cast<std::uint8_t>(wire::kFlagLz4 | (pad << wire::kFlagPadShift))};
}

}  // namespace stint::conform
