#include "scheduler/keyring.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

constexpr AgentNumber kAgent{3};
constexpr KeyEpoch kFirst{1};

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
  core::MasterKeyRow row = keys.make_master(entropy, unix_millis(5));
};

TEST_F(KeyringTest, TheStoredRowGivesTheSameAgentKeysAgain) {
  auto loaded = keyring();
  EXPECT_TRUE(loaded.empty());
  ASSERT_TRUE(loaded.load(row));
  EXPECT_FALSE(loaded.empty());
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
  EXPECT_TRUE(other.empty());
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

TEST_F(KeyringTest, EachMasterHasAnEpochOfItsOwnAndOlderOnesStayKnown) {
  const auto second = keys.make_master(entropy, unix_millis(6));
  EXPECT_EQ(second.epoch, KeyEpoch{2});
  EXPECT_EQ(keys.current_epoch(), KeyEpoch{2});
  EXPECT_NE(keys.find_agent_key(kAgent, kFirst), keys.find_agent_key(kAgent, KeyEpoch{2}));
  EXPECT_EQ(keys.find_agent_key(kAgent, KeyEpoch{3}), std::nullopt);
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
