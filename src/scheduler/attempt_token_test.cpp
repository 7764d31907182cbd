#include "scheduler/attempt_token.hpp"

#include <gtest/gtest.h>

namespace stint::scheduler {
namespace {

const Bytes kKek(32, 7);
const AttemptRef kRef{{JobId{12}, 3, 4}, 2};

TEST(AttemptTokens, NameTheAttemptTheyWereMadeFor) {
  AttemptTokens tokens(kKek);
  const std::string token = tokens.make(kRef);
  EXPECT_TRUE(token.starts_with("attempt.12.3.4.2.")) << token;
  EXPECT_EQ(tokens.check(token), kRef);
  EXPECT_EQ(AttemptTokens(kKek).check(token), kRef) << "they outlive the process";
}

TEST(AttemptTokens, OpenNothingElse) {
  AttemptTokens tokens(kKek);
  const std::string token = tokens.make(kRef);
  std::string other = token;
  other[8] = '2';
  EXPECT_FALSE(tokens.check(other)) << "of another job";
  other = token;
  other.back() = other.back() == 'a' ? 'b' : 'a';
  EXPECT_FALSE(tokens.check(other));
  EXPECT_FALSE(AttemptTokens(Bytes(32, 8)).check(token)) << "of another cell";
  for (const char* text : {"", "attempt.", "attempt.1.2.3.4", "attempt.1.2.3.4.", "stint_1_abc"}) EXPECT_FALSE(tokens.check(text)) << text;
}

}  // namespace
}  // namespace stint::scheduler
