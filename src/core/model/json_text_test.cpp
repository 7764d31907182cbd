#include "core/model/json_text.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

namespace stint::core {
namespace {

TEST(JsonText, SeparatesWhatStandsBesideEachOther) {
  JsonText text;
  text.begin_object().put("a", 1).put("b", "x").put("c", true).put("d", nullptr);
  text.key("e").begin_array().add(-1).begin_object().end_object().begin_array().end_array().add("y").end_array();
  text.key("f").add_raw(R"({"g":[1,2]})").put_text("h", "i").end_object();
  EXPECT_EQ(text.take(), R"({"a":1,"b":"x","c":true,"d":null,"e":[-1,{},[],"y"],"f":{"g":[1,2]},"h":"i"})");
}

TEST(JsonText, WritesTheLargestNumbers) {
  JsonText text;
  text.begin_array().add(std::numeric_limits<std::uint64_t>::max()).add(std::numeric_limits<std::int64_t>::min()).end_array();
  EXPECT_EQ(text.take(), "[18446744073709551615,-9223372036854775808]");
}

TEST(JsonText, EveryByteOfATextComesBackFromAReader) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "ü€😀\"\\\"";
  for (const std::string& value : {all, std::string(), std::string("\""), std::string("plain"), std::string(1, '\0')}) {
    JsonText text;
    text.begin_object().put_text(value, value).end_object();
    const auto read = boost::json::parse(text.take()).as_object();
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(std::string(read.begin()->key()), value);
    EXPECT_EQ(std::string(read.begin()->value().as_string()), value);
  }
}

}  // namespace
}  // namespace stint::core
