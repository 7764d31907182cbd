#include "wire/lz4_block.hpp"

#include <lz4.h>

namespace stint::wire {
namespace {

// A block is a list of sequences:
//
//   token             1 byte: literal length (high 4 bits), match length - 4 (low 4 bits)
//   more literals     if the high bits are 15: bytes to add, up to and with the first that is not 255
//   literals
//   offset            2 bytes, little-endian; the last sequence of a block ends before it
//   more match        as above, if the low bits are 15
constexpr std::size_t kLengthEscape = 15;
constexpr std::size_t kOffsetSize = 2;

/// Reads the bytes that lengthen an escaped length and moves `at` past them; false at the end of the block.
bool extend_length(ByteView block, std::size_t& at, std::size_t& length) {
  if (length != kLengthEscape) return true;
  while (at < block.size()) {
    const std::uint8_t more = block[at++];
    length += more;
    if (more != 255) return true;
  }
  return false;
}

/// Only that: any other fault ends the walk and is left to liblz4.
bool has_zero_offset(ByteView block) {
  for (std::size_t at = 0; at < block.size();) {
    const std::uint8_t token = block[at++];
    std::size_t literals = token >> 4;
    if (!extend_length(block, at, literals)) return false;
    if (block.size() - at < literals + kOffsetSize) return false;  // the last sequence
    at += literals;
    if (load_le<std::uint16_t>(&block[at]) == 0) return true;
    at += kOffsetSize;
    std::size_t match = token & kLengthEscape;
    if (!extend_length(block, at, match)) return false;
  }
  return false;
}

}  // namespace

bool decompress_block(ByteView block, std::span<std::uint8_t> out) {
  if (has_zero_offset(block)) return false;
  const int written = LZ4_decompress_safe(reinterpret_cast<const char*>(block.data()), reinterpret_cast<char*>(out.data()),
                                          static_cast<int>(block.size()), static_cast<int>(out.size()));
  return written >= 0 && static_cast<std::size_t>(written) == out.size();
}

}  // namespace stint::wire
