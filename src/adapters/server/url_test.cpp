#include "adapters/server/url.hpp"

#include <gtest/gtest.h>

namespace stint::server {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

TEST(ParseTarget, SplitsAndDecodes) {
  std::string path;
  Query query;
  ASSERT_TRUE(parse_target("/v1/tasks/12.main%2E3?after=a%26b&follow&x=1+2", path, query));
  EXPECT_EQ(path, "/v1/tasks/12.main.3");
  EXPECT_EQ(query, (Query{{"after", "a&b"}, {"follow", ""}, {"x", "1 2"}}));
}

TEST(ParseTarget, RefusesBrokenEscapes) {
  std::string path;
  Query query;
  for (const char* broken : {"/a%", "/a%4", "/a%zz", "/a?b=%", "/a?%1=c", "/%g0"}) {
    query.clear();
    EXPECT_FALSE(parse_target(broken, path, query)) << broken;
  }
}

TEST(ParseTarget, APlusInThePathIsAPlus) {
  std::string path;
  Query query;
  ASSERT_TRUE(parse_target("/a+b", path, query));
  EXPECT_EQ(path, "/a+b");
}

}  // namespace
}  // namespace stint::server
