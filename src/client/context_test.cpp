#include "client/context.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

TEST(ServerAddress, TakesWhatPeopleWrite) {
  EXPECT_EQ(parse_server("http://127.0.0.1:7464"), (ServerAddress{"127.0.0.1", 7464, false}));
  EXPECT_EQ(parse_server("http://box:80"), (ServerAddress{"box", 80, false}));
  EXPECT_EQ(parse_server("https://127.0.0.1:80"), (ServerAddress{"127.0.0.1", 80, true}));
  EXPECT_EQ(parse_server("https://box"), (ServerAddress{"box", kDefaultPort, true}));
  EXPECT_EQ(parse_server("http://box/"), (ServerAddress{"box", kDefaultPort, false}));
  EXPECT_EQ(parse_server("[::1]:9"), (ServerAddress{"::1", 9, false}));
  EXPECT_EQ(to_url({"::1", 9}), "http://[::1]:9");
  EXPECT_EQ(to_url({"box", 80}), "http://box:80");
  EXPECT_EQ(to_url({"::1", 9, true}), "https://[::1]:9");
}

TEST(ServerAddress, WithoutASchemeOnlyWhatStaysOnTheMachineIsPlain) {
  for (const char* local : {"127.0.0.1", "127.8.9.1:80", "localhost:1", "[::1]:9"}) EXPECT_FALSE(parse_server(local)->tls) << local;
  for (const char* far : {"box", "10.0.0.1:80", "localhost.example", "127.example:1", "[::2]", "0.0.0.0"})
    EXPECT_TRUE(parse_server(far)->tls) << far;
}

TEST(ServerAddress, SaysWhatIsWrong) {
  for (const char* wrong : {"", "http://", ":80", "box:", "box:0", "box:65536", "box:8x", "box/path", "[::1", "[::1]9", "a b"})
    EXPECT_EQ(parse_server(wrong).error().code, Errc::invalid_argument) << wrong;
  EXPECT_EQ(parse_server("http://").error().detail, "server \"http://\": no host; expected https://HOST:PORT or http://HOST:PORT");
}

TEST(Context, RoundTrip) {
  Context context{"http://127.0.0.1:7464", "a\"b", {}};
  EXPECT_EQ(parse_context(to_json(context)), context);
  context.tls_pins = {*parse_pin("sha256:" + std::string(64, '1')), *parse_pin("sha256:" + std::string(64, '2'))};
  EXPECT_EQ(parse_context(to_json(context)), context);
  for (const char* wrong :
       {"", "[]", "{}", R"({"server":"x"})", R"({"server":1,"token":"t"})", R"({"server":"x","token":"t","tls_pin":"y"})"})
    EXPECT_FALSE(parse_context(wrong)) << wrong;
}

}  // namespace
}  // namespace stint::client
