#include "client/context.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

TEST(ServerAddress, TakesWhatPeopleWrite) {
  EXPECT_EQ(parse_server("http://127.0.0.1:7464"), (ServerAddress{"127.0.0.1", 7464}));
  EXPECT_EQ(parse_server("box:80"), (ServerAddress{"box", 80}));
  EXPECT_EQ(parse_server("box"), (ServerAddress{"box", kDefaultPort}));
  EXPECT_EQ(parse_server("http://box/"), (ServerAddress{"box", kDefaultPort}));
  EXPECT_EQ(parse_server("[::1]:9"), (ServerAddress{"::1", 9}));
  EXPECT_EQ(to_url({"::1", 9}), "http://[::1]:9");
  EXPECT_EQ(to_url({"box", 80}), "http://box:80");
}

TEST(ServerAddress, SaysWhatIsWrong) {
  for (const char* wrong : {"", "http://", ":80", "box:", "box:0", "box:65536", "box:8x", "box/path", "[::1", "[::1]9", "a b"})
    EXPECT_EQ(parse_server(wrong).error().code, Errc::invalid_argument) << wrong;
  EXPECT_EQ(parse_server("https://box").error().detail, "server \"https://box\": TLS is not in this version; expected http://HOST:PORT");
}

TEST(Context, RoundTrip) {
  const Context context{"http://127.0.0.1:7464", "a\"b"};
  EXPECT_EQ(parse_context(to_json(context)), context);
  for (const char* wrong : {"", "[]", "{}", R"({"server":"x"})", R"({"server":1,"token":"t"})"})
    EXPECT_FALSE(parse_context(wrong)) << wrong;
}

}  // namespace
}  // namespace stint::client
