#include "client/plan.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

TEST(Plan, SaysWhereTasksWouldRunAndWhatKeepsThem) {
  const auto plan =
      parse_plan(R"({"tasks":[{"name":"a","count":6,"starts_now":4,"placeable":true,"nearest":null,"summary":"4 of 6 start now","agents":[)"
                 R"({"agent":"n1","fits_now":4,"clauses":[]},{"agent":"n2","fits_now":0,"clauses":)"
                 R"([{"clause":"memory","permanent":false,"text":"2Gi missing"}]}]},)"
                 R"({"name":"b","count":null,"starts_now":0,)"
                 R"("placeable":false,"nearest":"n2","summary":"no agent has a GPU","would_help":"an agent with a GPU","agents":[]}],)"
                 R"("previous":{"job":12,"spec":{"name":"x","tasks":[]}}})");
  ASSERT_TRUE(plan.has_value());
  EXPECT_FALSE(plan->is_placeable());
  ASSERT_EQ(plan->tasks.size(), 2U);
  EXPECT_EQ(plan->tasks[0].agents[0].fits_now, 4U);
  EXPECT_EQ(plan->tasks[0].agents[1].clauses[0].text, "2Gi missing");
  EXPECT_EQ(plan->tasks[0].nearest, std::nullopt);
  EXPECT_EQ(plan->tasks[1].nearest, "n2");
  EXPECT_EQ(plan->tasks[0].count, 6U);
  EXPECT_EQ(plan->tasks[1].count, std::nullopt) << "known when the items are";
  EXPECT_EQ(plan->tasks[1].would_help, "an agent with a GPU");
  EXPECT_EQ(plan->previous_job, 12U);
  EXPECT_EQ(plan->previous_spec, R"({"name":"x","tasks":[]})");
}

TEST(Plan, AFirstSubmissionHasNothingBefore) {
  const auto plan = parse_plan(R"({"tasks":[],"previous":null})");
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(plan->is_placeable());
  EXPECT_EQ(plan->previous_job, std::nullopt);
  EXPECT_FALSE(parse_plan("{}").has_value());
}

}  // namespace
}  // namespace stint::client
