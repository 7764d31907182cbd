#include "core/model/quantity.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace stint::core {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, CpuIsCoresOrMillicores) {
  EXPECT_EQ(parse_cpu("4"), 4000);
  EXPECT_EQ(parse_cpu("500m"), 500);
  EXPECT_EQ(parse_cpu("0.5"), 500);
  EXPECT_EQ(parse_cpu("1.25"), 1250);
  EXPECT_EQ(parse_cpu("0"), 0);
  EXPECT_EQ(parse_cpu("0.0001"), 1) << "rounded up: nobody gets less than was asked for";
  for (const char* wrong : {"", "m", "4Gi", "-1", "1e3", ".5", "5.", "1.2.3", " 4", "4 ", "4k"}) EXPECT_FALSE(parse_cpu(wrong)) << wrong;
  EXPECT_EQ(parse_cpu("four").error().detail, "expected cores such as 4, 0.5 or 500m, got \"four\"");
}

TEST(Quantity, BytesHaveDecimalAndBinaryUnits) {
  EXPECT_EQ(parse_bytes("4Gi"), 4 * kGiB);
  EXPECT_EQ(parse_bytes("4G"), 4'000'000'000);
  EXPECT_EQ(parse_bytes("1.5Gi"), 3 * kGiB / 2);
  EXPECT_EQ(parse_bytes("512Mi"), 512 * kMiB);
  EXPECT_EQ(parse_bytes("1000G"), 1'000'000'000'000);
  EXPECT_EQ(parse_bytes("7"), 7);
  EXPECT_EQ(parse_bytes("0.1Ki"), 103);
  EXPECT_EQ(parse_bytes("7Ei"), std::int64_t{7} << 60);
  EXPECT_EQ(parse_bytes("9223372036854775807").has_value(), false) << "19 digits";
  for (const char* wrong : {"", "Gi", "4GB", "4gi", "4m", "-4G", "8Ei", "100E"}) EXPECT_FALSE(parse_bytes(wrong)) << wrong;
}

TEST(Quantity, DurationsAddUp) {
  EXPECT_EQ(parse_duration("90s"), Duration(90s));
  EXPECT_EQ(parse_duration("2h"), Duration(2h));
  EXPECT_EQ(parse_duration("3d"), Duration(72h));
  EXPECT_EQ(parse_duration("500ms"), Duration(500ms));
  EXPECT_EQ(parse_duration("1h30m"), Duration(90min));
  EXPECT_EQ(parse_duration("1.5s"), Duration(1500ms));
  EXPECT_EQ(parse_duration("0"), Duration(0s));
  EXPECT_EQ(parse_duration("100m"), Duration(100min)) << "minutes, not milliseconds";
  for (const char* wrong : {"", "90", "s", "-1s", "2 h", "1y", "1h30", "300000000d", "106751d106751d"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(Quantity, ArraysAreRangesWithStepAndLimit) {
  EXPECT_EQ(parse_array("0-99"), (ArrayRange{0, 1, 100, 0}));
  EXPECT_EQ(parse_array("0-99:2"), (ArrayRange{0, 2, 50, 0}));
  EXPECT_EQ(parse_array("0-99%10"), (ArrayRange{0, 1, 100, 10}));
  EXPECT_EQ(parse_array("5-9:3%1"), (ArrayRange{5, 3, 2, 1}));
  EXPECT_EQ(parse_array("100"), (ArrayRange{0, 1, 100, 0}));
  EXPECT_EQ(parse_array("100%7"), (ArrayRange{0, 1, 100, 7}));
  EXPECT_EQ(parse_array("7-7"), (ArrayRange{7, 1, 1, 0}));
  EXPECT_EQ(parse_array("0-4294967294")->count, std::numeric_limits<std::uint32_t>::max());
  for (const char* wrong : {"", "0", "9-0", "a-b", "0-99:0", "0-99%0", "0-99%", "0-4294967295", "0-4294967296", "1,2,3", "-5", "100:2"})
    EXPECT_FALSE(parse_array(wrong)) << wrong;
}

}  // namespace
}  // namespace stint::core
