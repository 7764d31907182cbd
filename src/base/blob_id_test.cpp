#include "base/blob_id.hpp"

#include <gtest/gtest.h>

namespace stint {
namespace {

TEST(BlobId, TextAndBack) {
  const std::string text = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  const auto id = parse_blob_id(text);
  ASSERT_TRUE(id);
  EXPECT_TRUE(*id);
  EXPECT_EQ(id->bytes[1], 0x11);
  EXPECT_EQ(to_hex(*id), text);
}

TEST(BlobId, RefusesWhatIsNot64Digits) {
  EXPECT_FALSE(parse_blob_id(""));
  EXPECT_FALSE(parse_blob_id("ab"));
  EXPECT_FALSE(parse_blob_id(std::string(63, 'a')));
  EXPECT_FALSE(parse_blob_id(std::string(65, 'a')));
  EXPECT_FALSE(parse_blob_id(std::string(63, 'a') + "g"));
}

TEST(BlobId, AllZeroIsNone) { EXPECT_FALSE(BlobId{}); }

}  // namespace
}  // namespace stint
