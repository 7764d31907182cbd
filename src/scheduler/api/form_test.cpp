#include "scheduler/api/form.hpp"

#include <gtest/gtest.h>

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

std::string fill(const std::string& form, const json::value& item, std::size_t most_bytes = 1000) {
  return json::serialize(fill_form(json::parse(form), item, most_bytes));
}

const json::value kCat{{"url", "a.png"}, {"size", {3, 4}}, {"n", 7}};

TEST(Form, AWholeReferenceBecomesTheValueOfWhateverKind) {
  EXPECT_EQ(fill(R"({"image":"$item.url","size":"$item.size","all":"$item","choice":["cat","$item.n"]})", kCat),
            R"({"image":"a.png","size":[3,4],"all":{"url":"a.png","size":[3,4],"n":7},"choice":["cat",7]})");
}

TEST(Form, WithinATextItBecomesText) {
  EXPECT_EQ(fill(R"({"ask":"Is $item.url, of $item.n ($item.size), a cat?"})", kCat), R"({"ask":"Is a.png, of 7 ([3,4]), a cat?"})");
  EXPECT_EQ(fill(R"(["see $item."])", "x"), R"(["see x."])");
}

TEST(Form, WhatTheItemLacksIsNullOrNoText) {
  EXPECT_EQ(fill(R"({"image":"$item.uri","ask":"<$item.uri>"})", kCat), R"({"image":null,"ask":"<>"})");
}

TEST(Form, OtherWordsAndKeysStay) {
  EXPECT_EQ(fill(R"({"$item":"$items","n":"$$item.url","b":true})", kCat), R"({"$item":"$items","n":"$a.png","b":true})");
}

TEST(Form, AnItemThatIsNoObjectHasNoKeys) {
  EXPECT_EQ(fill(R"({"word":"$item","image":"$item.url"})", "plain"), R"({"word":"plain","image":"$item.url"})");
}

TEST(Form, WhatAnItemBringsIsNotReadAgain) { EXPECT_EQ(fill(R"(["$item.a"])", {{"a", "$item.b"}, {"b", 1}}), R"(["$item.b"])"); }

TEST(Form, AnItemMayAddNoMoreThanItsLimit) {
  EXPECT_EQ(fill(R"(["$item","$item","$item"])", "1234567", 18), R"(["1234567","1234567","$item"])");
  EXPECT_EQ(fill(R"(["a $item b $item"])", "1234567", 8), R"(["a 1234567 b $item"])");
}

}  // namespace
}  // namespace stint::scheduler::api
