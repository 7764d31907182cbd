#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace stint::wire {

/// Decompresses one LZ4 block. True if it is a block by the letter of the format and yields exactly `out.size()` bytes.
///
/// Stricter than liblz4 in one point: an offset of 0, which the format forbids, is refused. liblz4 lets it pass, and what it then puts out
/// is up to the version; two peers must never read different bytes out of one authentic frame.
[[nodiscard]] bool decompress_block(ByteView block, std::span<std::uint8_t> out);

}  // namespace stint::wire
