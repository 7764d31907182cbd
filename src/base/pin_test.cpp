#include "base/pin.hpp"

#include <gtest/gtest.h>

namespace stint {
namespace {

const std::string kHex(64, 'a');

TEST(Pin, IsReadAsItIsWritten) {
  const auto pin = parse_pin("sha256:" + kHex);
  ASSERT_TRUE(pin) << pin.error().detail;
  EXPECT_EQ(to_text(*pin), "sha256:" + kHex);
  EXPECT_EQ(*parse_pin("sha256:" + std::string(64, 'A')), *pin) << "capitals are the same digits";
}

TEST(Pin, EveryByteCounts) {
  const Pin pin = *parse_pin("sha256:" + kHex);
  for (std::size_t i = 0; i < 32; ++i) {
    Pin other = pin;
    other.spki_sha256[i] ^= 1;
    EXPECT_FALSE(pin == other) << i;
  }
}

TEST(Pin, WhatIsNoPinIsSaidToBeNone) {
  for (const std::string& wrong : {std::string(), kHex, "sha1:" + kHex, "sha256:" + kHex + "a", "sha256:" + std::string(64, 'g')})
    EXPECT_EQ(parse_pin(wrong).error().code, Errc::invalid_argument) << wrong;
}

TEST(Pin, ListsHaveALimit) {
  const std::string one = "sha256:" + kHex;
  EXPECT_TRUE(parse_pins("")->empty());
  EXPECT_EQ(parse_pins(" " + one + ", " + one + "\n")->size(), 2U);
  EXPECT_EQ(to_text(*parse_pins(one + "," + one)), one + "," + one);
  EXPECT_FALSE(parse_pins(one + ",x"));
  std::string many;
  for (std::size_t i = 0; i <= kPinsMax; ++i) many += one + ",";
  EXPECT_EQ(parse_pins(many).error().code, Errc::out_of_range);
}

}  // namespace
}  // namespace stint
