#include "client/spec_diff.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

std::vector<SpecChange> diff(std::string_view before, std::string_view after) {
  const auto changes = diff_specs(before, after);
  EXPECT_TRUE(changes.has_value());
  return changes.value_or(std::vector<SpecChange>());
}
std::string job(std::string_view tasks, std::string_view top = "") {
  return R"({"name":"x")" + std::string(top) + R"(,"tasks":[)" + std::string(tasks) + "]}";
}

TEST(SpecDiff, SaysNothingOfEqualJobs) {
  EXPECT_TRUE(diff(job(R"({"name":"a","retries":2})"), job(R"({"name":"a","retries":2})")).empty());
}

TEST(SpecDiff, NamesTheKeyAndBothValues) {
  EXPECT_EQ(diff(job(R"({"name":"a","retries":2,"resources":{"gpu":0,"cpu_millis":1000}})", R"(,"priority":0)"),
                 job(R"({"name":"a","retries":3,"resources":{"gpu":1,"cpu_millis":1000}})", R"(,"priority":5)")),
            (std::vector<SpecChange>{{"priority", "0", "5"}, {"a.retries", "2", "3"}, {"a.resources.gpu", "0", "1"}}));
}

TEST(SpecDiff, TasksAreComparedByName) {
  EXPECT_EQ(diff(job(R"({"name":"a","retries":1},{"name":"b","retries":1})"), job(R"({"name":"b","retries":2},{"name":"a","retries":1})")),
            (std::vector<SpecChange>{{"b.retries", "1", "2"}}));
  EXPECT_EQ(diff(job(R"({"name":"a"},{"name":"b","retries":1})"), job(R"({"name":"a"},{"name":"c","retries":2})")),
            (std::vector<SpecChange>{{"c", "", R"({"retries":2})"}, {"b", R"({"retries":1})", ""}}));
}

TEST(SpecDiff, LeavesOutWhatEverySubmissionHasAnew) {
  EXPECT_TRUE(diff(job(R"({"name":"a","submit":{"inode":1},"env":{"PATH":"/a","LC_ALL":"C"}})"), job(R"({"name":"a","env":{"PATH":"/b"}})"))
                  .empty());
  EXPECT_EQ(diff(job(R"({"name":"a","env":{"N":"1"}})"), job(R"({"name":"a","env":{"N":"2"}})")),
            (std::vector<SpecChange>{{"a.env.N", "1", "2"}}));
}

TEST(SpecDiff, WhatIsNoJobIsAnError) {
  EXPECT_FALSE(diff_specs("{}", job("")).has_value());
  EXPECT_FALSE(diff_specs(job(""), "[").has_value());
}

}  // namespace
}  // namespace stint::client
