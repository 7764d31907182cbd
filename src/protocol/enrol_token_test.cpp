#include "protocol/enrol_token.hpp"

#include <gtest/gtest.h>

namespace stint::protocol {
namespace {

EnrolToken token() {
  EnrolToken token;
  token.id = 0x1122334455667788;
  for (std::size_t i = 0; i < token.secret.size(); ++i) token.secret[i] = static_cast<std::uint8_t>(0xA0 + i);
  for (std::size_t i = 0; i < token.cell.size(); ++i) token.cell[i] = static_cast<std::uint8_t>(i);
  return token;
}

TEST(EnrolToken, IsOneWordOf84Letters) {
  const std::string text = to_text(token());
  EXPECT_EQ(text, "st1_iHdmVUQzIhGgoaKjpKWmp6ipqqusra6vAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9VZWNu");
  EXPECT_EQ(*parse_enrol_token(text), token());
  EXPECT_EQ(enrol_token_name(token().id), "1122334455667788");
}

TEST(EnrolToken, EveryWrongLetterIsTold) {
  const std::string text = to_text(token());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
    const auto parsed = parse_enrol_token(wrong);
    ASSERT_FALSE(parsed) << "letter " << i;
    EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
    EXPECT_EQ(parsed.error().detail.find(wrong.substr(4)), std::string::npos) << "an error must not hold the secret";
  }
}

TEST(EnrolToken, WhatIsWrongIsSaid) {
  const std::string text = to_text(token());
  const auto why = [](std::string_view wrong) { return parse_enrol_token(wrong).error().detail; };
  EXPECT_NE(why("").find("does not begin with st1_"), std::string::npos);
  EXPECT_NE(why("stint_1_0011").find("does not begin with st1_"), std::string::npos);
  EXPECT_NE(why(text.substr(0, 83)).find("83 characters instead of 84"), std::string::npos);
  EXPECT_NE(why(text + "A").find("85 characters instead of 84"), std::string::npos);
  std::string odd = text;
  odd[20] = '+';
  EXPECT_NE(why(odd).find("no letter, digit, - or _"), std::string::npos);
  odd[20] = text[21];
  odd[21] = text[20];
  EXPECT_NE(why(odd).find("mistyped"), std::string::npos);
}

TEST(EnrolToken, IdZeroIsNone) {
  EnrolToken none = token();
  none.id = 0;
  EXPECT_FALSE(parse_enrol_token(to_text(none)));
}

}  // namespace
}  // namespace stint::protocol
