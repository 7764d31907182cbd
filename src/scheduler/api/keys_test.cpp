#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::AgentPeer;
using testing::World;

constexpr KeyEpoch kSecond{2};

class KeysTest : public ::testing::Test {
 protected:
  boost::json::object status() { return world.call("GET", "/v1/keys").json().as_object(); }
  /// `1:accepted 2:current 3:next`
  std::string states() {
    std::string text;
    const auto keys = status();
    for (const auto& item : keys.at("items").as_array())
      text += (text.empty() ? "" : " ") + std::to_string(item.at("key_epoch").to_number<int>()) + ":" +
              std::string(item.at("state").as_string());
    return text;
  }
  /// Names of the agents that are behind.
  std::vector<std::string> behind() {
    std::vector<std::string> names;
    const auto keys = status();
    for (const auto& item : keys.at("behind").as_array()) names.emplace_back(item.at("agent").as_string());
    return names;
  }
  int rotate(const std::string& body = R"({"grace_ms":30000})") { return world.call("POST", "/v1/keys/rotate", body).status(); }
  int retire(const std::string& body) { return world.call("POST", "/v1/keys/retire", body).status(); }

  /// The same agent with the key that it was offered, on another connection.
  AgentPeer& come_with_new_key(AgentPeer::Options& agent, const AgentPeer& peer, const std::string& name) {
    const auto* rekey = peer.find<protocol::Rekey>();
    EXPECT_NE(rekey, nullptr);
    const auto wrap = wire::derive_rekey_wrap_key(wire::AgentKey(agent.key), rekey->nonce);
    const auto opened = wire::unwrap_agent_key(wrap, {agent.number, rekey->key_epoch, rekey->generation}, rekey->wrapped_key);
    EXPECT_TRUE(opened);
    agent.key = opened->bytes;
    agent.key_epoch = rekey->key_epoch;
    ++agent.connect;
    return world.connect(agent, name);
  }
  std::vector<boost::json::object> events(const std::string& kind) {
    std::vector<boost::json::object> found;
    const auto page = world.call("GET", "/v1/events").json();
    for (const auto& item : page.at("items").as_array())
      if (item.at("kind").as_string() == kind) found.push_back(item.at("data").as_object());
    return found;
  }
  World world;
};

TEST_F(KeysTest, ARotationReachesWhoIsConnectedAndWhoComesLater) {
  auto one = world.add_agent("one");
  auto two = world.add_agent("two");
  auto& peer = world.connect(one, "one");
  world.network.hang_up(world.daemon->links(), world.connect(two, "two"), world.now());
  EXPECT_EQ(states(), "1:current 2:next");
  ASSERT_EQ(rotate(), 200);
  EXPECT_EQ(states(), "1:accepted 2:current 3:next");
  EXPECT_EQ(behind(), (std::vector<std::string>{"one", "two"}));
  auto& moved = come_with_new_key(one, peer, "one");
  EXPECT_EQ(moved.count<protocol::Reconcile>(), 1U);
  EXPECT_FALSE(peer.is_open) << "the old connection goes";
  EXPECT_EQ(behind(), std::vector<std::string>{"two"});
  auto& late = world.connect(two, "two");
  EXPECT_EQ(late.count<protocol::Reconcile>(), 1U) << "within the grace the old key takes work";
  come_with_new_key(two, late, "two");
  EXPECT_TRUE(behind().empty());
  const auto told = events("key_rotated");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].at("by").as_string(), "local");
  EXPECT_EQ(told[0].at("key_epoch").to_number<int>(), 2);
}

TEST_F(KeysTest, NothingIsOfferedBeforeTheRotationIsDurable) {
  auto& peer = world.join("one");
  world.disk_is_held = true;
  const auto id = world.send("POST", "/v1/keys/rotate", "{}");
  world.settle();
  EXPECT_EQ(peer.count<protocol::Rekey>(), 0U);
  EXPECT_FALSE(world.heard(id).is_answered);
  world.restart();
  world.disk_is_held = false;
  world.settle();
  EXPECT_EQ(states(), "1:current 2:next") << "what was not durable did not happen";
}

TEST_F(KeysTest, ARestartBetweenInstallAndOfferLosesNothing) {
  auto agent = world.add_agent("one");
  world.connect(agent, "one");
  ASSERT_EQ(rotate(), 200);
  world.restart();
  EXPECT_EQ(states(), "1:accepted 2:current 3:next");
  auto& back = world.connect(agent, "one");
  EXPECT_EQ(back.find<protocol::Rekey>()->key_epoch, kSecond);
}

TEST_F(KeysTest, AnAgentThatSleptThroughTheGraceGetsItsKeyAndComesBack) {
  auto agent = world.add_agent("one");
  world.network.hang_up(world.daemon->links(), world.connect(agent, "one"), world.now());
  ASSERT_EQ(rotate(), 200);
  world.advance(31s);
  EXPECT_EQ(states(), "1:retired 2:current 3:next");
  auto& late = world.connect(agent, "one");
  EXPECT_EQ(late.count<protocol::Reconcile>(), 0U) << "a retired key takes no work";
  EXPECT_FALSE(late.is_open);
  auto& back = come_with_new_key(agent, late, "one");
  EXPECT_EQ(back.count<protocol::Reconcile>(), 1U);
  EXPECT_TRUE(behind().empty());
}

TEST_F(KeysTest, ASecondRotationWaitsForTheGraceOfTheFirst) {
  ASSERT_EQ(rotate(), 200);
  const auto& refused = world.call("POST", "/v1/keys/rotate", "{}");
  EXPECT_EQ(refused.status(), 409);
  EXPECT_NE(refused.response.body.find("stint keys retire 1"), std::string::npos) << refused.response.body;
  EXPECT_EQ(retire(R"({"key_epoch":1})"), 200);
  EXPECT_EQ(rotate(), 200);
  EXPECT_EQ(states(), "1:retired 2:accepted 3:current 4:next");
}

TEST_F(KeysTest, RetiredAtOnceIsRefusedAltogether) {
  auto agent = world.add_agent("one");
  auto& peer = world.connect(agent, "one");
  const auto old = agent;
  ASSERT_EQ(rotate(), 200);
  auto& moved = come_with_new_key(agent, peer, "one");
  EXPECT_EQ(retire(R"({"key_epoch":1,"now":true})"), 200);
  EXPECT_EQ(states(), "1:removed 2:current 3:removed 4:next");
  EXPECT_TRUE(moved.is_open);
  auto& thief = world.connect(old, "one");
  EXPECT_EQ(thief.count<protocol::Rekey>(), 0U);
  EXPECT_FALSE(thief.is_open);
  const auto told = events("key_retired");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].at("by").as_string(), "local");
  EXPECT_EQ(told[0].at("state").as_string(), "removed");
}

TEST_F(KeysTest, WhoIsLockedOutIsNamed) {
  world.join("one");
  ASSERT_EQ(rotate(), 200);
  const auto answer = world.call("POST", "/v1/keys/retire", R"({"key_epoch":1,"now":true})").json();
  const auto& behind = answer.at("behind").as_array();
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0].at("agent").as_string(), "one");
  EXPECT_EQ(behind[0].at("key_state").as_string(), "removed");
}

TEST_F(KeysTest, TheCurrentEpochCannotBeRetired) {
  EXPECT_EQ(retire(R"({"key_epoch":1,"now":true})"), 409);
  EXPECT_EQ(retire(R"({"key_epoch":2})"), 409);
  EXPECT_EQ(retire(R"({"key_epoch":9})"), 404);
  EXPECT_EQ(retire(R"({"key_epoch":0})"), 400);
  EXPECT_EQ(retire(R"({"key_epoch":1,"later":true})"), 400);
  EXPECT_EQ(rotate(R"({"grace_ms":999})"), 400);
  EXPECT_EQ(rotate(R"({"grace":1})"), 400);
  EXPECT_EQ(states(), "1:current 2:next");
}

TEST_F(KeysTest, AKeyOfAForgottenRotationIsStillAccepted) {
  auto agent = world.add_agent("one");
  auto& peer = world.connect(agent, "one");
  auto backup = std::make_shared<memory::Tables>(*world.tables);
  ASSERT_EQ(rotate(), 200);
  come_with_new_key(agent, peer, "one");
  world.tables = backup;  // restored from before the rotation
  world.restart();
  EXPECT_EQ(states(), "1:current 2:next");
  auto& back = world.connect(agent, "one");
  EXPECT_EQ(back.count<protocol::Reconcile>(), 1U);
  EXPECT_EQ(back.count<protocol::Rekey>(), 0U);
}

TEST_F(KeysTest, ItRotatesByItselfAndRemovesWhatIsOld) {
  EXPECT_EQ(status().at("rotate_every_ms").to_number<std::int64_t>(), to_ms(24h * 30));
  world.advance(24h * 30);
  EXPECT_EQ(states(), "1:accepted 2:current 3:next");
  EXPECT_EQ(events("key_rotated").at(0).at("by").as_string(), "schedule");
  world.advance(24h);
  EXPECT_EQ(states(), "1:retired 2:current 3:next");
  for (int day = 0; day < 90; ++day) world.advance(24h);
  EXPECT_EQ(states().substr(0, 9), "1:removed");
}

TEST_F(KeysTest, NewAgentsGetTheNewestKey) {
  ASSERT_EQ(rotate(), 200);
  const auto answer = world.call("POST", "/v1/agents", R"({"name":"new"})").json();
  EXPECT_EQ(answer.at("key_epoch").to_number<int>(), 2);
}

TEST_F(KeysTest, OperatorsLookAndAdministratorsChange) {
  const auto token = world.call("POST", "/v1/tokens", R"({"name":"op","scopes":["operate"]})").json();
  world.token = std::string(token.at("token").as_string());
  EXPECT_EQ(world.call("GET", "/v1/keys").status(), 200);
  EXPECT_EQ(rotate(), 403);
  EXPECT_EQ(retire(R"({"key_epoch":1})"), 403);
}

}  // namespace
}  // namespace stint::scheduler
