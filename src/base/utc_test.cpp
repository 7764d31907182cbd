#include "base/utc.hpp"

#include <gtest/gtest.h>

namespace stint {
namespace {

TEST(Utc, FormatsAndReadsBack) {
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{1002}, std::int64_t{1'709'208'000'000}, std::int64_t{4'102'444'799'999}})
    EXPECT_EQ(parse_utc(format_utc(unix_millis(ms))), unix_millis(ms));
  EXPECT_EQ(format_utc(unix_millis(1'709'208'000'007)), "2024-02-29T12:00:00.007Z");
}

TEST(Utc, TakesTimesWithoutAFraction) { EXPECT_EQ(parse_utc("2024-02-29T12:00:00Z"), unix_millis(1'709'208'000'000)); }

TEST(Utc, RefusesWhatIsNoTime) {
  for (const auto* wrong : {"", "2024-02-30T12:00:00.000Z", "2024-02-29 12:00:00.000Z", "2024-02-29T12:00:00.000",
                            "2024-02-29T24:00:00.000Z", "2024-02-29T12:00:00+01:00", "2024-02-29T12:00:00,000Z", "2024-02-29T12:0x:00Z"})
    EXPECT_FALSE(parse_utc(wrong)) << wrong;
}

}  // namespace
}  // namespace stint
