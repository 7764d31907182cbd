#include "client/glyphs.hpp"

#include <gtest/gtest.h>

#include "client/text.hpp"

namespace stint::client {
namespace {

TEST(Printable, NothingCommandsTheTerminal) {
  EXPECT_EQ(printable("loss\x1b[31m 0.2\a"), "loss?[31m 0.2?");
  EXPECT_EQ(printable("two\nlines\tand\rmore"), "two lines and more");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m")
      << "the one-byte form of ESC [";
  EXPECT_EQ(printable("abc\xe2\x80\xae"
                      "def"),
            "abc?def")
      << "right-to-left override";
  EXPECT_EQ(printable("\xff\xc3["), "??[");
  EXPECT_EQ(printable("Zürich 東京"), "Zürich 東京");
}

TEST(Width, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("東京"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U) << "a combining accent takes no column of its own";
  EXPECT_EQ(shorten("東京都", 4), "東…");
  EXPECT_EQ(shorten("東京", 4), "東京");
}

TEST(Ascii, MarksBecomeTheirLikes) {
  EXPECT_EQ(to_ascii("3 running · 1 failed … █░"), "3 running - 1 failed ~ #.");
  EXPECT_EQ(to_ascii("東\xff"), "??");
}

}  // namespace
}  // namespace stint::client
