#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace stint {
namespace {

TEST(Utf8, CharactersHaveOneToFourBytes) {
  EXPECT_EQ(utf8_character("a"), 1U);
  EXPECT_EQ(utf8_character("\xC3\xA9"), 2U);
  EXPECT_EQ(utf8_character("\xE2\x80\xA6"), 3U);
  EXPECT_EQ(utf8_character("\xF0\x9F\x90\x88"), 4U);
}

TEST(Utf8, WhatIsCutOffOverlongOrASurrogateIsNone) {
  for (const char* text : {"\xC3", "\xE2\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\x80", "\xFF"})
    EXPECT_EQ(utf8_character(text), 0U);
}

TEST(Utf8, TheFirstBrokenByteIsFound) {
  EXPECT_EQ(utf8_end("abc"), 3U);
  EXPECT_EQ(utf8_end("ab\xC3\xA9\xFFz"), 4U);
  EXPECT_EQ(utf8_end(""), 0U);
}

}  // namespace
}  // namespace stint
