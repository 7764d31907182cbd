#include "scheduler/enrol_book.hpp"

#include <gtest/gtest.h>

#include "protocol/enrol_token.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;

constexpr UnixMillis kNow = unix_millis(1'000'000);
constexpr wire::PublicKey kAlice{1};
constexpr wire::PublicKey kMallory{2};

class EnrolBookTest : public ::testing::Test {
 protected:
  EnrolBook::Made make(const std::string& name = {}, Duration life = 15min) {
    const auto made = book.make({name, {}, life, "ann"}, entropy, kNow);
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return made ? *made : EnrolBook::Made{};
  }
  std::string refusal(core::EnrolTokenId id, const wire::PublicKey& key, UnixMillis now) {
    const auto found = book.find(id, key, now);
    const auto* refused = std::get_if<protocol::EnrolRefusal>(&found);
    return refused == nullptr ? "" : refused->code;
  }
  testing::SeededEntropy entropy{1};
  KekBytes kek{9};
  EnrolBook book{kek, wire::Digest{0xCE}};
};

TEST_F(EnrolBookTest, TheTextHoldsWhatProvesIt) {
  const auto made = make("box7");
  const auto token = protocol::parse_enrol_token(made.text);
  ASSERT_TRUE(token) << token.error().detail;
  EXPECT_EQ(token->id, made.row.id.value);
  EXPECT_EQ(token->cell, wire::Digest{0xCE});
  const auto prk = book.find_enrol_prk(token->id);
  ASSERT_TRUE(prk);
  EXPECT_EQ(prk->bytes, wire::derive_enrol_prk(token->id, token->secret).bytes);
  EXPECT_EQ(book.find_enrol_prk(token->id + 1), std::nullopt);
  EXPECT_EQ(made.row.created_by, "ann");
  EXPECT_EQ(made.row.expires_at, kNow + 15min);
}

TEST_F(EnrolBookTest, ARowOpensAgainUnderItsKeyAlone) {
  const auto made = make();
  EnrolBook again{kek, wire::Digest{0xCE}};
  ASSERT_TRUE(again.load(made.row));
  EXPECT_EQ(again.find_enrol_prk(made.row.id.value)->bytes, book.find_enrol_prk(made.row.id.value)->bytes);
  EXPECT_EQ(again.load(made.row).error().code, Errc::corrupt) << "twice";
  EnrolBook other{KekBytes{8}, wire::Digest{0xCE}};
  EXPECT_EQ(other.load(made.row).error().code, Errc::corrupt);
  auto moved = made.row;
  moved.id = core::EnrolTokenId{made.row.id.value + 1};
  EnrolBook third{kek, wire::Digest{0xCE}};
  EXPECT_EQ(third.load(moved).error().code, Errc::corrupt) << "a secret in another row's place";
}

TEST_F(EnrolBookTest, OneKeyGetsIn) {
  const auto id = make().row.id;
  EXPECT_TRUE(std::holds_alternative<EnrolBook::Fresh>(book.find(id, kAlice, kNow)));
  const auto row = book.burn(id, kAlice, AgentNumber{7}, kNow + 1s);
  EXPECT_EQ(row.agent, AgentNumber{7});
  EXPECT_EQ(row.public_key, kAlice);
  EXPECT_EQ(row.used_at, kNow + 1s);
  const auto again = book.find(id, kAlice, kNow + 2s);
  ASSERT_TRUE(std::holds_alternative<EnrolBook::Again>(again));
  EXPECT_EQ(std::get<EnrolBook::Again>(again).agent, AgentNumber{7});
  EXPECT_EQ(refusal(id, kMallory, kNow + 2s), "token_used");
}

TEST_F(EnrolBookTest, AtItsEndATokenLetsNobodyIn) {
  const auto id = make().row.id;
  EXPECT_EQ(refusal(id, kAlice, kNow + 15min - 1ms), "");
  EXPECT_EQ(refusal(id, kAlice, kNow + 15min), "token_expired");
  EXPECT_EQ(standing_of(book.list().at(0), kNow + 15min), EnrolStanding::expired);
  static_cast<void>(book.burn(id, kAlice, AgentNumber{7}, kNow));
  EXPECT_EQ(refusal(id, kAlice, kNow + 15min), "token_expired") << "nor the one that used it";
  EXPECT_EQ(refusal(core::EnrolTokenId{1}, kAlice, kNow), "token_expired") << "forgotten between two looks";
}

TEST_F(EnrolBookTest, ARevokedTokenLetsNobodyIn) {
  const auto row = make("box7").row;
  const auto revoked = book.revoke(protocol::enrol_token_name(row.id.value), kNow + 1s);
  ASSERT_TRUE(revoked);
  EXPECT_TRUE(revoked->is_new);
  EXPECT_EQ(revoked->row.revoked_at, kNow + 1s);
  EXPECT_FALSE(book.revoke("box7", kNow + 2s)->is_new);
  EXPECT_EQ(refusal(row.id, kAlice, kNow + 2s), "token_revoked");
  EXPECT_EQ(refusal(row.id, kAlice, kNow + 1h), "token_revoked") << "also when it would have expired";
  EXPECT_EQ(book.revoke("box8", kNow).error().code, Errc::not_found);
  EXPECT_EQ(book.revoke("", kNow).error().code, Errc::not_found) << "the empty name is nobody's";
}

TEST_F(EnrolBookTest, AUsableTokenOfANameIsTheOnlyOne) {
  const auto first = make("box7");
  EXPECT_EQ(book.make({"box7", {}, 1min, "ann"}, entropy, kNow).error().code, Errc::already_exists);
  ASSERT_TRUE(book.revoke("box7", kNow));
  const auto second = make("box7");
  const auto revoked = book.revoke("box7", kNow);
  EXPECT_EQ(revoked->row.id, second.row.id) << "the one that counts";
  make();
  make();  // of no name: as many as you like
}

TEST_F(EnrolBookTest, AnEndedTokenIsForgottenAfterAWhile) {
  const auto id = make().row.id;
  const UnixMillis due = kNow + 15min + std::chrono::duration_cast<std::chrono::milliseconds>(limits::kEnrolTokenKept);
  EXPECT_TRUE(book.forget_old(due - 1ms).empty());
  EXPECT_EQ(book.forget_old(due), std::vector{id});
  EXPECT_EQ(book.find_enrol_prk(id.value), std::nullopt);
  EXPECT_TRUE(book.list().empty());
}

TEST_F(EnrolBookTest, LifeAndLabelsHaveBounds) {
  const auto refused = [&](Duration life, core::AgentTerms terms) {
    const auto made = book.make({{}, std::move(terms), life, "ann"}, entropy, kNow);
    return made ? std::string() : std::string(to_string(made.error().code));
  };
  EXPECT_EQ(refused(0ms, {}), "invalid_argument");
  EXPECT_EQ(refused(limits::kEnrolTokenLifeMax + 1ms, {}), "invalid_argument");
  EXPECT_EQ(refused(limits::kEnrolTokenLifeMax, {}), "");
  EXPECT_EQ(refused(1min, {{}, {{"", "b"}}}), "invalid_argument");
  EXPECT_EQ(refused(1min, {{}, {{"zone", std::string(10'000, 'x')}}}), "invalid_argument");
  EXPECT_EQ(refused(1min, {{}, std::vector(1000, std::pair{std::string("a"), std::string("b")})}), "out_of_range");
}

}  // namespace
}  // namespace stint::scheduler
