#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <vector>

#include "schema/envelope_generated.h"
#include "wire/frame_reader.hpp"
#include "wire/frame_writer.hpp"

namespace stint::bench {

/// The sending half: the envelope is built around the payload, which is copied once, straight into the FlatBuffer (form A); a long one
/// while it is signed. So does a session but for the long ones: those are logs, which it compresses. A returned frame lives until the next
/// call.
class Sender {
 public:
  explicit Sender(ByteView key) : key_(key) {}

  /// A LogChunk that carries `payload`. Sizes above the 64 KiB that a session accepts are for measuring only.
  [[nodiscard]] ByteView send_bytes(ByteView payload);
  /// A StatusUpdate with so many metrics under ten names.
  [[nodiscard]] ByteView send_metrics(std::size_t count);

 private:
  using Signature = flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>>;

  Signature begin();
  void finish(schema::SchedulerMessage type, flatbuffers::Offset<void> message, Signature signature);
  ByteView sign();
  ByteView sign_filling(ByteView payload);

  flatbuffers::FlatBufferBuilder builder_;
  std::vector<flatbuffers::Offset<schema::Metric>> metrics_;
  wire::FrameWriter writer_;
  wire::MacKey key_;
};

/// The receiving half: header, MAC, sequence, FlatBuffers verifier with the protocol's limits, and a read of the message.
/// The frame's bytes lie in memory already; reading a socket is not part of it.
class Receiver {
 public:
  explicit Receiver(ByteView key) : key_(key) {}

  /// A number made of what was read, so that reading cannot be left out; 0 if the frame was refused.
  [[nodiscard]] std::uint64_t receive(ByteView frame);

 private:
  wire::MacKey key_;
  wire::AlignedBuffer scratch_;
};

}  // namespace stint::bench
