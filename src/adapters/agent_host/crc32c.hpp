#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace stint::agent_host {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4) of `bytes`, going on from `before`, the checksum of what stands before them; 0: nothing
/// does.
[[nodiscard]] std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0);

/// The same on processors that have no instruction for it.
[[nodiscard]] std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t before = 0);

}  // namespace stint::agent_host
