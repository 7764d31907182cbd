#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace stint {
namespace {

TEST(Base64, Rfc4648Vectors) {
  EXPECT_EQ(to_base64(as_bytes("")), "");
  EXPECT_EQ(to_base64(as_bytes("f")), "Zg==");
  EXPECT_EQ(to_base64(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(to_base64(as_bytes("foo")), "Zm9v");
  EXPECT_EQ(to_base64(as_bytes("foob")), "Zm9vYg==");
  EXPECT_EQ(to_base64(as_bytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
}

TEST(Hex, GoesBothWaysAndRefusesWhatIsNone) {
  Bytes out;
  ASSERT_TRUE(from_hex("00ffA5", out));
  EXPECT_EQ(to_hex(out), "00ffa5");
  EXPECT_FALSE(from_hex("0", out));
  EXPECT_FALSE(from_hex("0g", out));
}

}  // namespace
}  // namespace stint
