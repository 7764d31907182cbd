#include "client/log_tail.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

std::vector<std::string> texts(const std::vector<LogTail::Line>& lines) {
  std::vector<std::string> found;
  for (const auto& line : lines) found.push_back((line.is_stderr ? "2:" : "1:") + line.text + (line.is_whole ? "" : "~"));
  return found;
}

LogLine chunk(const std::string& bytes, bool is_stderr = false) {
  LogLine line;
  line.is_stderr = is_stderr;
  line.bytes = bytes;
  return line;
}

TEST(LineCutter, PutsTogetherWhatCameInPieces) {
  LineCutter cutter;
  std::vector<LogTail::Line> lines;
  cutter.add(chunk("one\ntw"), lines);
  cutter.add(chunk("oops\n", true), lines);
  cutter.add(chunk("o\n\nend"), lines);
  cutter.finish(lines);
  EXPECT_EQ(texts(lines), (std::vector<std::string>{"1:one", "2:oops", "1:two", "1:", "1:end~"}));
}

/// Answers each request for a tail with the last chunks of a log of numbered lines.
class TailHttp final : public ports::HttpClient {
 public:
  std::string log;
  std::vector<std::size_t> asked;

  Result<ports::HttpAnswer> call(const ports::HttpCall&) override { return fail(Errc::unsupported, "only streams here"); }
  Result<ports::HttpAnswer> stream(const ports::HttpCall& call, const OnBytes& on_bytes) override {
    const std::size_t bytes = std::stoul(call.target.substr(call.target.find("tail_bytes=") + 11));
    asked.push_back(bytes);
    const std::size_t offset = log.size() - std::min(log.size(), bytes);
    on_bytes("{\"seq\":7,\"attempt\":1,\"stream\":\"stdout\",\"offset\":" + std::to_string(offset) + ",\"data\":\"" +
             base64(log.substr(offset)) + "\"}\n");
    return ports::HttpAnswer{200, "application/x-ndjson", ""};
  }
  bool pause(Duration) override { return false; }

 private:
  static std::string base64(const std::string& bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      const auto byte = [&](std::size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U; };
      const unsigned three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
      for (int j = 0; j < 4; ++j) text += kDigits[three >> (18 - 6 * j) & 63];
    }
    if (bytes.size() % 3 > 0) text.replace(text.size() - (3 - bytes.size() % 3), std::string::npos, bytes.size() % 3 == 1 ? "==" : "=");
    return text;
  }
};

TEST(Tail, AsksForLittleAndForMoreOnlyWhenLinesAreLong) {
  TailHttp http;
  Api api(http, {});
  for (int i = 0; i < 10'000; ++i) http.log += "line " + std::to_string(i) + "\n";
  const auto some = read_tail(api, "12.main", std::nullopt, 3, false);
  ASSERT_TRUE(some);
  EXPECT_EQ(texts(some->lines), (std::vector<std::string>{"1:line 9997", "1:line 9998", "1:line 9999"}));
  EXPECT_EQ(http.asked.size(), 1U);
  http.log += std::string(100'000, 'x') + "\n";
  const auto longer = read_tail(api, "12.main", std::nullopt, 2, false);
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->lines.front().text, "line 9999");
  EXPECT_EQ(longer->lines.back().text.size(), 100'000U);
  EXPECT_LE(http.asked.back(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace stint::client
