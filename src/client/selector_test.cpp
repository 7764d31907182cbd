#include "client/selector.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

Selector make(std::uint64_t first, std::uint64_t last, std::string task = {}) {
  Selector selector;
  selector.first_job = first;
  selector.last_job = last;
  selector.task = std::move(task);
  return selector;
}

TEST(Selector, NamesOneJobOrARange) {
  EXPECT_EQ(parse_selector("12"), make(12, 12));
  EXPECT_EQ(parse_selector("12-15"), make(12, 15));
  EXPECT_EQ(parse_selector("12-12"), make(12, 12));
  EXPECT_FALSE(parse_selector("12")->is_range());
  EXPECT_TRUE(parse_selector("12-15")->is_range());
}

TEST(Selector, LastIsTheNewestJobAndMayHaveTasks) {
  EXPECT_TRUE(parse_selector("last")->is_last);
  const auto task = parse_selector("last.train.3");
  ASSERT_TRUE(task);
  EXPECT_TRUE(task->is_last);
  EXPECT_EQ(task->task_path(), "train.3");
}

TEST(Selector, NamesTasksAndAttempts) {
  EXPECT_EQ(parse_selector("12.train")->task_path(), "train");
  EXPECT_EQ(parse_selector("12.train.3")->task_path(), "train.3");
  EXPECT_EQ(parse_selector("12.train.*")->task_path(), "train") << "the whole array";
  EXPECT_EQ(parse_selector("12.my-task_2.0")->task_path(), "my-task_2.0");
  EXPECT_EQ(parse_selector("12.train.3@2")->attempt, 2U);
  EXPECT_EQ(parse_selector("12.train@1")->attempt, 1U);
}

TEST(Selector, WhatNamesNothingIsAnErrorThatShowsTheForms) {
  for (const char* wrong : {"", "0", "-1", "twelve", "12.", "12..3", "12.train.x", "12.train.3.4", "15-12", "12-", "12-15.train", "12@2",
                            "12.train@0", "12.train@", "12.tr ain", " 12", "12.train.-1", "12.train.99999999999", "last-15"})
    EXPECT_FALSE(parse_selector(wrong)) << wrong;
  EXPECT_EQ(parse_selector("x").error().detail,
            "\"x\" names no job or task; the forms are: last, 12, 12-15, 12.train, 12.train.3, 12.train.3@2");
  EXPECT_EQ(parse_selector("1-10001").error().code, Errc::out_of_range);
  EXPECT_TRUE(parse_selector("1-10000"));
}

}  // namespace
}  // namespace stint::client
