#include "core/model/constraint.hpp"

#include <gtest/gtest.h>

namespace stint::core {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;
const Labels kLabels{{"speed", "5.5"}, {"zone", "a"}};

bool met(std::string_view text) {
  const auto constraint = parse_constraint(text);
  EXPECT_TRUE(constraint) << text;
  return constraint && is_met(*constraint, kLabels);
}

TEST(Constraint, IsMetByLabelsThatAreSo) {
  for (const char* text : {"zone = a", "zone==a", "zone=a", "zone != b", "zone in (a, b)", "zone in(b,a)", "zone not in (b)", "zone exists",
                           "rack not exists", "rack != x", "rack not in (x)", "speed >= 5.5", "speed>5", "speed < 6", "speed <= 5.5"})
    EXPECT_TRUE(met(text)) << text;
}

TEST(Constraint, IsNotMetByOthers) {
  for (const char* text : {"zone = b", "zone != a", "zone in (b, c)", "zone not in (a)", "zone not exists", "rack exists", "rack = x",
                           "speed > 5.5", "speed < 5", "zone > 1", "rack > 1"})
    EXPECT_FALSE(met(text)) << text;
}

TEST(Constraint, IsWrittenAsItIsRead) {
  for (const char* text :
       {"zone = a", "zone != b", "zone in (a, b)", "zone not in (b)", "zone exists", "rack not exists", "speed >= 5", "speed < 5"})
    EXPECT_EQ(to_string(*parse_constraint(text)), text);
}

TEST(Constraint, SaysWhatIsWrong) {
  for (const char* text : {"", "zone", "= a", "zone =", "zone in a", "zone in ()", "zone in (a,)", "zone exists now", "zone ~ a",
                           "speed > fast", "zone inside"}) {
    const auto constraint = parse_constraint(text);
    ASSERT_FALSE(constraint) << text;
    EXPECT_NE(constraint.error().detail.find("accepted are"), std::string::npos);
  }
}

}  // namespace
}  // namespace stint::core
