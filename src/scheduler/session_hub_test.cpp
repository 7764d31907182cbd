#include "scheduler/session_hub.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::agent_info;
using testing::AgentPeer;
using testing::at;
using testing::ref;

constexpr AgentNumber kAgent{1};
constexpr AgentNumber kOther{2};
constexpr KeyEpoch kRemoved{0};

/// A hub whose daemon is the test: it decides what is told, and when.
class SessionHubTest : public ::testing::Test, protected AgentKeys, protected AgentMessages {
 protected:
  AgentPeer::Options identity(AgentNumber number = kAgent) {
    AgentPeer::Options options;
    options.number = number;
    options.key = key_of(number);
    return options;
  }
  AgentPeer& dial(const AgentPeer::Options& options) {
    auto& peer = network.dial(hub, options, at(time));
    settle();
    return peer;
  }
  /// Up to Resume; the answer is the test's.
  AgentPeer& resume(const AgentPeer::Options& options) {
    auto& peer = dial(options);
    peer.send(protocol::Resume{agent_info("a"), {}});
    settle();
    return peer;
  }
  AgentPeer& join(const AgentPeer::Options& options) {
    auto& peer = resume(options);
    tell({core::Reconciled{options.number}});
    return peer;
  }
  void settle() {
    while (network.exchange(hub, at(time))) {
    }
  }
  void tell(const std::vector<core::Send>& sends, const std::vector<LogTaken>& logs = {}) {
    hub.tell(sends, logs, source(), at(time));
    settle();
  }
  void announce(const std::vector<core::Send>& sends) {
    hub.announce(sends, source());
    settle();
  }
  SessionHub::AssignmentSource source() {
    return {[this](JobId, std::uint32_t) { return has_template ? &task_template : nullptr; },
            [](const AttemptRef&) { return std::nullopt; }};
  }
  AgentPeer& join_knowing_provisional(const AgentPeer::Options& options) {
    auto& peer = dial(options);
    auto info = agent_info("a");
    info.knows_provisional = true;
    peer.send(protocol::Resume{std::move(info), {}});
    settle();
    tell({core::Reconciled{options.number}});
    return peer;
  }
  void advance(Duration by) {
    time += by;
    network.on_timer(at(time));
    hub.on_timer(at(time));
    settle();
  }

  static protocol::AgentKeyBytes key_of(AgentNumber number) {
    protocol::AgentKeyBytes key{};
    key.fill(static_cast<std::uint8_t>(number.value));
    return key;
  }
  std::optional<protocol::AgentKeyBytes> find_agent_key(AgentNumber number, KeyEpoch epoch) const override {
    return epoch > kRemoved ? std::optional(key_of(number)) : std::nullopt;
  }
  bool takes_work(KeyEpoch epoch) const override { return epoch > retired; }
  std::optional<protocol::Rekey> make_rekey(AgentNumber, KeyEpoch from, KeyEpoch to, ports::Entropy&) const override {
    protocol::Rekey rekey;
    rekey.key_epoch = to;
    rekey.generation = from.value;  // so that a test sees what it was wrapped under
    return rekey;
  }
  void on_resume(const protocol::HelloInfo& hello, const protocol::Resume& /*resume*/, Now /*now*/) override { ++resumes[hello.agent]; }
  void on_info(AgentNumber agent, const protocol::AgentInfo& info, Now /*now*/) override { infos[agent] = info.name; }
  void on_updates(AgentNumber agent, const protocol::UpdateList& updates, Now /*now*/) override {
    for (const auto& update : updates.items) updates_of[agent].push_back(update.ref);
  }
  std::string on_log(AgentNumber /*agent*/, const protocol::LogChunk& /*chunk*/, Now /*now*/) override { return {}; }
  void on_disconnected(AgentNumber agent, Now /*now*/) override { ++disconnects[agent]; }
  void fill_log_ends(protocol::AttemptVerdict& verdict) override { verdict.stdout_acked = 77; }

  Duration time{0};
  KeyEpoch retired{0};
  std::map<AgentNumber, int> resumes;
  std::map<AgentNumber, int> disconnects;
  std::map<AgentNumber, std::string> infos;
  std::map<AgentNumber, std::vector<AttemptRef>> updates_of;
  protocol::TaskTemplate task_template = [] {
    protocol::TaskTemplate made;
    made.task_name = "main";
    made.driver = "noop";
    return made;
  }();
  bool has_template = true;
  testing::SeededEntropy entropy{1};
  testing::LinesLog log;
  testing::Network network;
  SessionHub hub{{testing::kSessionTimeOffsetMs, 30s, {}}, *this, network, entropy, log, *this};
};

TEST_F(SessionHubTest, NoAssignmentLeavesBeforeReconcile) {
  auto& peer = resume(identity());
  tell({core::Assign{kAgent, ref(1)}, core::Ack{kAgent, ref(2), 1}, core::Stop{kAgent, ref(3)}});
  EXPECT_TRUE(peer.heard.empty());
  tell({core::Reconciled{kAgent}, core::Assign{kAgent, ref(4)}});
  ASSERT_EQ(peer.heard.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<protocol::Reconcile>(peer.heard[0]));
  EXPECT_EQ(peer.find<protocol::AssignmentList>()->items.at(0).ref, ref(4)) << "what came too early is decided anew";
}

TEST_F(SessionHubTest, VerdictsTravelInTheReconcileWithTheEndsOfTheOutput) {
  auto& peer = resume(identity());
  tell({core::Verdict{kAgent, ref(1), core::HeldVerdict::keep, 5}, core::Verdict{kAgent, ref(2), core::HeldVerdict::stop, 0},
        core::Verdict{kAgent, ref(3), core::HeldVerdict::forget, 2}, core::Reconciled{kAgent}});
  const auto* reconcile = peer.find<protocol::Reconcile>();
  ASSERT_NE(reconcile, nullptr);
  ASSERT_EQ(reconcile->items.size(), 3U);
  EXPECT_EQ(reconcile->items[0].ref, ref(1));
  EXPECT_EQ(reconcile->items[0].verdict, protocol::Verdict::keep);
  EXPECT_EQ(reconcile->items[0].acked_update, 5U);
  EXPECT_EQ(reconcile->items[0].stdout_acked, 77U);
  EXPECT_EQ(reconcile->items[1].verdict, protocol::Verdict::stop);
  EXPECT_EQ(reconcile->items[2].verdict, protocol::Verdict::forget);
}

TEST_F(SessionHubTest, TheReconcileOfASessionThatHasGoneDoesNotReachTheNextOne) {
  auto options = identity();
  resume(options);
  options.connect = 2;
  auto& second = resume(options);  // its Resume is with the core, the first answer still on its way through the disk
  EXPECT_EQ(resumes[kAgent], 2);
  tell({core::Verdict{kAgent, ref(1), core::HeldVerdict::keep, 1}, core::Reconciled{kAgent}, core::Assign{kAgent, ref(2)}});
  EXPECT_TRUE(second.heard.empty()) << "it speaks of what the first session held";
  tell({core::Verdict{kAgent, ref(3), core::HeldVerdict::stop, 0}, core::Reconciled{kAgent}});
  const auto* reconcile = second.find<protocol::Reconcile>();
  ASSERT_NE(reconcile, nullptr);
  ASSERT_EQ(reconcile->items.size(), 1U);
  EXPECT_EQ(reconcile->items[0].ref, ref(3));
}

TEST_F(SessionHubTest, AHigherConnectDisplacesAtOnce) {
  auto options = identity();
  auto& first = join(options);
  options.connect = 2;
  auto& second = join(options);
  EXPECT_FALSE(first.is_open);
  ASSERT_TRUE(first.ended);
  EXPECT_EQ(first.ended->reason, protocol::CloseReason::displaced);
  EXPECT_TRUE(second.is_open);
  tell({core::Assign{kAgent, ref(1)}});
  EXPECT_NE(second.find<protocol::AssignmentList>(), nullptr);
  EXPECT_EQ(first.find<protocol::AssignmentList>(), nullptr);
}

TEST_F(SessionHubTest, AnOlderConnectIsRefusedAndTheSessionGoesOn) {
  auto options = identity();
  options.connect = 2;
  auto& first = join(options);
  options.connect = 1;
  auto& late = resume(options);
  EXPECT_FALSE(late.is_open);
  ASSERT_TRUE(late.ended);
  EXPECT_EQ(late.ended->reason, protocol::CloseReason::identity_in_use);
  EXPECT_TRUE(first.is_open);
  EXPECT_EQ(resumes[kAgent], 1) << "it never spoke for the agent";
}

TEST_F(SessionHubTest, ATwinIsRefusedWhenTheLiveSessionAnswersTheProbe) {
  auto& first = join(identity());
  auto clone = identity();
  clone.instance = 2;
  first.is_open = false;  // the probe is on its way
  auto& twin = resume(clone);
  time += 1ms;
  first.is_open = true;
  settle();
  EXPECT_TRUE(first.is_open);
  EXPECT_FALSE(twin.is_open);
  ASSERT_TRUE(twin.ended);
  EXPECT_EQ(twin.ended->reason, protocol::CloseReason::identity_in_use);
  EXPECT_EQ(resumes[kAgent], 1);
}

TEST_F(SessionHubTest, ATwinTakesOverFromASessionThatLeavesTheProbeUnanswered) {
  auto& first = join(identity());
  first.is_open = false;  // its machine is gone: nothing is carried any more, and nobody has said so
  auto successor = identity();
  successor.boot = 2;
  auto& second = resume(successor);
  EXPECT_EQ(resumes[kAgent], 1) << "its messages wait";
  EXPECT_TRUE(second.is_open);
  advance(5s);
  EXPECT_EQ(resumes[kAgent], 2);
  tell({core::Reconciled{kAgent}});
  EXPECT_NE(second.find<protocol::Reconcile>(), nullptr);
}

TEST_F(SessionHubTest, ARevokedAgentsSessionIsCut) {
  auto& peer = join(identity());
  auto& other = join(identity(kOther));
  tell({core::CutSession{kAgent}});
  EXPECT_FALSE(peer.is_open);
  ASSERT_TRUE(peer.ended);
  EXPECT_EQ(peer.ended->reason, protocol::CloseReason::revoked);
  EXPECT_EQ(disconnects[kAgent], 1);
  EXPECT_TRUE(other.is_open);
  tell({core::CutSession{kAgent}});  // once more harms nobody
  EXPECT_EQ(disconnects[kAgent], 1);
}

TEST_F(SessionHubTest, WhatArrivesBelongsToTheAgentOfTheSession) {
  auto& first = join(identity());
  auto& second = join(identity(kOther));
  first.send(protocol::UpdateList{{testing::update(ref(1), 1, TaskStatus::running)}});
  second.send(protocol::UpdateList{{testing::update(ref(2), 1, TaskStatus::running)}});
  first.send(agent_info("named"));
  settle();
  EXPECT_EQ(updates_of[kAgent], std::vector<AttemptRef>{ref(1)});
  EXPECT_EQ(updates_of[kOther], std::vector<AttemptRef>{ref(2)});
  EXPECT_EQ(infos[kAgent], "named");
  EXPECT_EQ(infos.count(kOther), 0U);
}

TEST_F(SessionHubTest, AWrongKeyIsNeverAnAgent) {
  auto options = identity();
  options.key.fill(0xEE);
  auto& peer = resume(options);
  EXPECT_FALSE(peer.is_open);
  EXPECT_TRUE(resumes.empty());
  EXPECT_TRUE(disconnects.empty());
  EXPECT_FALSE(log.lines.empty()) << "the operator is told";
}

TEST_F(SessionHubTest, TasksOfOneArrayShareATemplateAndOneMessage) {
  auto& peer = join(identity());
  std::vector<core::Send> sends;
  for (std::uint32_t i = 0; i < 10; ++i) sends.emplace_back(core::Assign{kAgent, ref(1, i)});
  sends.emplace_back(core::Assign{kAgent, ref(2)});
  tell(sends);
  EXPECT_EQ(peer.count<protocol::AssignmentList>(), 1U);
  const auto* list = peer.find<protocol::AssignmentList>();
  EXPECT_EQ(list->templates.size(), 2U);
  ASSERT_EQ(list->items.size(), 11U);
  EXPECT_EQ(list->items[9].template_index, list->items[0].template_index);
  EXPECT_NE(list->items[10].template_index, list->items[0].template_index);
}

TEST_F(SessionHubTest, AnAssignmentWithoutATemplateIsNotSent) {
  auto& peer = join(identity());
  has_template = false;
  tell({core::Assign{kAgent, ref(1)}});
  EXPECT_EQ(peer.find<protocol::AssignmentList>(), nullptr);
}

TEST_F(SessionHubTest, AcknowledgementsCreditAndCancelsLeaveBeforeAssignments) {
  auto& peer = join(identity());
  const auto before = peer.heard.size();
  tell(
      {core::Assign{kAgent, ref(1)}, core::Stop{kAgent, ref(2), EndReason::superseded, core::StopMode::kill}, core::Ack{kAgent, ref(3), 4}},
      {LogTaken{kAgent, ref(3), 2, 100}});
  ASSERT_EQ(peer.heard.size(), before + 4);
  EXPECT_EQ(std::get<protocol::StatusAck>(peer.heard[before]).items.at(0).number, 4U);
  const auto& credit = std::get<protocol::Credit>(peer.heard[before + 1]);
  EXPECT_EQ(credit.log_chunks, 1U);
  EXPECT_EQ(credit.log_acks.at(0).stream, protocol::LogStream::err);
  EXPECT_EQ(credit.log_acks.at(0).acked, 100U);
  const auto& cancel = std::get<protocol::Cancel>(peer.heard[before + 2]).items.at(0);
  EXPECT_EQ(cancel.mode, protocol::CancelMode::kill);
  EXPECT_EQ(cancel.reason, EndReason::superseded);
  EXPECT_TRUE(std::holds_alternative<protocol::AssignmentList>(peer.heard[before + 3]));
}

TEST_F(SessionHubTest, ReportsGetTheirCreditBack) {
  auto& peer = join(identity());
  peer.send(protocol::UpdateList{{testing::report(ref(1), 0.5F), testing::report(ref(2), 0.5F)}});
  settle();
  ASSERT_NE(peer.find<protocol::Credit>(), nullptr);
  EXPECT_EQ(peer.find<protocol::Credit>()->reports, 2U);
}

TEST_F(SessionHubTest, AClosedConnectionIsADisconnectOnce) {
  auto& peer = join(identity());
  network.hang_up(hub, peer, at(time));
  EXPECT_EQ(disconnects[kAgent], 1);
  EXPECT_EQ(hub.sessions(), 0U);
  advance(10min);
  EXPECT_EQ(disconnects[kAgent], 1);
}

TEST_F(SessionHubTest, AConnectionThatNeverSaidHelloIsNoDisconnect) {
  auto& peer = network.dial(hub, identity(), at(time));
  network.hang_up(hub, peer, at(time));
  EXPECT_TRUE(disconnects.empty());
  EXPECT_EQ(hub.sessions(), 0U);
}

TEST_F(SessionHubTest, ASilentSessionEndsWithItsLease) {
  auto& peer = join(identity());
  peer.is_open = false;  // nothing is carried any more
  advance(89s);
  EXPECT_EQ(disconnects[kAgent], 0);
  advance(2s);
  EXPECT_EQ(disconnects[kAgent], 1) << "three heartbeats were missed";
}

TEST_F(SessionHubTest, ASessionThatSpeaksWakesNobody) {
  join(identity());
  join(identity(kOther));
  for (int heartbeat = 0; heartbeat < 2; ++heartbeat) {
    advance(29s);
    EXPECT_GE(hub.next_deadline(), at(89s).mono) << "a heartbeat moves no deadline of the loop";
  }
  advance(32s);  // the first lease would be over
  EXPECT_TRUE(disconnects.empty());
  EXPECT_GE(hub.next_deadline(), at(140s).mono);
}

TEST_F(SessionHubTest, TheLoopIsWokenWhenALeaseIsOver) {
  join(identity());
  int woken = 0;
  while (disconnects.empty() && ++woken < 10) {
    time = std::max(time, hub.next_deadline() - at(0s).mono);
    hub.on_timer(at(time));  // its agent says nothing
  }
  EXPECT_EQ(time, 90s);
  EXPECT_LE(woken, 3);
}

TEST_F(SessionHubTest, TakesNoNewLinksWhileItIsClosed) {
  hub.set_accepting(false);
  auto& refused = dial(identity());
  EXPECT_FALSE(refused.is_open);
  EXPECT_EQ(hub.sessions(), 0U);
  hub.set_accepting(true);
  EXPECT_TRUE(dial(identity()).is_open);
}

// Keys.

TEST_F(SessionHubTest, ANewerKeyIsOfferedWhenItIsDurableAndUntilTheAgentUsesIt) {
  auto& peer = join(identity());
  EXPECT_EQ(peer.count<protocol::Rekey>(), 0U);
  hub.on_keys_changed(KeyEpoch{2}, at(time));
  settle();
  ASSERT_EQ(peer.count<protocol::Rekey>(), 1U);
  EXPECT_EQ(peer.find<protocol::Rekey>()->key_epoch, KeyEpoch{2});
  EXPECT_EQ(peer.find<protocol::Rekey>()->generation, 1U) << "wrapped under the key of the session";
  advance(30s);
  EXPECT_EQ(peer.count<protocol::Rekey>(), 1U);
  advance(30s);
  EXPECT_EQ(peer.count<protocol::Rekey>(), 2U) << "it was lost, or could not be kept";

  auto newer = identity();
  newer.key_epoch = KeyEpoch{2};
  newer.connect = 2;
  auto& other = join(newer);
  advance(2min);
  EXPECT_EQ(other.count<protocol::Rekey>(), 0U);
  EXPECT_FALSE(peer.is_open);
}

TEST_F(SessionHubTest, AKeyThatIsRetiredBeforeTheNextOneIsDurableTakesWork) {
  hub.on_keys_changed(KeyEpoch{1}, at(time));
  retired = KeyEpoch{1};  // decided, like the key after it, but neither is written
  auto& peer = join(identity());
  EXPECT_TRUE(peer.is_open);
  EXPECT_EQ(peer.count<protocol::Rekey>(), 0U);
  hub.on_keys_changed(KeyEpoch{2}, at(time));
  settle();
  EXPECT_FALSE(peer.is_open);
}

TEST_F(SessionHubTest, WhoComesWithAnOlderKeyIsOfferedTheNewerBehindReconcile) {
  hub.on_keys_changed(KeyEpoch{3}, at(time));
  auto& peer = resume(identity());
  EXPECT_EQ(peer.count<protocol::Rekey>(), 0U);
  tell({core::Reconciled{kAgent}});
  ASSERT_EQ(peer.heard.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<protocol::Reconcile>(peer.heard[0]));
  EXPECT_EQ(peer.find<protocol::Rekey>()->key_epoch, KeyEpoch{3});
}

TEST_F(SessionHubTest, ARetiredKeyGetsTheNewerOneAndNothingElse) {
  retired = KeyEpoch{1};
  hub.on_keys_changed(KeyEpoch{2}, at(time));
  auto& peer = resume(identity());
  ASSERT_EQ(peer.heard.size(), 1U);
  EXPECT_EQ(peer.find<protocol::Rekey>()->key_epoch, KeyEpoch{2});
  ASSERT_TRUE(peer.ended);
  EXPECT_EQ(peer.ended->reason, protocol::CloseReason::normal);
  EXPECT_TRUE(resumes.empty()) << "no work, no Reconcile";
  EXPECT_TRUE(disconnects.empty());
}

TEST_F(SessionHubTest, ARetiredKeyDisplacesNoSession) {
  auto newer = identity();
  newer.key_epoch = KeyEpoch{2};
  auto& peer = join(newer);
  retired = KeyEpoch{1};
  hub.on_keys_changed(KeyEpoch{2}, at(time));
  auto old = identity();
  old.connect = 9;
  auto& thief = resume(old);
  EXPECT_TRUE(thief.ended) << "whoever has it may be anybody";
  EXPECT_FALSE(peer.ended);
  EXPECT_EQ(disconnects[kAgent], 0);
}

TEST_F(SessionHubTest, SessionsEndWhenTheirEpochTakesNoWorkAnyMore) {
  auto& old = join(identity());
  auto other = identity(kOther);
  other.key_epoch = KeyEpoch{2};
  auto& current = join(other);
  auto half = identity(AgentNumber{3});
  auto& half_open = dial(half);
  retired = KeyEpoch{1};
  hub.on_keys_changed(KeyEpoch{2}, at(time));
  settle();
  EXPECT_TRUE(old.ended);
  EXPECT_TRUE(half_open.ended || !half_open.is_open);
  EXPECT_FALSE(current.ended);
  EXPECT_EQ(disconnects[kAgent], 1);
}

TEST_F(SessionHubTest, ANewConnectionOfTheSameStartIsNoMomentOutOfReach) {
  auto& first = join(identity());
  auto newer = identity();
  newer.connect = 2;
  auto& second = join(newer);
  EXPECT_EQ(disconnects[kAgent], 0) << "no task's policy has a say";
  EXPECT_EQ(resumes[kAgent], 2);
  EXPECT_TRUE(first.ended);
  EXPECT_FALSE(second.ended);
}

TEST_F(SessionHubTest, RevokingCutsWhateverTheAgentHasOpen) {
  auto& speaking = join(identity());
  auto twin = identity();
  twin.instance = 2;
  auto& waiting = resume(twin);
  auto third = identity();
  third.boot = 3;
  auto& half_open = dial(third);
  auto& bystander = join(identity(kOther));
  tell({core::CutSession{kAgent}});
  for (auto* peer : {&speaking, &waiting, &half_open}) EXPECT_FALSE(peer->is_open);
  ASSERT_TRUE(speaking.ended);
  EXPECT_EQ(speaking.ended->reason, protocol::CloseReason::revoked);
  EXPECT_TRUE(bystander.is_open);
  EXPECT_EQ(resumes[kAgent], 1) << "the twin that waited does not take over";
}

TEST_F(SessionHubTest, WhatIsAboutToBeDurableIsGivenAndThenConfirmed) {
  auto& peer = join_knowing_provisional(identity());
  const std::vector<core::Send> turn{core::Assign{kAgent, ref(1)}, core::Stop{kAgent, ref(3)}};
  announce(turn);
  ASSERT_EQ(peer.count<protocol::AssignmentList>(), 1U);
  EXPECT_EQ(peer.count<protocol::Cancel>(), 0U) << "nothing else is said before";
  EXPECT_TRUE(peer.find<protocol::AssignmentList>()->is_provisional);
  EXPECT_EQ(peer.find<protocol::AssignmentList>()->items.at(0).ref, ref(1));

  tell(turn);
  ASSERT_EQ(peer.count<protocol::AssignmentList>(), 2U);
  EXPECT_EQ(peer.find<protocol::AssignmentList>()->confirmed, std::vector<AttemptRef>{ref(1)});
  EXPECT_TRUE(peer.find<protocol::AssignmentList>()->items.empty());

  tell({core::Assign{kAgent, ref(1)}});
  EXPECT_EQ(peer.find<protocol::AssignmentList>()->items.size(), 1U) << "confirmed once";
}

TEST_F(SessionHubTest, WhoDoesNotKnowProvisionalAssignmentsGetsThemWhenTheyAreDurable) {
  auto& peer = join(identity());
  announce({core::Assign{kAgent, ref(1)}});
  EXPECT_EQ(peer.count<protocol::AssignmentList>(), 0U);
  tell({core::Assign{kAgent, ref(1)}});
  EXPECT_FALSE(peer.find<protocol::AssignmentList>()->is_provisional);
  EXPECT_EQ(peer.find<protocol::AssignmentList>()->items.size(), 1U);
}

TEST_F(SessionHubTest, AnotherSessionHasHeardNothingThatCouldBeConfirmed) {
  join_knowing_provisional(identity());
  announce({core::Assign{kAgent, ref(1)}});
  auto again = identity();
  again.connect = 2;
  auto& peer = join_knowing_provisional(again);
  tell({core::Assign{kAgent, ref(1)}});
  ASSERT_EQ(peer.count<protocol::AssignmentList>(), 1U);
  EXPECT_EQ(peer.find<protocol::AssignmentList>()->items.size(), 1U);
}

TEST_F(SessionHubTest, PinsFollowReconcile) {
  Pin pin;
  pin.spki_sha256.fill(5);
  SessionHub with_pins{{testing::kSessionTimeOffsetMs, 30s, {pin}}, *this, network, entropy, log, *this};
  auto& peer = network.dial(with_pins, identity(), at(time));
  while (network.exchange(with_pins, at(time))) {
  }
  peer.send(protocol::Resume{agent_info("a"), {}});
  while (network.exchange(with_pins, at(time))) {
  }
  with_pins.tell({core::Reconciled{kAgent}}, {}, {}, at(time));
  while (network.exchange(with_pins, at(time))) {
  }
  ASSERT_EQ(peer.heard.size(), 2U);
  EXPECT_EQ(std::get<protocol::CellPins>(peer.heard[1]).pins.at(0), pin.spki_sha256);
}

}  // namespace
}  // namespace stint::scheduler
