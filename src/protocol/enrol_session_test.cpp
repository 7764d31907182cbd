#include "protocol/enrol_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/enrol_pipe.hpp"
#include "protocol/session_pipe.hpp"

namespace stint::protocol {
namespace {

using namespace std::chrono_literals;
using protocol::testing::enrol_now;
using protocol::testing::EnrolPipe;
using wire::FrameError;

bool holds(ByteView haystack, ByteView needle) {
  return std::search(haystack.begin(), haystack.end(), needle.begin(), needle.end()) != haystack.end();
}

Bytes good_request() {
  EnrolPipe p;
  return EnrolPipe::take(*p.agent);
}

TEST(Enrol, AnAgentGetsItsNumberAndKey) {
  EnrolPipe p;
  p.to_scheduler();
  const Enrol* asked = p.scheduler->asked();
  ASSERT_NE(asked, nullptr);
  EXPECT_EQ(asked->name, "box7");
  EXPECT_EQ(asked->host, "host7");
  EXPECT_EQ(asked->public_key, p.request().public_key);
  EXPECT_FALSE(p.scheduler->has_output()) << "nothing leaves before the daemon has decided and written";
  p.scheduler->grant(EnrolPipe::grant());
  EXPECT_EQ(p.scheduler->asked(), nullptr);
  EXPECT_TRUE(p.scheduler->ended());
  p.to_agent();
  ASSERT_NE(p.agent->granted(), nullptr);
  EXPECT_EQ(p.agent->granted()->address.agent, AgentNumber{17});
  EXPECT_EQ(p.agent->granted()->address.epoch, KeyEpoch{3});
  EXPECT_EQ(p.agent->granted()->address.generation, 2U);
  EXPECT_EQ(p.agent->granted()->key.bytes, EnrolPipe::grant().key.bytes);
  EXPECT_EQ(p.agent->granted()->name, "box7");
  EXPECT_TRUE(p.agent->ended());
}

TEST(Enrol, NeitherSecretNorKeyTravels) {
  EnrolPipe p;
  const Bytes enrol = EnrolPipe::take(*p.agent);
  EnrolPipe::deliver(*p.scheduler, enrol);
  p.scheduler->grant(EnrolPipe::grant());
  const Bytes ack = EnrolPipe::take(*p.scheduler);
  for (const auto& frame : {enrol, ack}) {
    EXPECT_FALSE(holds(frame, Bytes(8, 0x5E))) << "the token's secret";
    EXPECT_FALSE(holds(frame, Bytes(8, 0x77))) << "the agent key";
    EXPECT_FALSE(holds(frame, Bytes(8, 0x11))) << "the Ed25519 seed";
    EXPECT_FALSE(holds(frame, p.keys.prk.view()));
    EXPECT_EQ(frame[4], 0) << "never compressed";
    EXPECT_LE(frame.size(), 4096U + wire::kFrameOverhead);
  }
}

TEST(Enrol, ItArrivesByteByByte) {
  EnrolPipe p;
  for (const std::uint8_t byte : EnrolPipe::take(*p.agent)) EnrolPipe::deliver(*p.scheduler, Bytes{byte});
  ASSERT_NE(p.scheduler->asked(), nullptr);
  p.scheduler->grant(EnrolPipe::grant());
  for (const std::uint8_t byte : EnrolPipe::take(*p.scheduler)) EnrolPipe::deliver(*p.agent, Bytes{byte});
  EXPECT_NE(p.agent->granted(), nullptr);
}

TEST(Enrol, AnUnknownTokenAndAWrongSecretGetTheSameAnswer) {
  Bytes first;
  for (const auto& [options, error] :
       {std::pair{EnrolPipe::Options{.token = 0x98}, FrameError::unknown_key}, {EnrolPipe::Options{.secret = 0x5F}, FrameError::bad_mac}}) {
    EnrolPipe p(options);
    p.to_scheduler();
    EXPECT_EQ(p.scheduler->asked(), nullptr);
    EXPECT_EQ(EnrolPipe::end_of(*p.scheduler).code, to_string(error));
    EXPECT_EQ(p.scheduler_counters.of(error), 1U);
    const Bytes answer = EnrolPipe::take(*p.scheduler);
    if (first.empty()) first = answer;
    EXPECT_EQ(answer, first) << "an answer that tells which tokens exist";
    EnrolPipe::deliver(*p.agent, answer);
    EXPECT_TRUE(p.agent->was_rejected());
    EXPECT_EQ(p.agent->refused(), nullptr) << "nobody has signed it";
    EXPECT_EQ(EnrolPipe::end_of(*p.agent).code, "rejected");
  }
}

TEST(Enrol, EveryBitThatIsChangedOnTheWayIsNoticed) {
  const Bytes good = good_request();
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 7) {
    EnrolPipe p;
    Bytes bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << bit % 8));
    EnrolPipe::deliver(*p.scheduler, bad);
    EXPECT_EQ(p.scheduler->asked(), nullptr) << "bit " << bit;
  }
}

TEST(Enrol, EveryBitOfTheAnswerThatIsChangedIsNoticed) {
  EnrolPipe p;
  p.to_scheduler();
  p.scheduler->grant(EnrolPipe::grant());
  const Bytes good = EnrolPipe::take(*p.scheduler);
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 7) {
    EnrolPipe again;
    EnrolPipe::take(*again.agent);
    Bytes bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << bit % 8));
    EnrolPipe::deliver(*again.agent, bad);
    EXPECT_EQ(again.agent->granted(), nullptr) << "bit " << bit;
    EXPECT_EQ(again.agent->refused(), nullptr) << "bit " << bit;
  }
}

/// What the scheduler tells an agent that knows the secret.
EnrolRefusal refusal_of(EnrolPipe& p, const Bytes& frame) {
  EnrolPipe::take(*p.agent);
  EnrolPipe::deliver(*p.scheduler, frame);
  EXPECT_EQ(p.scheduler->asked(), nullptr);
  p.to_agent();
  return p.agent->refused() == nullptr ? EnrolRefusal{} : *p.agent->refused();
}

TEST(Enrol, AnotherCellIsRefusedAndSaid) {
  EnrolPipe p(EnrolPipe::Options{.cell = 0xCD});
  const Bytes frame = EnrolPipe::take(*p.agent);
  EXPECT_EQ(refusal_of(p, frame).code, "wrong_cell");
}

TEST(Enrol, AProofOfAnotherKeyTokenNonceOrCellIsRefused) {
  const Enrol good = EnrolPipe().request();
  const auto spoiled = [&](auto spoil) {
    EnrolPipe p;
    Enrol request = good;
    spoil(request);
    return refusal_of(p, p.forge(request)).code;
  };
  EXPECT_EQ(spoiled([](Enrol& r) { r.proof[0] ^= 1; }), "bad_proof");
  EXPECT_EQ(spoiled([](Enrol& r) { r.public_key[3] ^= 1; }), "bad_proof");
  EXPECT_EQ(spoiled([](Enrol& r) { r.public_key.fill(0); }), "bad_proof");
  EXPECT_EQ(spoiled([](Enrol& r) { r.nonce[3] ^= 1; }), "");  // the answer echoes another nonce than this agent's: not believed
  EXPECT_EQ(spoiled([](Enrol& r) {
              wire::SigningKey other;
              other.bytes.fill(0x12);
              r.proof = wire::sign(other, wire::enrol_proof_text(r.token, r.nonce, r.public_key, r.cell));
            }),
            "bad_proof");
}

TEST(Enrol, AVersionThatNobodySpeaksIsRefusedWithBothRanges) {
  EnrolPipe p;
  Enrol request = p.request();
  request.version_min = 2;
  request.version_max = 3;
  const auto refusal = refusal_of(p, p.forge(request));
  EXPECT_EQ(refusal.code, "unsupported_version");
  EXPECT_EQ(refusal.detail, "versions 2 to 3 offered, 1 to 1 spoken");
}

TEST(Enrol, ARefusalOfTheDaemonReachesTheAgent) {
  EnrolPipe p;
  p.to_scheduler();
  ASSERT_NE(p.scheduler->asked(), nullptr);
  p.scheduler->refuse({"token_used", "another agent has used the token"});
  p.to_agent();
  ASSERT_NE(p.agent->refused(), nullptr);
  EXPECT_EQ(p.agent->refused()->code, "token_used");
  EXPECT_EQ(p.agent->granted(), nullptr);
}

TEST(Enrol, ATokenInTheBodyThatIsNotTheHeadersEndsTheConnection) {
  EnrolPipe p;
  Enrol request = p.request();
  request.token = 0x77;
  EnrolPipe::deliver(*p.scheduler, p.forge(request));
  EXPECT_EQ(EnrolPipe::end_of(*p.scheduler).code, "bad_enrol");
  EXPECT_FALSE(p.scheduler->has_output());
}

TEST(Enrol, ABodyThatIsNoEnvelopeEndsTheConnection) {
  EnrolPipe p;
  EnrolPipe::deliver(*p.scheduler, p.forge(Bytes(64, 0xFF)));
  EXPECT_EQ(EnrolPipe::end_of(*p.scheduler).code, "malformed");
  EXPECT_FALSE(p.scheduler->has_output());
}

TEST(Enrol, KindsStayApart) {
  const Bytes enrol = good_request();
  {
    EnrolPipe twice;
    EnrolPipe::deliver(*twice.scheduler, enrol);
    EnrolPipe::deliver(*twice.scheduler, enrol);
    EXPECT_EQ(EnrolPipe::end_of(*twice.scheduler).code, "bad_kind");
    twice.scheduler->grant(EnrolPipe::grant());
    EXPECT_FALSE(twice.scheduler->has_output()) << "an enrolment that has ended is not answered";
  }
  testing::Pipe session;
  const Bytes hello = session.take(*session.agent);
  session.deliver(*session.scheduler, enrol);
  EXPECT_EQ(testing::find_event<Ended>(session.scheduler_events)->code, "bad_kind") << "ENROL on a session's connection";
  EnrolPipe p;
  EnrolPipe::deliver(*p.scheduler, hello);
  EXPECT_EQ(EnrolPipe::end_of(*p.scheduler).code, "bad_kind") << "HELLO on an enrolment's connection";
}

TEST(Enrol, AnAnswerOfAnEarlierTryIsNotBelieved) {
  EnrolPipe first;
  first.to_scheduler();
  first.scheduler->grant(EnrolPipe::grant());
  const Bytes recorded = EnrolPipe::take(*first.scheduler);
  EnrolPipe again(EnrolPipe::Options{.agent_nonce = 0xA2});
  EnrolPipe::take(*again.agent);
  EnrolPipe::deliver(*again.agent, recorded);
  EXPECT_EQ(again.agent->granted(), nullptr);
  EXPECT_EQ(EnrolPipe::end_of(*again.agent).code, "bad_enrol");
}

TEST(Enrol, AnAnswerBeforeTheQuestionIsRefused) {
  EnrolPipe first;
  first.to_scheduler();
  first.scheduler->grant(EnrolPipe::grant());
  EnrolPipe early;
  EnrolPipe::deliver(*early.agent, EnrolPipe::take(*first.scheduler));
  EXPECT_EQ(EnrolPipe::end_of(*early.agent).code, "bad_kind");
}

TEST(Enrol, FiveSecondsOfSilenceEndIt) {
  EnrolPipe p;
  p.scheduler->on_timer(enrol_now(4999ms));
  EXPECT_FALSE(p.scheduler->ended());
  p.scheduler->on_timer(enrol_now(5s));
  EXPECT_EQ(EnrolPipe::end_of(*p.scheduler).code, "handshake_timeout");
  p.agent->on_timer(enrol_now(5s));
  EXPECT_TRUE(p.agent->ended());
}

TEST(Enrol, TheSchedulersOwnTimeToDecideIsNoSilence) {
  EnrolPipe p;
  p.to_scheduler();
  p.scheduler->on_timer(enrol_now(20s));
  ASSERT_NE(p.scheduler->asked(), nullptr);
  p.scheduler->on_timer(enrol_now(limits::kEnrolDecision));
  EXPECT_TRUE(p.scheduler->ended());
}

TEST(Enrol, MoreThan4KiBAreRefusedByTheHeader) {
  EnrolPipe p;
  Bytes header(wire::kHeaderSize);
  wire::write_header({wire::FrameKind::enrol, 0, 0, 4096 + 8, 4096 + 8, testing::kEnrolToken, 0},
                     std::span<std::uint8_t, wire::kHeaderSize>(header));
  EnrolPipe::deliver(*p.scheduler, header);
  EXPECT_EQ(EnrolPipe::end_of(*p.scheduler).code, "too_large");
}

}  // namespace
}  // namespace stint::protocol
