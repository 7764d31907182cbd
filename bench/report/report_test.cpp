#include "bench/report/report.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace stint::bench {
namespace {

Report with_bar(double value, std::string op, double limit) {
  Report report{.bench = "test", .rounds = 15};
  report.rows.push_back({{"row", "a"}, {"ratio", value}});
  report.bars.push_back({"ratio", value, std::move(op), limit});
  return report;
}

TEST(Report, ExitStatusSaysMetMissedOrNotJudged) {
  EXPECT_EQ(with_bar(1.0, "<=", 1.0).exit_status(), 0);
  EXPECT_EQ(with_bar(1.1, "<=", 1.0).exit_status(), 1);
  EXPECT_EQ(with_bar(1.1, ">=", 1.0).exit_status(), 0);
  EXPECT_EQ(with_bar(0.9, ">=", 1.0).exit_status(), 1);
  EXPECT_EQ(with_bar(0, "==", 0).exit_status(), 0);
  EXPECT_EQ(with_bar(1, "==", 0).exit_status(), 1);
  Report report = with_bar(1.0, "<=", 1.0);
  report.peer_missing = true;
  EXPECT_EQ(report.exit_status(), 77);
  EXPECT_FALSE(report.pass());
}

TEST(Report, JsonHasTheFieldsOfTheSchema) {
  std::ostringstream out;
  EXPECT_EQ(print(with_bar(1.1, "<=", 1.0), true, out), 1);
  const auto json = boost::json::parse(out.str()).as_object();
  EXPECT_EQ(json.at("schema").as_string(), "stint.bench/1");
  for (const char* field : {"bench", "version", "commit", "machine", "rounds", "rows", "bars", "skipped", "pass"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  for (const char* field : {"cpu", "cores", "sha_ni", "kernel", "fs"}) EXPECT_TRUE(json.at("machine").as_object().contains(field)) << field;
  EXPECT_FALSE(json.at("pass").as_bool());
  EXPECT_FALSE(json.at("bars").at(0).at("pass").as_bool());
}

TEST(Report, TextNamesTheBarThatWasMissed) {
  std::ostringstream out;
  print(with_bar(1.1, "<=", 1.0), false, out);
  EXPECT_NE(out.str().find("MISS  ratio: 1.1 <= 1"), std::string::npos) << out.str();
}

TEST(Median, OfOddAndEvenNumbers) {
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({4, 1, 2, 3}), 2.5);
}

TEST(Percentile, IsTheNearestRankAmongWhatWasMeasured) {
  std::vector<double> values;
  for (int i = 200; i >= 1; --i) values.push_back(i);
  EXPECT_DOUBLE_EQ(percentile(values, 0.5), 100);
  EXPECT_DOUBLE_EQ(percentile(values, 0.99), 198);
  EXPECT_DOUBLE_EQ(percentile(values, 1), 200);
  EXPECT_DOUBLE_EQ(percentile({7}, 0), 7);
}

}  // namespace
}  // namespace stint::bench
