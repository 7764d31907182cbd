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

}  // namespace
}  // namespace stint::agent
