#include "protocol/versions.hpp"

#include <gtest/gtest.h>

#include "protocol/enrol_pipe.hpp"
#include "protocol/session_pipe.hpp"

namespace stint::protocol {
namespace {

using namespace testing;

constexpr VersionRange kLater{1, 3};
constexpr VersionRange kMuchLater{2, 4};

TEST(Versions, TheHighestOfBothIsChosen) {
  EXPECT_EQ(choose_version({1, 1}, {1, 1}), 1);
  EXPECT_EQ(choose_version({1, 1}, {1, 3}), 1);
  EXPECT_EQ(choose_version({1, 5}, {2, 3}), 3);
  EXPECT_EQ(choose_version({3, 5}, {2, 3}), 3);
  EXPECT_EQ(choose_version({1, 1}, {2, 3}), std::nullopt);
  EXPECT_EQ(choose_version({4, 5}, {2, 3}), std::nullopt);
  EXPECT_EQ(choose_version({0, 0}, {1, 1}), std::nullopt);
}

Pipe between(VersionRange scheduler, VersionRange agent) {
  Pipe::Options options;
  options.scheduler_speaks = scheduler;
  options.agent_speaks = agent;
  return Pipe(options);
}

std::uint16_t version_of(const Bytes& hello_ack_frame) {
  wire::AlignedBuffer buffer;
  const auto body = ByteView(hello_ack_frame).subspan(wire::kHeaderSize);
  buffer.reserve(body.size());
  std::copy(body.begin(), body.end(), buffer.data());
  const auto envelope = open_envelope({buffer.data(), body.size()});
  const auto ack = envelope ? decode_hello_ack(*envelope) : Decoded<HelloAck>(tl::unexpect, envelope.error());
  return ack ? ack->version : 0;
}

TEST(Versions, ALaterPeerOnEitherSideSpeaksTheCommonOne) {
  for (const auto& [scheduler, agent] : {std::pair{kVersions, kLater}, std::pair{kLater, kVersions}}) {
    auto pipe = between(scheduler, agent);
    pipe.establish();
    EXPECT_EQ(version_of(pipe.hello_ack_frame), 1);
    EXPECT_FALSE(pipe.scheduler->ended());
    EXPECT_FALSE(pipe.agent->ended());
  }
  auto pipe = between(kLater, kMuchLater);
  pipe.establish();
  EXPECT_EQ(version_of(pipe.hello_ack_frame), 3);
  EXPECT_FALSE(pipe.agent->ended());
}

TEST(Versions, WithoutACommonOneTheRefusalNamesBothRanges) {
  struct Case {
    VersionRange scheduler, agent;
    const char* detail;
  };
  for (const auto& one : {Case{kVersions, kMuchLater, "versions 2 to 4 offered, 1 to 1 spoken"},
                          Case{kMuchLater, kVersions, "versions 1 to 1 offered, 2 to 4 spoken"}}) {
    auto pipe = between(one.scheduler, one.agent);
    pipe.to_scheduler();
    pipe.to_agent();
    EXPECT_EQ(pipe.scheduler_counters.of(Refusal::unsupported_version), 1U);
    const auto* ended = find_event<Ended>(pipe.agent_events);
    ASSERT_NE(ended, nullptr);
    EXPECT_EQ(ended->code, "rejected");
    EXPECT_EQ(ended->detail, std::string("unsupported_version: ") + one.detail);
  }
}

TEST(Versions, AnAgentTakesNoneThatItHasNotOffered) {
  // A scheduler that answers what was not asked: the pipe's agent offers 1 to 3, then is replaced by one that offered 1 only.
  auto pipe = between({3, 3}, kLater);
  AgentSessionOptions narrow;
  narrow.agent = AgentNumber{7};
  narrow.key_epoch = KeyEpoch{1};
  narrow.key = pipe.keys.key;
  narrow.nonce.fill(0xA1);  // the answer echoes it
  narrow.counters = &pipe.agent_counters;
  pipe.to_scheduler();
  pipe.agent = make_agent_session(narrow, pipe.agent_now());
  (void)pipe.take(*pipe.agent);
  pipe.to_agent();
  const auto* ended = find_event<Ended>(pipe.agent_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->code, "unsupported_version");
  EXPECT_EQ(ended->detail, "HELLO_ACK chose version 3, versions 1 to 1 offered");
  EXPECT_EQ(pipe.agent_counters.of(Refusal::unsupported_version), 1U);
}

EnrolPipe enrolling(VersionRange scheduler, VersionRange agent) {
  EnrolPipe::Options options;
  options.scheduler_speaks = scheduler;
  options.agent_speaks = agent;
  return EnrolPipe(options);
}

TEST(Versions, EnrolmentChoosesInTheSameWay) {
  for (const auto& [scheduler, agent] : {std::pair{kVersions, kLater}, std::pair{kLater, kVersions}}) {
    auto pipe = enrolling(scheduler, agent);
    pipe.to_scheduler();
    ASSERT_NE(pipe.scheduler->asked(), nullptr);
    pipe.scheduler->refuse({"token_used", "by another"});
    pipe.to_agent();
    ASSERT_NE(pipe.agent->refused(), nullptr);
    EXPECT_EQ(pipe.agent->refused()->code, "token_used");
  }
  auto pipe = enrolling(kMuchLater, kVersions);
  pipe.to_scheduler();
  pipe.to_agent();
  ASSERT_NE(pipe.agent->refused(), nullptr);
  EXPECT_EQ(pipe.agent->refused()->code, "unsupported_version");
  EXPECT_EQ(pipe.agent->refused()->detail, "versions 1 to 1 offered, 2 to 4 spoken");
}

}  // namespace
}  // namespace stint::protocol
