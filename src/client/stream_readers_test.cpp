#include "client/stream_readers.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace stint::client {
namespace {

/// What a reader makes of `bytes` when they come in pieces of `piece` bytes.
std::vector<std::string> lines_of(std::string_view bytes, std::size_t piece) {
  LineReader reader;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    reader.feed(bytes.substr(at, piece), [&](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
  return lines;
}

TEST(LineReader, PiecesOfAnySizeGiveTheSameLines) {
  const std::vector<std::string> expected{"one", "", "two", "th\rree"};
  for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(lines_of("one\n\ntwo\r\nth\rree\nunfinished", piece), expected) << piece;
}

TEST(LineReader, StopsWhenAsked) {
  LineReader reader;
  int count = 0;
  EXPECT_FALSE(reader.feed("a\nb\nc\n", [&](std::string_view) { return ++count < 2; }));
  EXPECT_EQ(count, 2);
}

TEST(EventReader, ReadsIdKindAndData) {
  const std::string_view bytes =
      ": a comment\n\n"
      "id: 7\nevent: job_ended\ndata: {\"a\":1,\ndata: \"b\":2}\n\n"
      "event: ignored, as it has no data\n\n"
      "data:x\nid: 8\nunknown: y\n\n"
      "id: 9\ndata: unfinished\n";
  for (std::size_t piece = 1; piece < 30; ++piece) {
    EventReader reader;
    std::vector<ServerEvent> events;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      reader.feed(bytes.substr(at, piece), [&](const ServerEvent& event) {
        events.push_back(event);
        return true;
      });
    ASSERT_EQ(events.size(), 2U) << piece;
    EXPECT_EQ(events[0].id, 7U);
    EXPECT_EQ(events[0].kind, "job_ended");
    EXPECT_EQ(events[0].data, "{\"a\":1,\n\"b\":2}");
    EXPECT_EQ(events[1].id, 8U);
    EXPECT_EQ(events[1].kind, "message");
    EXPECT_EQ(events[1].data, "x");
  }
}

TEST(Base64, DecodesBytesAndRefusesTheRest) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decode_base64("AP+A"), std::string("\0\xFF\x80", 3));
  for (const char* wrong : {"Z", "Zg", "Zg=", "====", "Z===", "Zm9!", "Zg==Zg=="}) EXPECT_FALSE(decode_base64(wrong)) << wrong;
}

}  // namespace
}  // namespace stint::client
