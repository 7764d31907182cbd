#include "protocol/registry.hpp"

#include <gtest/gtest.h>

#include "protocol/limits.hpp"

namespace stint::protocol {
namespace {

using namespace std::chrono_literals;
using Kind = RegistryDecision::Kind;

constexpr AgentNumber kAgent{7};
Now at(Duration t) { return {Instant{t}, unix_millis(0)}; }

HelloInfo hello(std::uint8_t instance, std::uint8_t boot, std::uint64_t connect) {
  HelloInfo info;
  info.agent = kAgent;
  info.instance.fill(instance);
  info.boot.fill(boot);
  info.connect = connect;
  return info;
}

struct Registry : ::testing::Test {
  IdentityRegistry registry;
  RegistryDecision establish(const HelloInfo& info, std::uint64_t session, Duration t = 0s) {
    EXPECT_EQ(registry.on_hello(kAgent, SessionId{session}), std::nullopt);
    return registry.on_established(info, SessionId{session}, at(t));
  }
};

TEST_F(Registry, TheFirstSessionSpeaksForItsAgent) {
  EXPECT_EQ(establish(hello(1, 1, 1), 10).kind, Kind::accept);
  EXPECT_EQ(registry.find(kAgent), SessionId{10});
  EXPECT_EQ(registry.find(AgentNumber{8}), std::nullopt);
  EXPECT_EQ(registry.next_deadline(), Instant::max());
}

TEST_F(Registry, HigherConnectOfTheSameStartDisplacesAtOnce) {
  establish(hello(1, 1, 1), 10);
  const auto decision = establish(hello(1, 1, 2), 11);
  EXPECT_EQ(decision.kind, Kind::accept_and_close);
  EXPECT_EQ(decision.other, SessionId{10});
  EXPECT_EQ(decision.reason, CloseReason::displaced);
  EXPECT_EQ(registry.find(kAgent), SessionId{11});
  EXPECT_EQ(registry.on_closed(kAgent, SessionId{10}), std::nullopt);
  EXPECT_EQ(registry.find(kAgent), SessionId{11}) << "the end of a displaced session takes nothing along";
}

TEST_F(Registry, SameOrLowerConnectIsRefused) {
  establish(hello(1, 1, 5), 10);
  for (const std::uint64_t connect : {5U, 4U}) {
    const auto decision = establish(hello(1, 1, connect), 11);
    EXPECT_EQ(decision.kind, Kind::refuse);
    EXPECT_EQ(decision.reason, CloseReason::identity_in_use);
    EXPECT_NE(decision.detail.find("agent 7"), std::string::npos);
    EXPECT_EQ(registry.on_closed(kAgent, SessionId{11}), std::nullopt);
  }
  EXPECT_EQ(registry.find(kAgent), SessionId{10});
}

TEST_F(Registry, AnotherStartIsAcceptedWhenTheLiveSessionHasClosed) {
  establish(hello(1, 1, 5), 10);
  EXPECT_EQ(registry.on_closed(kAgent, SessionId{10}), std::nullopt);
  EXPECT_EQ(establish(hello(1, 2, 6), 11).kind, Kind::accept);
}

TEST_F(Registry, ACloneIsRefusedWhenTheLiveSessionAnswers) {
  establish(hello(1, 1, 1), 10);
  for (const auto& twin : {hello(1, 2, 9), hello(2, 1, 9), hello(2, 2, 9)}) {
    const auto decision = establish(twin, 11, 1s);
    EXPECT_EQ(decision.kind, Kind::wait_probe);
    EXPECT_EQ(decision.other, SessionId{10});
    EXPECT_EQ(registry.next_deadline(), Instant{1s + limits::kProbe});
    EXPECT_EQ(registry.on_heard(kAgent, SessionId{11}, at(2s)), std::nullopt) << "the candidate does not answer for the other";
    const auto outcome = registry.on_heard(kAgent, SessionId{10}, at(2s));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->session, SessionId{11});
    EXPECT_EQ(outcome->decision.kind, Kind::refuse);
    EXPECT_EQ(outcome->decision.reason, CloseReason::identity_in_use);
    EXPECT_EQ(registry.on_closed(kAgent, SessionId{11}), std::nullopt);
  }
  EXPECT_EQ(registry.find(kAgent), SessionId{10});
  EXPECT_EQ(registry.next_deadline(), Instant::max());
}

TEST_F(Registry, AnUnansweredProbeHandsTheIdentityOver) {
  establish(hello(1, 1, 1), 10);
  establish(hello(1, 2, 2), 11, 1s);
  EXPECT_TRUE(registry.on_timer(at(5999ms)).empty());
  const auto outcomes = registry.on_timer(at(6s));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].session, SessionId{11});
  EXPECT_EQ(outcomes[0].decision.kind, Kind::accept_and_close);
  EXPECT_EQ(outcomes[0].decision.other, SessionId{10});
  EXPECT_EQ(registry.find(kAgent), SessionId{11});
  EXPECT_TRUE(registry.on_timer(at(60s)).empty());
}

TEST_F(Registry, TheLiveSessionClosingDuringAProbeHandsTheIdentityOver) {
  establish(hello(1, 1, 1), 10);
  establish(hello(1, 2, 2), 11, 1s);
  const auto outcome = registry.on_closed(kAgent, SessionId{10});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->session, SessionId{11});
  EXPECT_EQ(outcome->decision.kind, Kind::accept);
  EXPECT_EQ(registry.find(kAgent), SessionId{11});
}

TEST_F(Registry, TheWaitingSessionClosingEndsTheProbe) {
  establish(hello(1, 1, 1), 10);
  establish(hello(1, 2, 2), 11, 1s);
  EXPECT_EQ(registry.on_closed(kAgent, SessionId{11}), std::nullopt);
  EXPECT_TRUE(registry.on_timer(at(60s)).empty());
  EXPECT_EQ(registry.find(kAgent), SessionId{10});
}

TEST_F(Registry, ReconnectingDuringAProbeIsAnAnswer) {
  establish(hello(1, 1, 1), 10);
  establish(hello(2, 2, 2), 11, 1s);
  EXPECT_EQ(establish(hello(1, 1, 2), 12, 2s).kind, Kind::accept_and_close);
  const auto outcomes = registry.on_timer(at(2s));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].session, SessionId{11});
  EXPECT_EQ(outcomes[0].decision.kind, Kind::refuse);
  EXPECT_EQ(registry.find(kAgent), SessionId{12});
}

TEST_F(Registry, AThirdClaimantIsRefusedWhileOneWaits) {
  establish(hello(1, 1, 1), 10);
  establish(hello(2, 2, 2), 11, 1s);
  const auto decision = establish(hello(3, 3, 3), 12, 2s);
  EXPECT_EQ(decision.kind, Kind::refuse);
  EXPECT_EQ(decision.other, SessionId{10});
}

TEST_F(Registry, ANewerHelloReplacesAHalfOpenSession) {
  EXPECT_EQ(registry.on_hello(kAgent, SessionId{10}), std::nullopt);
  EXPECT_EQ(registry.on_hello(kAgent, SessionId{11}), SessionId{10});
  EXPECT_EQ(registry.on_closed(kAgent, SessionId{10}), std::nullopt);
  EXPECT_EQ(registry.on_hello(kAgent, SessionId{12}), SessionId{11});
  EXPECT_EQ(registry.on_hello(AgentNumber{8}, SessionId{13}), std::nullopt) << "each agent for itself";
  EXPECT_EQ(registry.on_established(hello(1, 1, 1), SessionId{12}, at(0s)).kind, Kind::accept);
  EXPECT_EQ(registry.on_hello(kAgent, SessionId{14}), std::nullopt) << "an established session is not half-open";
}

}  // namespace
}  // namespace stint::protocol
