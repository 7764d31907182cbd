#include "adapters/agent_host/crc32c.hpp"

#include <gtest/gtest.h>

namespace stint::agent_host {
namespace {

TEST(Crc32c, KnownValues) {
  // RFC 3720, appendix B.4, and the usual check value of the nine digits.
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8A9136AAU);
  EXPECT_EQ(crc32c(Bytes(32, 0xFF)), 0x62A8AB43U);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, OfPiecesAsOfTheWholeWithAndWithoutTheInstruction) {
  Bytes bytes(301);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i + 3 * i);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const ByteView all(bytes);
    EXPECT_EQ(crc32c(all.first(cut)), crc32c_by_table(all.first(cut))) << cut;
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << cut;
    EXPECT_EQ(crc32c_by_table(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << cut;
  }
}

}  // namespace
}  // namespace stint::agent_host
