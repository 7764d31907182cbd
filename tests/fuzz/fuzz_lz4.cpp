// The input's first two bytes announce the raw length, in units of 8; the rest is a block. Whatever it is, decompression stays within its
// output and gives the same bytes into clean and into dirty memory: nothing of the buffer's past may shine through. Then the block, taken
// as plain bytes, must survive a compressed frame.

#include <algorithm>

#include "base/assert.hpp"
#include "wire/frame_reader.hpp"
#include "wire/frame_writer.hpp"
#include "wire/lz4_block.hpp"

using namespace stint;
using namespace stint::wire;

namespace {

void check_decompression(ByteView block, std::size_t raw_length) {
  Bytes clean(raw_length, 0x00);
  Bytes dirty(raw_length, 0xa5);
  const bool into_clean = decompress_block(block, clean);
  STINT_ASSERT(into_clean == decompress_block(block, dirty));
  STINT_ASSERT(!into_clean || clean == dirty);
}

void check_round_trip(ByteView plain) {
  MacKey key(Bytes(32, 1));
  FrameWriter writer;
  const auto written = writer.write({.kind = FrameKind::data, .sequence = 1}, plain, key, Compression::allowed);
  STINT_ASSERT(written.has_value());
  RawFrame frame;
  STINT_ASSERT(parse_frame(*written, {limits::kBodyDefault, limits::kBodyDefault}, frame) == FrameError::ok);
  AlignedBuffer scratch;
  const auto opened = open_frame(frame, key, 1, scratch);
  STINT_ASSERT(opened.has_value());
  STINT_ASSERT(std::equal(plain.begin(), plain.end(), opened->begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= 2) return 0;
  const ByteView block{data + 2, size - 2};
  check_decompression(block, std::max<std::size_t>(1, load_le<std::uint16_t>(data)) * kAlignment);
  check_round_trip(block);
  return 0;
}
