#include "client/curve.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "client/text.hpp"

namespace stint::client {
namespace {

TEST(Curve, RisesFromLeastToGreatest) {
  EXPECT_EQ(show_curve({0, 1, 2, 3, 4, 5, 6, 7}, 8, Charset::utf8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(show_curve({5, 0}, 8, Charset::utf8), "█▁") << "as many characters as values";
  EXPECT_EQ(show_curve({0, 0, 10, 10}, 2, Charset::utf8), "▁█") << "means of shares";
  EXPECT_EQ(show_curve({0, 5, 10}, 3, Charset::ascii), "_=#");
  EXPECT_EQ(show_curve({}, 8, Charset::utf8), "");
  EXPECT_EQ(show_curve({3, 3}, 8, Charset::utf8), "▅▅") << "what does not change lies in the middle";
}

TEST(Graph, LinesAreAsWideAsAskedFor) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::sin(i / 50.0));
  for (const Charset charset : {Charset::utf8, Charset::ascii}) {
    const auto lines = show_graph(values, 30, 4, charset);
    ASSERT_EQ(lines.size(), 4U);
    for (const auto& line : lines) EXPECT_EQ(display_width(line), 30U);
  }
  EXPECT_EQ(show_graph({0, 1}, 1, 1, Charset::utf8).front(), "⡸") << "low on the left, up to the top on the right";
  EXPECT_EQ(show_graph({0, 1}, 2, 2, Charset::ascii), (std::vector<std::string>{" *", "* "}));
}

TEST(Series, StaysSmallAndKeepsItsShape) {
  Series series;
  for (int i = 0; i < 100'000; ++i) series.add(i);
  EXPECT_LE(series.values().size(), 512U);
  EXPECT_TRUE(std::is_sorted(series.values().begin(), series.values().end()));
  EXPECT_EQ(series.latest(), 99'999);
  EXPECT_EQ(series.least(), 0);
  EXPECT_EQ(series.greatest(), 99'999);
  series.add(std::nan(""));
  EXPECT_EQ(series.latest(), 99'999) << "what is no number is not drawn";
}

}  // namespace
}  // namespace stint::client
