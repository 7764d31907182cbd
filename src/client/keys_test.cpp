#include "client/keys.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

using Kind = Key::Kind;

std::vector<Kind> kinds(const std::vector<Key>& keys) {
  std::vector<Kind> found;
  for (const Key& key : keys) found.push_back(key.kind);
  return found;
}

TEST(KeyReader, KnowsWhatTerminalsSend) {
  KeyReader reader;
  EXPECT_EQ(kinds(reader.feed("\x1b[A\x1b[B\x1bOC\x1b[D")), (std::vector{Kind::up, Kind::down, Kind::right, Kind::left}));
  EXPECT_EQ(kinds(reader.feed("\x1b[5~\x1b[6~\x1b[H\x1b[4~\x1b[Z")),
            (std::vector{Kind::page_up, Kind::page_down, Kind::home, Kind::end, Kind::back_tab}));
  EXPECT_EQ(kinds(reader.feed("\r\t\x7f")), (std::vector{Kind::enter, Kind::tab, Kind::backspace}));
  EXPECT_EQ(reader.feed("jé"), (std::vector<Key>{{Kind::character, "j"}, {Kind::character, "é"}}));
  EXPECT_EQ(kinds(reader.feed("\x1b[1;5A")), std::vector{Kind::up}) << "with a modifier";
  EXPECT_TRUE(reader.feed("\x1b[15~\x01").empty()) << "what it does not know is no key";
}

TEST(KeyReader, PutsHalvesTogether) {
  KeyReader reader;
  EXPECT_TRUE(reader.feed("\x1b").empty());
  EXPECT_TRUE(reader.feed("[").empty());
  EXPECT_EQ(kinds(reader.feed("A")), std::vector{Kind::up});
  EXPECT_TRUE(reader.feed("\xc3").empty());
  EXPECT_EQ(reader.feed("\xa9"), (std::vector<Key>{{Kind::character, "é"}}));
}

TEST(KeyReader, ALoneEscapeIsAKeyWhenNothingFollows) {
  KeyReader reader;
  EXPECT_TRUE(reader.feed("\x1b").empty());
  EXPECT_EQ(kinds(reader.flush()), std::vector{Kind::escape});
  EXPECT_TRUE(reader.flush().empty());
  EXPECT_EQ(kinds(reader.feed("\x1bq")), (std::vector{Kind::escape, Kind::character}));
}

}  // namespace
}  // namespace stint::client
