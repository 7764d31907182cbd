#pragma once

#include <vector>

#include "protocol/codec.hpp"
#include "wire/aligned_buffer.hpp"
#include "wire/frame_writer.hpp"

namespace stint::protocol {

/// What one frame needs while it is made or read; nothing in it outlives a call.
class SessionScratch {
 public:
  Encoder encoder;
  wire::FrameWriter writer;
  wire::AlignedBuffer plain;     ///< a decompressed body
  std::vector<Unsealed> parts;   ///< of the message being sent
};

}  // namespace stint::protocol
