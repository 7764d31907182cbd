#include <gtest/gtest.h>

#include "agent/test_world.hpp"
#include "wire/keys.hpp"

namespace stint::agent {
namespace {

using namespace std::chrono_literals;
using testing::ref;

constexpr AgentNumber kAgent{7};
constexpr KeyEpoch kFirst{1};
constexpr KeyEpoch kSecond{2};
constexpr KeyEpoch kThird{3};

protocol::Rekey make_rekey(KeyEpoch from, KeyEpoch to, AgentNumber agent = kAgent, std::uint32_t generation = 0) {
  protocol::Rekey rekey;
  rekey.key_epoch = to;
  rekey.generation = generation;
  rekey.nonce.fill(static_cast<std::uint8_t>(to.value));
  const auto wrap = wire::derive_rekey_wrap_key(wire::AgentKey(testing::FakeScheduler::key_of(from)), rekey.nonce);
  rekey.wrapped_key = wire::wrap_agent_key(wrap, {agent, to, generation}, wire::AgentKey(testing::FakeScheduler::key_of(to)));
  return rekey;
}

std::vector<KeyEpoch> epochs_of(const std::vector<ports::HeldKey>& keys) {
  std::vector<KeyEpoch> epochs;
  for (const auto& key : keys) epochs.push_back(key.epoch);
  return epochs;
}

using Epochs = std::vector<KeyEpoch>;

/// An agent with a session under its first key.
class AgentLines : public ::testing::Test {
 protected:
  AgentLines() {
    world.start();
    world.connect();
  }
  ports::LinkClient& other() { return world.agent->second_line(); }
  void offer(const protocol::Rekey& rekey) {
    world.scheduler.session->send(rekey);
    world.settle();
  }
  void dial_other() {
    ASSERT_TRUE(other().wants_link(world.now()));
    other().on_link_dialing();
    world.second.open(world.now());
    other().on_link_open(world.now());
  }
  /// What an adapter does once an ended session's last words have left.
  void close_first() {
    ASSERT_TRUE(world.agent->wants_close());
    world.scheduler.session.reset();
    world.agent->on_link_closed(world.now());
  }
  [[nodiscard]] Epochs kept() const { return epochs_of(world.key_store.keys); }

  testing::World world;
};

TEST_F(AgentLines, ANewKeyIsKeptBesideTheOldOneAndUsedOnAnotherConnection) {
  EXPECT_FALSE(other().wants_link(world.now())) << "one connection is enough";
  offer(make_rekey(kFirst, kSecond));
  EXPECT_EQ(kept(), (Epochs{kSecond, kFirst}));
  EXPECT_EQ(world.key_store.keys.front().key, testing::FakeScheduler::key_of(kSecond));
  EXPECT_FALSE(world.agent->wants_close()) << "the session goes on until the other one is whole";

  world.second.before_reconcile = [&] {
    EXPECT_EQ(kept(), (Epochs{kSecond, kFirst})) << "nothing is forgotten before Reconcile";
    EXPECT_FALSE(world.agent->wants_close());
  };
  dial_other();
  world.settle();
  ASSERT_EQ(world.second.hellos.size(), 1U);
  EXPECT_EQ(world.second.hellos[0].key_epoch, kSecond);
  EXPECT_EQ(world.second.hellos[0].instance, world.scheduler.hellos[0].instance);
  EXPECT_EQ(world.second.hellos[0].boot, world.scheduler.hellos[0].boot);
  EXPECT_GT(world.second.hellos[0].connect, world.scheduler.hellos[0].connect);
  EXPECT_EQ(kept(), Epochs{kSecond});
  close_first();
  EXPECT_FALSE(world.agent->wants_link(world.now())) << "the other line carries the session now";
  EXPECT_TRUE(world.agent->is_synced());
}

TEST_F(AgentLines, WhatRunsIsToldOnTheNewConnection) {
  world.assign({ref(1)});
  offer(make_rekey(kFirst, kSecond));
  dial_other();
  world.settle();
  ASSERT_EQ(world.second.resumes.size(), 1U);
  ASSERT_EQ(world.second.resumes[0].held.size(), 1U);
  world.driver.end(ref(1), EndReason::exit, 0);
  world.settle();
  EXPECT_TRUE(world.second.tasks[ref(1)].ended());
  EXPECT_FALSE(world.scheduler.tasks[ref(1)].ended());
}

TEST_F(AgentLines, ARekeyThatIsNotRightChangesNothing) {
  auto tampered = make_rekey(kFirst, kSecond);
  tampered.wrapped_key[5] ^= 1;
  auto of_another_generation = make_rekey(kFirst, kSecond);
  of_another_generation.generation = 1;
  auto of_another_epoch = make_rekey(kFirst, kSecond);
  of_another_epoch.key_epoch = kThird;
  const std::vector<std::pair<const char*, protocol::Rekey>> bad{{"tampered", tampered},
                                                                 {"other generation", of_another_generation},
                                                                 {"other epoch", of_another_epoch},
                                                                 {"another agent's", make_rekey(kFirst, kSecond, AgentNumber{8})},
                                                                 {"not newer", make_rekey(kFirst, kFirst)},
                                                                 {"under another key", make_rekey(kThird, kSecond)}};
  for (const auto& [name, rekey] : bad) {
    world.scheduler.errors.clear();
    offer(rekey);
    ASSERT_EQ(world.scheduler.errors.size(), 1U) << name;
    EXPECT_EQ(world.scheduler.errors[0].code, "bad_rekey") << name;
  }
  EXPECT_EQ(world.key_store.writes, 0U);
  EXPECT_FALSE(other().wants_link(world.now()));
  EXPECT_TRUE(world.agent->is_synced()) << "and the session goes on";
}

TEST_F(AgentLines, AKeyThatCannotBeKeptIsNotUsed) {
  world.key_store.is_full = true;
  offer(make_rekey(kFirst, kSecond));
  EXPECT_FALSE(other().wants_link(world.now()));
  EXPECT_TRUE(world.scheduler.errors.empty()) << "it is not the scheduler's fault: it offers again";
  world.key_store.is_full = false;
  offer(make_rekey(kFirst, kSecond));
  EXPECT_TRUE(other().wants_link(world.now()));
}

TEST_F(AgentLines, TheSameKeyAgainIsWrittenOnce) {
  offer(make_rekey(kFirst, kSecond));
  offer(make_rekey(kFirst, kSecond));
  EXPECT_EQ(world.key_store.writes, 1U);
  EXPECT_TRUE(other().wants_link(world.now()));
}

TEST_F(AgentLines, ANewConnectionThatFailsLeavesTheSessionAsItWas) {
  offer(make_rekey(kFirst, kSecond));
  other().on_link_dialing();
  other().on_link_failed("refused", world.now());
  EXPECT_TRUE(world.agent->is_synced());
  EXPECT_FALSE(other().wants_link(world.now())) << "until the key is offered again";
  offer(make_rekey(kFirst, kSecond));
  EXPECT_TRUE(other().wants_link(world.now()));
}

TEST_F(AgentLines, ANewKeyThatIsRefusedLeavesTheSessionAndBothKeys) {
  offer(make_rekey(kFirst, kSecond));
  world.second.unknown_epochs.insert(kSecond);
  dial_other();
  world.settle();
  ASSERT_TRUE(other().wants_close());
  other().on_link_closed(world.now());
  world.second.session.reset();
  EXPECT_TRUE(world.agent->is_synced());
  EXPECT_EQ(kept(), (Epochs{kSecond, kFirst})) << "a REJECT is advice: no key goes because of it";
}

TEST_F(AgentLines, AConnectionThatDiesBeforeReconcileEndsBothAndTheAgentComesBack) {
  offer(make_rekey(kFirst, kSecond));
  dial_other();
  world.second.before_reconcile = [&] { world.second.session->close(protocol::CloseReason::overloaded, "full"); };
  world.settle();
  other().on_link_closed(world.now());
  world.second.session.reset();
  EXPECT_TRUE(world.agent->wants_close()) << "what was said on the first meanwhile was not heard";
  close_first();
  EXPECT_EQ(kept(), (Epochs{kSecond, kFirst}));
  world.time += 20s;
  EXPECT_TRUE(other().wants_link(world.now()) || world.agent->wants_link(world.now()));
}

TEST_F(AgentLines, ASessionThatEndsWithTheNewKeyIsFollowedByTheOtherLine) {
  world.scheduler.session->send(make_rekey(kFirst, kSecond));
  world.scheduler.session->close(protocol::CloseReason::normal, "key epoch 1 is retired");
  world.settle();
  close_first();
  EXPECT_FALSE(world.agent->wants_link(world.now()));
  dial_other();
  world.settle();
  EXPECT_EQ(world.second.hellos.at(0).key_epoch, kSecond);
  EXPECT_TRUE(world.agent->is_synced());
  EXPECT_EQ(kept(), Epochs{kSecond});
}

/// A process on a state directory whose keys are given: what a crash between two steps left.
class AgentKeysAtStart : public ::testing::Test {
 protected:
  void start(const Epochs& keys) {
    world.key_store.keys.clear();
    for (const KeyEpoch epoch : keys) world.key_store.keys.push_back({epoch, 0, testing::FakeScheduler::key_of(epoch)});
    world.start();
    world.connect();
  }
  void come_again() {
    world.scheduler.session.reset();
    world.agent->on_link_closed(world.now());
    world.time += 20s;
    world.connect();
  }
  testing::World world;
};

TEST_F(AgentKeysAtStart, TheNewestKeyIsUsedAndTheOlderForgotten) {
  start({kSecond, kFirst});
  EXPECT_EQ(world.scheduler.hellos.at(0).key_epoch, kSecond);
  EXPECT_EQ(epochs_of(world.key_store.keys), Epochs{kSecond});
}

TEST_F(AgentKeysAtStart, AnOlderKeyIsTriedWhenTheNewestIsRefusedAndKeepsBoth) {
  world.scheduler.unknown_epochs.insert(kSecond);  // a store restored from a backup has forgotten it
  start({kSecond, kFirst});
  EXPECT_TRUE(world.scheduler.hellos.empty());
  come_again();
  ASSERT_EQ(world.scheduler.hellos.size(), 1U);
  EXPECT_EQ(world.scheduler.hellos[0].key_epoch, kFirst);
  EXPECT_EQ(epochs_of(world.key_store.keys), (Epochs{kSecond, kFirst})) << "nobody but a newer session takes a key away";
  come_again();
  EXPECT_EQ(world.scheduler.hellos.at(1).key_epoch, kFirst) << "what worked is used again";
}

TEST_F(AgentKeysAtStart, AnotherKeyOfTheEpochThatWasLostTakesItsPlace) {
  world.scheduler.unknown_epochs.insert(kSecond);
  world.key_store.keys = {{kSecond, 0, {9}}, {kFirst, 0, testing::FakeScheduler::key_of(kFirst)}};
  world.start();
  world.connect();
  come_again();
  world.scheduler.session->send(make_rekey(kFirst, kSecond));
  world.settle();
  EXPECT_EQ(world.key_store.keys.front().key, testing::FakeScheduler::key_of(kSecond));
  EXPECT_TRUE(world.agent->second_line().wants_link(world.now()));
}

TEST_F(AgentKeysAtStart, AllRefusedBeginsAnewWithTheNewest) {
  world.scheduler.unknown_epochs = {kFirst, kSecond};
  start({kSecond, kFirst});
  come_again();
  world.scheduler.unknown_epochs.clear();
  come_again();
  EXPECT_EQ(world.scheduler.hellos.at(0).key_epoch, kSecond);
}

TEST_F(AgentKeysAtStart, TheCellsPinsAreKept) {
  start({kFirst});
  Pin pin;
  pin.spki_sha256.fill(3);
  world.scheduler.session->send(protocol::CellPins{{pin.spki_sha256}});
  world.settle();
  EXPECT_EQ(world.key_store.pins, std::vector<Pin>{pin});
}

}  // namespace
}  // namespace stint::agent
