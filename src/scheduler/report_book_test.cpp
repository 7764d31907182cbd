#include "scheduler/report_book.hpp"

#include <gtest/gtest.h>

#include "scheduler/limits.hpp"
#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::at;
using testing::ref;
using testing::report;

std::vector<core::ReportRow> rows_of(const core::Effects& effects) {
  std::vector<core::ReportRow> rows;
  for (const auto& row : effects.rows) rows.push_back(std::get<core::ReportRow>(row));
  return rows;
}

class ReportBookTest : public ::testing::Test {
 protected:
  std::vector<core::ReportRow> store(Duration time) {
    core::Effects effects;
    book.store_changed(at(time), effects);
    return rows_of(effects);
  }
  std::vector<core::ReportRow> finish(const AttemptRef& attempt) {
    core::Effects effects;
    book.finish(attempt, effects);
    return rows_of(effects);
  }

  ReportBook book;
};

TEST_F(ReportBookTest, TheLatestIsKnownAtOnceAndStoredOnceAPeriod) {
  for (int i = 1; i <= 100; ++i) book.on_report(report(ref(1), static_cast<float>(i) / 100), at(from_ms(i)));
  ASSERT_NE(book.find(ref(1)), nullptr);
  EXPECT_FLOAT_EQ(book.find(ref(1))->progress, 1.0F);
  EXPECT_TRUE(store(100ms).empty()) << "the period is not over";
  const auto rows = store(limits::kReportPeriod + 1ms);
  ASSERT_EQ(rows.size(), 1U) << "one row for a hundred reports";
  EXPECT_FLOAT_EQ(rows[0].progress, 1.0F);
  EXPECT_TRUE(store(10s).empty()) << "nothing has changed since";
}

TEST_F(ReportBookTest, AsksToBeCalledOnlyWhileSomethingIsToBeStored) {
  EXPECT_EQ(book.next_deadline(), Instant::max());
  book.on_report(report(ref(1), 0.5F), at(0s));
  EXPECT_EQ(book.next_deadline(), at(limits::kReportPeriod).mono);
  EXPECT_EQ(store(limits::kReportPeriod).size(), 1U);
  EXPECT_EQ(book.next_deadline(), Instant::max());
}

TEST_F(ReportBookTest, AttemptsAreStoredSideBySide) {
  book.on_report(report(ref(1, 0), 0.1F), at(0s));
  book.on_report(report(ref(1, 1), 0.2F), at(0s));
  EXPECT_EQ(store(1s).size(), 2U);
  book.on_report(report(ref(1, 1), 0.3F), at(1100ms));
  const auto rows = store(2100ms);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].ref, ref(1, 1));
}

TEST_F(ReportBookTest, MetricsAreMergedByNameAndStepsOnlyRise) {
  book.on_report(report(ref(1), 0.1F, {{"loss", 0.5, 3}, {"accuracy", 0.7, 3}}), at(0s));
  book.on_report(report(ref(1), 0.2F, {{"loss", 0.25, 4}, {"lr", 0.1, 2}}), at(1ms));
  const auto* latest = book.find(ref(1));
  EXPECT_EQ(latest->metrics, (std::vector<std::pair<std::string, double>>{{"accuracy", 0.7}, {"loss", 0.25}, {"lr", 0.1}}));
  EXPECT_EQ(latest->step, 4U);
}

TEST_F(ReportBookTest, AReportWithoutAMessageKeepsTheLastOne) {
  auto said = report(ref(1), 0.1F);
  said.detail = "warming up";
  book.on_report(said, at(0s));
  book.on_report(report(ref(1), 0.2F), at(1ms));
  EXPECT_EQ(book.find(ref(1))->message, "warming up");
}

TEST_F(ReportBookTest, TheEndOfAnAttemptStoresItsLastReportAtOnceAndForgetsIt) {
  book.on_report(report(ref(1), 0.4F), at(0s));
  const auto rows = finish(ref(1));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FLOAT_EQ(rows[0].progress, 0.4F);
  EXPECT_EQ(book.find(ref(1)), nullptr);
  EXPECT_TRUE(store(10s).empty()) << "it is not stored twice";
}

TEST_F(ReportBookTest, TheEndStoresNothingThatIsStoredAlready) {
  book.on_report(report(ref(1), 0.4F), at(0s));
  EXPECT_EQ(store(1s).size(), 1U);
  EXPECT_TRUE(finish(ref(1)).empty());
  EXPECT_TRUE(finish(ref(2)).empty()) << "one that never reported";
}

TEST_F(ReportBookTest, NumbersOfRowsRiseOverRestarts) {
  book.on_report(report(ref(1), 0.1F), at(5s));
  const auto before = store(6s);
  book.clear();
  book.on_report(report(ref(1), 0.2F), at(7s));
  const auto after = store(8s);
  ASSERT_TRUE(before.size() == 1 && after.size() == 1);
  EXPECT_GT(after[0].seq, before[0].seq);
}

TEST(MetricsJson, IsOneObjectOfNumbers) {
  EXPECT_EQ(metrics_json({}), "{}");
  EXPECT_EQ(metrics_json({{"a\"b", 0.25}}), R"({"a\"b":2.5E-1})");
}

}  // namespace
}  // namespace stint::scheduler
