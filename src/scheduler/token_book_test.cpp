#include "scheduler/token_book.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "scheduler/test_links.hpp"
#include "wire/crypto.hpp"

namespace stint::scheduler {
namespace {

constexpr UnixMillis kNow = unix_millis(1'000'000);

class TokenBookTest : public ::testing::Test {
 protected:
  TokenBook::Made make(const std::string& name, UnixMillis expires_at = {}) {
    const auto made = book.make({name, {core::Scope::submit}, expires_at, "local"}, entropy, kNow);
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return made ? *made : TokenBook::Made{};
  }
  testing::SeededEntropy entropy{1};
  TokenBook book{wire::sha256(as_bytes("of the context file"))};
};

TEST_F(TokenBookTest, ATokenIsFoundByItsTextAlone) {
  const auto made = make("ci");
  EXPECT_EQ(made.text.rfind("stint_1_", 0), 0U);
  EXPECT_EQ(made.text.size(), std::string("stint_1_").size() + 40) << "160 bits";
  const auto found = book.find(made.text, kNow);
  EXPECT_EQ(found.standing, TokenStanding::valid);
  EXPECT_EQ(found.token->name, "ci");
  EXPECT_EQ(found.token->created_by, "local");
  for (const auto& wrong : {std::string(), std::string("stint_1_"), made.text + "0", made.text.substr(0, made.text.size() - 1),
                            "stint_2_" + made.text.substr(8), "stint_01_" + made.text.substr(8), made.text.substr(6)})
    EXPECT_EQ(book.find(wrong, kNow).standing, TokenStanding::unknown) << wrong;
}

TEST_F(TokenBookTest, TheContextFilesTokenMayEverythingAndStays) {
  const auto found = book.find("of the context file", kNow);
  ASSERT_EQ(found.standing, TokenStanding::valid);
  EXPECT_EQ(found.token->name, "local");
  EXPECT_TRUE(found.token->scopes.holds(core::Scope::admin));
  EXPECT_EQ(book.revoke("local", kNow).error().code, Errc::conflict);
  EXPECT_EQ(book.make({"local", {core::Scope::read}, {}, "x"}, entropy, kNow).error().code, Errc::already_exists);
  EXPECT_TRUE(book.list().empty());
}

TEST_F(TokenBookTest, ATokenEndsAtItsTimeToTheMillisecond) {
  const auto made = make("ci", kNow + std::chrono::milliseconds{5});
  EXPECT_EQ(book.find(made.text, kNow + std::chrono::milliseconds{4}).standing, TokenStanding::valid);
  EXPECT_EQ(book.find(made.text, kNow + std::chrono::milliseconds{5}).standing, TokenStanding::expired);
}

TEST_F(TokenBookTest, ARevokedTokenSaysSoOnlyToItsHolder) {
  const auto made = make("ci");
  const auto revoked = book.revoke("ci", kNow);
  ASSERT_TRUE(revoked);
  EXPECT_TRUE(revoked->is_new);
  EXPECT_EQ(book.find(made.text, kNow).standing, TokenStanding::revoked);
  EXPECT_EQ(book.find("stint_1_0000000000000000000000000000000000000000", kNow).standing, TokenStanding::unknown);
  EXPECT_FALSE(book.revoke("1", kNow + std::chrono::milliseconds{9})->is_new);
  EXPECT_EQ(book.list().at(0).revoked_at, kNow);
}

TEST_F(TokenBookTest, ANameIsFreeAgainWhenItsTokenHasEnded) {
  make("ci", kNow + std::chrono::milliseconds{5});
  EXPECT_EQ(book.make({"ci", {core::Scope::read}, {}, "x"}, entropy, kNow).error().code, Errc::already_exists);
  const auto later = kNow + std::chrono::milliseconds{5};
  const auto second = book.make({"ci", {core::Scope::read}, {}, "x"}, entropy, later);
  ASSERT_TRUE(second);
  EXPECT_EQ(book.revoke("ci", later)->row.id, second->row.id) << "the valid one of the name";
  EXPECT_TRUE(book.make({"ci", {core::Scope::read}, {}, "x"}, entropy, later));
}

TEST_F(TokenBookTest, WhatCannotBeATokenIsRefused) {
  for (const auto* name : {"", "7", "7a", "-a", "a b", "a/b", "\xC3\xA4", "attempt 1"})
    EXPECT_EQ(book.make({name, {core::Scope::read}, {}, "x"}, entropy, kNow).error().code, Errc::invalid_argument) << name;
  EXPECT_FALSE(book.make({std::string(65, 'a'), {core::Scope::read}, {}, "x"}, entropy, kNow));
  EXPECT_FALSE(book.make({"a", {}, {}, "x"}, entropy, kNow));
  EXPECT_FALSE(book.make({"a", {core::Scope::read}, kNow, "x"}, entropy, kNow));
  EXPECT_EQ(book.revoke("nobody", kNow).error().code, Errc::not_found);
  EXPECT_EQ(book.revoke("99", kNow).error().code, Errc::not_found);
}

TEST_F(TokenBookTest, IdsGoOnWhereTheRowsEnd) {
  core::TokenRow row;
  row.id = core::TokenId{41};
  row.name = "old";
  ASSERT_TRUE(book.load(row));
  EXPECT_FALSE(book.load(row));
  EXPECT_EQ(make("ci").row.id.value, 42U);
}

}  // namespace
}  // namespace stint::scheduler
