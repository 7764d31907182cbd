#include "agent/report.hpp"

#include <gtest/gtest.h>

#include "agent/limits.hpp"

namespace stint::agent {
namespace {

const AttemptRef kRef{{JobId{1}, 0, 0}, 1};

TEST(ReportMerge, CountsLinesThatAreNoObjectsAndTakesTheRest) {
  ReportMerge merge;
  EXPECT_EQ(merge.add_lines("{\"progress\":0.5}\nnonsense\n[1]\n\"x\"\n{\"progress\":\n\n  \n{\"step\":2}\n"), 4U);
  EXPECT_TRUE(merge.is_new());
  EXPECT_FLOAT_EQ(merge.take_update(kRef).progress, 0.5F);
  EXPECT_FALSE(merge.is_new());
}

TEST(ReportMerge, OnlyBadLinesMakeNoReport) {
  ReportMerge merge;
  EXPECT_EQ(merge.add_lines("{]"), 1U);
  EXPECT_FALSE(merge.is_new());
}

TEST(ReportMerge, ClampsProgressAndIgnoresWhatIsNoNumber) {
  ReportMerge merge;
  EXPECT_EQ(merge.add_lines("{\"progress\":7,\"metrics\":{\"a\":\"x\",\"b\":null,\"c\":1e999,\"d\":2}}\n"), 0U);
  const auto update = merge.take_update(kRef);
  EXPECT_FLOAT_EQ(update.progress, 1.0F);
  ASSERT_EQ(update.metrics.size(), 1U);
  EXPECT_EQ(update.metrics[0].name, "d");
}

TEST(ReportMerge, MetricsMergeByNameAndTheLatestWins) {
  ReportMerge merge;
  (void)merge.add_lines("{\"step\":1,\"metrics\":{\"loss\":3,\"lr\":0.1}}\n{\"step\":2,\"metrics\":{\"loss\":2}}\n");
  const auto update = merge.take_update(kRef);
  ASSERT_EQ(update.metrics.size(), 2U);
  EXPECT_EQ(update.metrics[0].value, 2);
  EXPECT_EQ(update.metrics[0].step, 2U);
  EXPECT_EQ(update.metrics[1].step, 1U);
}

TEST(ReportMerge, IsBounded) {
  ReportMerge merge;
  std::string line = "{\"metrics\":{";
  for (int i = 0; i < 1000; ++i) line += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\":1";
  line += "}}";
  EXPECT_EQ(merge.add_lines(line), 0U);
  EXPECT_EQ(merge.take_update(kRef).metrics.size(), limits::kMetricsMax);
  EXPECT_EQ(merge.add_lines("{\"message\":\"" + std::string(limits::kReportLineMax, 'x') + "\"}"), 1U);
  EXPECT_EQ(merge.add_lines("{\"message\":\"" + std::string(limits::kDetailMax + 9, 'x') + "\"}"), 0U);
  EXPECT_EQ(merge.take_update(kRef).detail.size(), limits::kDetailMax);
}

std::string result_of(const std::string& lines) {
  const auto found = find_result(lines);
  if (!found) return "none";
  return found->is_too_large ? "too large" : found->text;
}

TEST(Result, IsTheLastOneAsTheTaskWroteIt) {
  EXPECT_EQ(result_of("{\"progress\":1}\n{\"message\":\"result\"}\n"), "none");
  EXPECT_EQ(result_of("{\"result\":{\"loss\":0.10}}\n"), "{\"loss\":0.10}");
  EXPECT_EQ(result_of("{\"result\":1}\n{\"result\": [2, \"}\\\",\"] , \"step\":3}\n{\"progress\":1}\n"), "[2, \"}\\\",\"]");
  EXPECT_EQ(result_of("{\"metrics\":{\"result\":7},\"result\":null}\n"), "null");
  EXPECT_EQ(result_of("{\"metrics\":{\"result\":7}}\n"), "none");
  EXPECT_EQ(result_of("{\"result\":1,\"result\":\"b\"}\n"), "\"b\"");
}

TEST(Result, WhatIsNoJsonChangesNothing) {
  EXPECT_EQ(result_of("{\"result\":{}}\n{\"result\":oops}\n"), "{}");
  EXPECT_EQ(result_of("\"result\"\n[\"result\"]\n"), "none");
}

TEST(Result, HasALimit) {
  const auto text = [](std::size_t size) { return "\"" + std::string(size - 2, 'r') + "\""; };
  EXPECT_EQ(result_of("{\"result\":" + text(64 << 10) + "}\n"), text(64 << 10));
  EXPECT_EQ(result_of("{\"result\":" + text((64 << 10) + 1) + "}\n"), "too large");
  const auto cut = ("{\"result\":" + text(1 << 20)).substr(0, limits::kReportLineMax);
  EXPECT_EQ(result_of(cut + "\n"), "too large") << "the driver gives only the beginning of such a line";
  EXPECT_EQ(result_of(cut + "\n{\"result\":1}\n"), "1") << "the last one counts";
  ReportMerge merge;
  EXPECT_EQ(merge.add_lines(cut + "\n"), 0U);
}

}  // namespace
}  // namespace stint::agent
