#include "client/views.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

TEST(Views, AResultIsTextWithNumbersAsPeopleWriteThem) {
  const auto result = parse_result_view(R"({"task":"1.main","result":{"acc":9.3E-1,"n":[1,2.5,-3],"say":"a\"b","none":null}})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->task, "1.main");
  EXPECT_EQ(result->json, R"({"acc":0.93,"n":[1,2.5,-3],"say":"a\"b","none":null})");
  EXPECT_FALSE(parse_result_view(R"({"task":"1.main"})"));
}

TEST(Views, APersonHasClaims) {
  const auto person = parse_agent_view(
      R"({"name":"ann","kind":"person","running":2,"claims":[{"task":"1.ask.0","attempt":1,"lease_until":"2026-11-22T08:40:00.123Z"}]})");
  ASSERT_TRUE(person);
  EXPECT_TRUE(person->is_person);
  ASSERT_EQ(person->claims.size(), 1U);
  EXPECT_EQ(person->claims[0].task, "1.ask.0");
  EXPECT_EQ(person->claims[0].lease_until, "2026-11-22T08:40:00.123Z");
  EXPECT_FALSE(parse_agent_view(R"({"name":"box7"})")->is_person) << "of an older scheduler";
}

TEST(Views, ATaskSaysWhetherItHasAResultAndUntilWhenItIsClaimed) {
  const auto task = parse_task_view(R"({"id":"1.ask.0","state":"running","lease_until":"2026-11-22T08:40:00.123Z","has_result":true})");
  ASSERT_TRUE(task);
  EXPECT_EQ(task->lease_until, "2026-11-22T08:40:00.123Z");
  EXPECT_TRUE(task->has_result);
}

}  // namespace
}  // namespace stint::client
