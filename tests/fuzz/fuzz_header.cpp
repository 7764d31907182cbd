// Any 32 bytes: what parse_header accepts must obey the table of docs/protocol.md and come out again byte by byte.

#include <algorithm>

#include "base/assert.hpp"
#include "wire/frame.hpp"

using namespace stint;
using namespace stint::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size != kHeaderSize) return 0;
  const std::span<const std::uint8_t, kHeaderSize> bytes(data, kHeaderSize);
  Header header;
  if (parse_header(bytes, limits::kBodyDefault, limits::kBodyDefault, header) != FrameError::ok) return 0;

  STINT_ASSERT(header.body_length != 0 && header.body_length <= limits::kBodyDefault && header.body_length % kAlignment == 0);
  STINT_ASSERT(header.raw_length != 0 && header.raw_length <= limits::kBodyDefault && header.raw_length % kAlignment == 0);
  STINT_ASSERT(header.is_compressed() || (header.raw_length == header.body_length && header.pad() == 0));
  STINT_ASSERT(!header.is_compressed() || header.kind == FrameKind::data);
  STINT_ASSERT(header.pad() < header.body_length);

  std::array<std::uint8_t, kHeaderSize> written;
  write_header(header, written);
  STINT_ASSERT(std::equal(written.begin(), written.end(), bytes.begin()));
  return 0;
}
