#include "core/model/scope.hpp"

#include <gtest/gtest.h>

namespace stint::core {
namespace {

TEST(Scopes, AdminAllowsAllAndEveryScopeAllowsReading) {
  for (const Scope held : kScopes)
    for (const Scope wanted : kScopes)
      EXPECT_EQ(Scopes{held}.allow(wanted), held == wanted || held == Scope::admin || wanted == Scope::read)
          << to_string(held) << " for " << to_string(wanted);
  EXPECT_FALSE(Scopes{}.allow(Scope::read));
}

TEST(Scopes, OneOfSeveralIsEnough) {
  const Scopes wanted{Scope::submit, Scope::operate};
  EXPECT_TRUE(Scopes{Scope::operate}.allow_any(wanted));
  EXPECT_TRUE(Scopes{Scope::admin}.allow_any(wanted));
  EXPECT_FALSE((Scopes{Scope::read, Scope::work}.allow_any(wanted)));
  EXPECT_FALSE(Scopes{Scope::admin}.allow_any({}));
}

TEST(Scopes, WordsAreReadBack) {
  const Scopes scopes{Scope::work, Scope::read};
  EXPECT_EQ(to_string(scopes), "read, work");
  EXPECT_EQ(parse_scopes("read, work"), scopes);
  EXPECT_EQ(parse_scopes("work,read,work"), scopes);
  for (const auto* wrong : {"", ",", "read,", "reed", "Read", "read submit"}) {
    const auto parsed = parse_scopes(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_NE(parsed.error().detail.find("read, submit, work, operate, admin"), std::string::npos);
  }
}

}  // namespace
}  // namespace stint::core
