#include "scheduler/keyring.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

constexpr AgentNumber kAgent{3};
using namespace std::chrono_literals;

constexpr KeyEpoch kFirst{1};
constexpr KeyEpoch kSecond{2};
constexpr KeyEpoch kThird{3};

class KeyringTest : public ::testing::Test {
 protected:
  Keyring keyring(std::uint8_t kek = 7) {
    Keyring::KeyEncryptionKey key;
    key.fill(kek);
    return {key, [this](AgentNumber number) { return number == kAgent ? generation : std::nullopt; }};
  }

  std::optional<std::uint32_t> generation = 0;
  testing::SeededEntropy entropy{1};
  Keyring keys = keyring();
  std::vector<core::MasterKeyRow> rows = keys.ensure_current_and_next(entropy, unix_millis(5));
  core::MasterKeyRow row = rows.at(0);
};

TEST_F(KeyringTest, TheStoredRowGivesTheSameAgentKeysAgain) {
  auto loaded = keyring();
  ASSERT_TRUE(loaded.load(row));
  EXPECT_EQ(loaded.current_epoch(), kFirst);
  ASSERT_TRUE(keys.find_agent_key(kAgent, kFirst));
  EXPECT_EQ(loaded.find_agent_key(kAgent, kFirst), keys.find_agent_key(kAgent, kFirst));
  EXPECT_EQ(row.created_at, unix_millis(5));
}

TEST_F(KeyringTest, AnotherKeyEncryptionKeyOpensNothing) {
  auto other = keyring(8);
  const auto loaded = other.load(row);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::corrupt);
  EXPECT_NE(loaded.error().detail.find("kek"), std::string::npos) << "it says which file to look at";
  EXPECT_TRUE(other.rows().empty());
}

TEST_F(KeyringTest, AChangedBitAnywhereInTheSealIsSeen) {
  for (std::size_t i = 0; i < row.sealed.size(); ++i) {
    auto tampered = row;
    tampered.sealed[i] ^= 1;
    EXPECT_FALSE(keyring().load(tampered)) << "byte " << i;
  }
}

TEST_F(KeyringTest, ASealThatWasCutIsSeen) {
  for (std::size_t size = 0; size < row.sealed.size(); ++size) {
    auto cut = row;
    cut.sealed.resize(size);
    EXPECT_FALSE(keyring().load(cut)) << size << " bytes";
  }
}

TEST_F(KeyringTest, ASealOfOneEpochDoesNotPassForAnother) {
  auto moved = row;
  moved.epoch = KeyEpoch{2};
  EXPECT_FALSE(keyring().load(moved)) << "or a retired master could be brought back under a new number";
}

TEST_F(KeyringTest, TheMasterIsNotInTheRow) {
  testing::SeededEntropy same(1);
  std::array<std::uint8_t, 32> master{};
  same.fill(master);  // make_master draws it first
  EXPECT_EQ(std::search(row.sealed.begin(), row.sealed.end(), master.begin(), master.end()), row.sealed.end());
}

TEST_F(KeyringTest, AFirstStartHasACurrentEpochAndTheNextOneReady) {
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(keys.current_epoch(), kFirst);
  EXPECT_EQ(keys.state_of(kSecond), KeyState::next);
  EXPECT_TRUE(keys.ensure_current_and_next(entropy, unix_millis(6)).empty()) << "once";
  EXPECT_NE(keys.find_agent_key(kAgent, kFirst), keys.find_agent_key(kAgent, kSecond));
}

TEST_F(KeyringTest, AStoreFromBeforeThereWasANextGetsOne) {
  auto loaded = keyring();
  ASSERT_TRUE(loaded.load(row));
  const auto made = loaded.ensure_current_and_next(entropy, unix_millis(9));
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].epoch, kSecond);
  EXPECT_EQ(loaded.current_epoch(), kFirst);
}

TEST_F(KeyringTest, ARotationInstallsWhatWasPreparedAndKeepsTheOldOneForItsGrace) {
  const auto prepared = keys.find_agent_key(kAgent, kSecond);
  const auto changed = keys.rotate(24h, entropy, unix_millis(1000));
  ASSERT_TRUE(changed);
  EXPECT_EQ(keys.current_epoch(), kSecond);
  EXPECT_EQ(keys.find_agent_key(kAgent, kSecond), prepared) << "a backup taken before the rotation knows this key";
  EXPECT_EQ(keys.state_of(kFirst), KeyState::accepted);
  EXPECT_EQ(keys.state_of(kThird), KeyState::next);
  EXPECT_TRUE(keys.takes_work(kFirst) && keys.takes_work(kSecond) && keys.takes_work(kThird));
  ASSERT_TRUE(keys.next_expiry());
  EXPECT_EQ(*keys.next_expiry(), unix_millis(1000) + 24h);

  auto loaded = keyring();
  for (const auto& one : rows) ASSERT_TRUE(loaded.load(one));
  for (const auto& one : *changed) ASSERT_TRUE(loaded.load(one));
  EXPECT_EQ(loaded.current_epoch(), kSecond) << "the rows say all of it";
  EXPECT_EQ(loaded.state_of(kFirst), KeyState::accepted);
}

TEST_F(KeyringTest, OneOlderEpochAtMostIsAcceptedForWork) {
  ASSERT_TRUE(keys.rotate(24h, entropy, unix_millis(1000)));
  const auto refused = keys.rotate(24h, entropy, unix_millis(2000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_NE(refused.error().detail.find("stint keys retire 1"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(keys.current_epoch(), kSecond) << "nothing has changed";
  ASSERT_TRUE(keys.retire(kFirst, unix_millis(2000)));
  EXPECT_TRUE(keys.rotate(24h, entropy, unix_millis(2000)));
}

TEST_F(KeyringTest, GraceOverIsRetiredAndNinetyDaysLaterRemoved) {
  ASSERT_TRUE(keys.rotate(1s, entropy, unix_millis(1000)));
  EXPECT_TRUE(keys.expire(unix_millis(1999)).empty());
  const auto retired = keys.expire(unix_millis(2000));
  ASSERT_EQ(retired.size(), 1U);
  EXPECT_EQ(keys.state_of(kFirst), KeyState::retired);
  EXPECT_FALSE(keys.takes_work(kFirst));
  EXPECT_TRUE(keys.find_agent_key(kAgent, kFirst)) << "its HELLO is still understood";

  EXPECT_TRUE(keys.expire(unix_millis(1999) + 24h * 90).empty());
  const auto removed = keys.expire(unix_millis(2000) + 24h * 90);
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_TRUE(removed[0].sealed.empty()) << "the master is gone from the store";
  EXPECT_EQ(keys.find_agent_key(kAgent, kFirst), std::nullopt);
  auto loaded = keyring();
  EXPECT_TRUE(loaded.load(removed[0]));
  EXPECT_EQ(loaded.state_of(kFirst), KeyState::removed);
}

TEST_F(KeyringTest, RemovedAtOnceTakesThePreparedEpochWithIt) {
  ASSERT_TRUE(keys.rotate(24h, entropy, unix_millis(1000)));
  const auto changed = keys.remove(kFirst, entropy, unix_millis(2000));
  ASSERT_TRUE(changed);
  EXPECT_EQ(keys.state_of(kFirst), KeyState::removed);
  EXPECT_EQ(keys.state_of(kThird), KeyState::removed) << "who read the store has that master too";
  EXPECT_EQ(keys.state_of(KeyEpoch{4}), KeyState::next);
  for (const auto& one : *changed) EXPECT_EQ(one.sealed.empty(), one.epoch < KeyEpoch{4});
  EXPECT_TRUE(keys.remove(kFirst, entropy, unix_millis(3000))->empty()) << "again is no change";
}

TEST_F(KeyringTest, TheCurrentEpochCannotBeTakenAway) {
  for (const KeyEpoch epoch : {kFirst, kSecond}) {
    EXPECT_EQ(keys.retire(epoch, unix_millis(9)).error().code, Errc::conflict);
    EXPECT_EQ(keys.remove(epoch, entropy, unix_millis(9)).error().code, Errc::conflict);
  }
  EXPECT_EQ(keys.retire(KeyEpoch{9}, unix_millis(9)).error().code, Errc::not_found);
}

TEST_F(KeyringTest, ARekeyOpensUnderTheOldKeyOfThatAgentOnly) {
  ASSERT_TRUE(keys.rotate(24h, entropy, unix_millis(1000)));
  const auto rekey = keys.make_rekey(kAgent, kFirst, kSecond, entropy);
  ASSERT_TRUE(rekey);
  const auto wrap = wire::derive_rekey_wrap_key(wire::AgentKey(*keys.find_agent_key(kAgent, kFirst)), rekey->nonce);
  const auto opened = wire::unwrap_agent_key(wrap, {kAgent, kSecond, 0}, rekey->wrapped_key);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->bytes, *keys.find_agent_key(kAgent, kSecond));
  EXPECT_FALSE(wire::unwrap_agent_key(wrap, {AgentNumber{4}, kSecond, 0}, rekey->wrapped_key));
  EXPECT_NE(keys.make_rekey(kAgent, kFirst, kSecond, entropy)->nonce, rekey->nonce);
  EXPECT_FALSE(keys.make_rekey(AgentNumber{4}, kFirst, kSecond, entropy)) << "nobody has this number";
}

TEST_F(KeyringTest, ARevokedAgentHasNoKeyAndANewGenerationAnotherOne) {
  const auto before = keys.find_agent_key(kAgent, kFirst);
  generation = 1;
  EXPECT_NE(keys.find_agent_key(kAgent, kFirst), before);
  generation = std::nullopt;
  EXPECT_EQ(keys.find_agent_key(kAgent, kFirst), std::nullopt);
  EXPECT_EQ(keys.find_agent_key(AgentNumber{4}, kFirst), std::nullopt) << "nobody has this number";
}

}  // namespace
}  // namespace stint::scheduler
