// A stream of frames, cut anywhere. The input's first byte says how large the pieces are and whether the MACs are put right, without which
// nothing behind the MAC is ever reached. However the stream is cut, the same frames come out, aligned, and memory stays in proportion.

#include <algorithm>
#include <vector>

#include "base/assert.hpp"
#include "wire/frame_reader.hpp"

using namespace stint;
using namespace stint::wire;

namespace {

constexpr std::uint32_t kLimit = 64 * 1024;

struct Outcome {
  std::vector<FrameError> verdicts;
  FrameError end = FrameError::ok;
  bool operator==(const Outcome&) const = default;
};

MacKey make_key() { return MacKey(Bytes(32, 0x42)); }

/// Signs every whole frame of the stream in place.
void sign_frames(Bytes& stream) {
  auto key = make_key();
  for (std::size_t at = 0; stream.size() - at >= kFrameOverhead;) {
    const std::span<std::uint8_t> rest = std::span(stream).subspan(at);
    Header header;
    if (parse_header(rest.first<kHeaderSize>(), kLimit, kLimit, header) != FrameError::ok) return;
    if (rest.size() < header.frame_size()) return;
    const auto frame = rest.first(header.frame_size());
    if (header.kind == FrameKind::reject) {
      std::fill(frame.end() - kTagSize, frame.end(), std::uint8_t{0});
    } else {
      key.tag(frame.first(frame.size() - kTagSize), {}, frame.last<kTagSize>());
    }
    at += frame.size();
  }
}

FrameError open(const RawFrame& frame, MacKey& key, AlignedBuffer& scratch) {
  const auto opened = frame.header.kind == FrameKind::reject ? open_reject(frame) : open_frame(frame, key, frame.header.sequence, scratch);
  if (!opened) return opened.error();
  STINT_ASSERT(opened->size() == std::size_t{frame.header.raw_length} + kTagSize);
  STINT_ASSERT(reinterpret_cast<std::uintptr_t>(opened->data()) % kAlignment == 0);
  return FrameError::ok;
}

Outcome receive(ByteView stream, std::size_t piece) {
  FrameReader reader(FrameLimits{kLimit, kLimit});
  auto key = make_key();
  AlignedBuffer scratch;
  Outcome outcome;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    reader.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
    while (const auto frame = reader.next()) outcome.verdicts.push_back(open(*frame, key, scratch));
    STINT_ASSERT(reader.capacity() <= std::max(2 * stream.size(), limits::kReceiveInitial) + kAlignment);
  }
  outcome.end = reader.error();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + (data[0] >> 1);
  Bytes stream(data + 1, data + size);
  if ((data[0] & 1) != 0) sign_frames(stream);
  STINT_ASSERT(receive(stream, piece) == receive(stream, std::max<std::size_t>(1, stream.size())));
  return 0;
}
