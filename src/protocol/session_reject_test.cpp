#include <gtest/gtest.h>

#include <cstring>

#include "base/random.hpp"
#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"
#include "schema/envelope_generated.h"

/// What a session refuses, with the right counter, and whether it goes on.
namespace stint::protocol {
namespace {

using namespace std::chrono_literals;
using flatbuffers::FlatBufferBuilder;
using protocol::testing::agent_info;
using protocol::testing::find_event;
using protocol::testing::find_message;
using protocol::testing::Forger;
using protocol::testing::Pipe;
using protocol::testing::ref;
using protocol::testing::task_template;
using protocol::testing::update;
using schema::SchedulerMessage;
using wire::FrameError;

/// Why the scheduler's session ended; empty if it has not.
std::string scheduler_end(Pipe& p) {
  p.collect();
  const auto* ended = find_event<Ended>(p.scheduler_events);
  return ended == nullptr ? "" : ended->code;
}
std::string agent_end(Pipe& p) {
  p.collect();
  const auto* ended = find_event<Ended>(p.agent_events);
  return ended == nullptr ? "" : ended->code;
}

template <class Table>
Bytes envelope(FlatBufferBuilder& b, const Pipe& p, SchedulerMessage type, flatbuffers::Offset<Table> value) {
  const auto session_time = static_cast<std::uint64_t>(to_ms(p.scheduler_now().wall));
  schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, session_time, type, value.Union()));
  return {b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
}

// ---- handshake

TEST(SessionReject, WrongKeyAndUnknownAgentGetTheSameAnswer) {
  Pipe::Options wrong_key;
  wrong_key.agent_key.fill(0x43);
  Pipe::Options unknown_agent;
  unknown_agent.agent_number = AgentNumber{8};
  Pipe::Options unknown_epoch;
  unknown_epoch.key_epoch = KeyEpoch{2};
  Bytes first_answer;
  for (const auto& [options, error] :
       {std::pair{wrong_key, FrameError::bad_mac}, {unknown_agent, FrameError::unknown_key}, {unknown_epoch, FrameError::unknown_key}}) {
    Pipe p(options);
    p.to_scheduler();
    EXPECT_EQ(scheduler_end(p), to_string(error));
    EXPECT_EQ(p.scheduler_counters.of(error), 1U);
    const Bytes answer = p.take(*p.scheduler);
    if (first_answer.empty()) first_answer = answer;
    EXPECT_EQ(answer, first_answer) << "an answer that tells which agents exist";
    p.deliver(*p.agent, answer);
    EXPECT_EQ(agent_end(p), "rejected");
    EXPECT_EQ(p.agent_counters.of(Refusal::rejected), 1U);
    EXPECT_EQ(find_event<Established>(p.scheduler_events), nullptr);
  }
}

TEST(SessionReject, ForgedHelloAckIsRefused) {
  Pipe p;
  p.to_scheduler();
  Bytes ack = p.take(*p.scheduler);
  ack.back() ^= 1;
  p.deliver(*p.agent, ack);
  EXPECT_EQ(agent_end(p), "bad_mac");
  EXPECT_EQ(find_event<Established>(p.agent_events), nullptr);
}

TEST(SessionReject, HelloTwiceIsRefused) {
  Pipe p;
  p.shake_hands();
  p.deliver(*p.scheduler, p.hello_frame);
  EXPECT_EQ(scheduler_end(p), "bad_kind");
  EXPECT_EQ(p.scheduler_counters.of(FrameError::bad_kind), 1U);
}

TEST(SessionReject, HelloMidSessionIsRefused) {
  Pipe p;
  p.establish();
  p.deliver(*p.scheduler, p.hello_frame);
  EXPECT_EQ(scheduler_end(p), "bad_kind");
}

TEST(SessionReject, HelloAckTwiceAndLateRejectAreRefused) {
  Pipe again;
  again.shake_hands();
  again.deliver(*again.agent, again.hello_ack_frame);
  EXPECT_EQ(agent_end(again), "bad_kind");

  Pipe::Options wrong_key;
  wrong_key.agent_key.fill(0x43);
  Pipe rejected(wrong_key);
  rejected.to_scheduler();
  const Bytes reject = rejected.take(*rejected.scheduler);
  Pipe late;
  late.establish();
  late.deliver(*late.agent, reject);
  EXPECT_EQ(agent_end(late), "bad_kind") << "REJECT is unsigned: once there are keys nobody may end a session with it";
}

TEST(SessionReject, OversizedBeforeTheHandshakeIsRefusedByItsHeader) {
  Pipe p;
  Bytes header(wire::kHeaderSize);
  wire::write_header({wire::FrameKind::hello, 0, 1, 4096 + 8, 4096 + 8, 7, 0}, std::span<std::uint8_t, wire::kHeaderSize>(header));
  p.deliver(*p.scheduler, header);
  EXPECT_EQ(scheduler_end(p), "too_large");
  EXPECT_EQ(p.scheduler_counters.of(FrameError::too_large), 1U);
  EXPECT_FALSE(p.scheduler->has_output()) << "there is no key to answer with";
}

TEST(SessionReject, DataBeforeHelloIsRefused) {
  Pipe known;
  known.establish();
  known.agent->send(agent_info("again"));
  const Bytes data = known.take(*known.agent);
  Pipe fresh;
  fresh.deliver(*fresh.scheduler, data);
  EXPECT_EQ(scheduler_end(fresh), "unknown_key");
}

TEST(SessionReject, HandshakeThatStallsEndsAfterFiveSeconds) {
  Pipe silent;
  EXPECT_EQ(silent.scheduler->next_deadline(), silent.scheduler_now().mono + 5s);
  silent.time = 4999ms;
  silent.tick();
  EXPECT_EQ(scheduler_end(silent), "");
  silent.time = 5s;
  silent.tick();
  EXPECT_EQ(scheduler_end(silent), "handshake_timeout");
  EXPECT_EQ(agent_end(silent), "handshake_timeout");

  Pipe half_open;
  half_open.shake_hands();
  half_open.time = 5s;
  half_open.tick();
  EXPECT_EQ(scheduler_end(half_open), "handshake_timeout");
  EXPECT_EQ(half_open.scheduler_counters.established, 0U);
}

TEST(SessionReject, ReplayedHandshakeNeverBecomesASession) {
  Pipe recorded;
  recorded.shake_hands();
  recorded.agent->send(Resume{agent_info(), {}});
  const Bytes resume = recorded.take(*recorded.agent);

  Pipe::Options fresh_nonce;
  fresh_nonce.scheduler_nonce = 0x52;
  Pipe p(fresh_nonce);
  p.deliver(*p.scheduler, recorded.hello_frame);
  ASSERT_NE(p.scheduler->hello(), nullptr) << "HELLO is not judged on time, so a recording is answered";
  (void)p.take(*p.scheduler);
  p.deliver(*p.scheduler, resume);
  EXPECT_EQ(find_event<Established>(p.scheduler_events), nullptr);
  EXPECT_EQ(scheduler_end(p), "bad_mac");
}

// ---- frames

TEST(SessionReject, ReplayReorderingAndGapsAreBadSequence) {
  Pipe replay;
  replay.establish();
  replay.agent->send(agent_info("once"));
  const Bytes once = replay.take(*replay.agent);
  replay.deliver(*replay.scheduler, once);
  EXPECT_EQ(scheduler_end(replay), "");
  replay.deliver(*replay.scheduler, once);
  EXPECT_EQ(scheduler_end(replay), "bad_sequence");
  EXPECT_EQ(replay.scheduler_counters.of(FrameError::bad_sequence), 1U);

  Pipe gap;
  gap.establish();
  gap.agent->send(agent_info("lost"));
  (void)gap.take(*gap.agent);
  gap.agent->send(agent_info("first seen"));
  gap.to_scheduler();
  EXPECT_EQ(scheduler_end(gap), "bad_sequence");
  EXPECT_EQ(find_message<AgentInfo>(gap.scheduler_events), nullptr);
}

TEST(SessionReject, ReflectionIsBadMac) {
  Pipe p;
  p.establish();
  p.agent->send(agent_info("mine"));
  const Bytes mine = p.take(*p.agent);
  p.deliver(*p.agent, mine);
  EXPECT_EQ(agent_end(p), "bad_mac");
  EXPECT_EQ(p.agent_counters.of(FrameError::bad_mac), 1U);
}

TEST(SessionReject, FramesOfAnotherSessionAreRefused) {
  Pipe one;
  one.establish();
  Pipe::Options options;
  options.scheduler_nonce = 0x52;
  Pipe other(options);
  other.establish();
  other.agent->send(agent_info("elsewhere"));
  one.deliver(*one.scheduler, other.take(*other.agent));
  EXPECT_EQ(scheduler_end(one), "bad_mac");
}

TEST(SessionReject, EveryFlippedBitEndsTheSessionAndAppliesNothing) {
  Pipe sample;
  sample.establish();
  sample.agent->send(UpdateList{{update(1, 1, TaskStatus::completed)}});
  const Bytes frame = sample.take(*sample.agent);
  for (std::size_t bit = 0; bit < frame.size() * 8; bit += (bit < wire::kHeaderSize * 8 ? 1 : 7)) {
    Pipe p;
    p.establish();
    p.agent->send(UpdateList{{update(1, 1, TaskStatus::completed)}});
    Bytes flipped = p.take(*p.agent);
    ASSERT_EQ(flipped, frame);
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    p.deliver(*p.scheduler, flipped);
    ASSERT_EQ(find_message<UpdateList>(p.scheduler_events), nullptr) << "bit " << bit;
    // A larger length waits for bytes that the MAC will judge; everything else ends at once.
    if (scheduler_end(p).empty()) {
      ASSERT_TRUE(bit / 8 >= 8 && bit / 8 < 12) << "bit " << bit;
    }
  }
}

TEST(SessionReject, EveryTruncationWaits) {
  Pipe sample;
  sample.establish();
  sample.agent->send(agent_info("cut"));
  const Bytes frame = sample.take(*sample.agent);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    Pipe p;
    p.establish();
    p.agent->send(agent_info("cut"));
    Bytes bytes = p.take(*p.agent);
    p.deliver(*p.scheduler, ByteView{bytes}.first(size));
    ASSERT_EQ(find_message<AgentInfo>(p.scheduler_events), nullptr) << size;
    ASSERT_EQ(scheduler_end(p), "") << size;
    p.deliver(*p.scheduler, ByteView{bytes}.subspan(size));
    ASSERT_NE(find_message<AgentInfo>(p.scheduler_events), nullptr) << size;
  }
}

TEST(SessionReject, OneByteAtATimeEqualsAtOnce) {
  Pipe p;
  const auto trickle = [&p](Session& to, const Bytes& bytes) {
    for (const std::uint8_t byte : bytes) p.deliver(to, ByteView{&byte, 1});
  };
  trickle(*p.scheduler, p.take(*p.agent));
  trickle(*p.agent, p.take(*p.scheduler));
  p.agent->send(Resume{agent_info(), {}});
  trickle(*p.scheduler, p.take(*p.agent));
  p.scheduler->send(Reconcile{});
  trickle(*p.agent, p.take(*p.scheduler));
  EXPECT_NE(find_message<Resume>(p.scheduler_events), nullptr);
  EXPECT_NE(find_message<Reconcile>(p.agent_events), nullptr);
}

TEST(SessionReject, MalformedBufferClosesTheConnection) {
  Pipe p;
  p.establish();
  const Bytes garbage(64, 0xFF);
  p.deliver(*p.scheduler, Forger(p).data(Forger::From::agent, garbage));
  EXPECT_EQ(scheduler_end(p), "malformed");
  EXPECT_EQ(p.scheduler_counters.of(Refusal::malformed), 1U);
  p.to_agent();
  const auto* ended = find_event<Ended>(p.agent_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, CloseReason::protocol) << "the peer is told, signed";
}

/// What the agent was told of a frame that the scheduler refused.
std::string told_of(Pipe& p, const Bytes& frame) {
  p.deliver(*p.scheduler, frame);
  p.to_agent();
  const auto* ended = find_event<Ended>(p.agent_events);
  return ended == nullptr ? "" : ended->detail;
}

TEST(SessionReject, PeerIsToldTheCodeButNotWhetherKeyOrMacWasWrong) {
  Pipe malformed;
  malformed.establish();
  EXPECT_TRUE(told_of(malformed, Forger(malformed).data(Forger::From::agent, Bytes(64, 0xFF))).starts_with("malformed: "));

  Pipe wrong_mac;
  wrong_mac.establish();
  Bytes frame = Forger(wrong_mac).data(Forger::From::agent, Bytes(64, 0xFF));
  frame.back() ^= 1;
  const std::string told = told_of(wrong_mac, frame);
  EXPECT_TRUE(told.starts_with("unauthenticated: ")) << told;

  Pipe wrong_session;
  wrong_session.establish();
  frame = Forger(wrong_session).data(Forger::From::agent, Bytes(64, 0xFF));
  frame[16] ^= 1;
  EXPECT_EQ(told_of(wrong_session, frame), told);
  EXPECT_EQ(wrong_session.scheduler_counters.of(FrameError::unknown_key), 1U);
}

TEST(SessionReject, ErrorOfTimeEndsTheSessionOnEitherSide) {
  Pipe to_scheduler;
  to_scheduler.establish();
  to_scheduler.agent->send(ErrorMessage{"time", "off by 6000 ms", 6000, 5000});
  to_scheduler.to_scheduler();
  EXPECT_EQ(scheduler_end(to_scheduler), "time");

  Pipe to_agent;
  to_agent.establish();
  to_agent.scheduler->send(ErrorMessage{"time", "off by 6000 ms", 6000, 5000});
  to_agent.to_agent();
  EXPECT_EQ(agent_end(to_agent), "time");
}

// ---- messages: answered with Error, the session goes on

struct Refusals {
  Pipe pipe;
  std::uint64_t sequence = 2;
  Refusals() { pipe.establish(); }

  /// The error the agent hears of a forged message; the session must go on.
  template <class Table>
  std::string answer_to(FlatBufferBuilder& b, SchedulerMessage type, flatbuffers::Offset<Table> value) {
    pipe.clear_events();
    const Bytes body = envelope(b, pipe, type, value);
    pipe.deliver(*pipe.scheduler, Forger(pipe).data(Forger::From::agent, body, sequence++));
    EXPECT_EQ(scheduler_end(pipe), "");
    pipe.to_agent();
    const auto* error = find_message<ErrorMessage>(pipe.agent_events);
    return error == nullptr ? "" : error->code;
  }
};

TEST(SessionReject, UnknownUnionTypeAndNullValueAreAnswered) {
  Refusals r;
  FlatBufferBuilder unknown;
  EXPECT_EQ(r.answer_to(unknown, static_cast<SchedulerMessage>(99), schema::CreateHeartbeat(unknown, 1, 0)), "unknown_message");
  FlatBufferBuilder null;
  EXPECT_EQ(r.answer_to(null, SchedulerMessage::Heartbeat, flatbuffers::Offset<schema::Heartbeat>{}), "null_message");
  EXPECT_EQ(r.pipe.scheduler_counters.of(Refusal::unknown_message), 1U);
  EXPECT_EQ(r.pipe.scheduler_counters.of(Refusal::null_message), 1U);
}

TEST(SessionReject, MessagesInTheWrongDirectionAreAnswered) {
  Refusals r;
  FlatBufferBuilder ack;
  EXPECT_EQ(r.answer_to(ack, SchedulerMessage::StatusAck, schema::CreateStatusAck(ack)), "wrong_direction");
  FlatBufferBuilder credit;
  EXPECT_EQ(r.answer_to(credit, SchedulerMessage::Credit, schema::CreateCredit(credit, 5, 5)), "wrong_direction");
  FlatBufferBuilder hello;
  EXPECT_EQ(r.answer_to(hello, SchedulerMessage::Hello, schema::CreateHello(hello)), "wrong_direction");
  EXPECT_EQ(r.pipe.scheduler_counters.of(Refusal::wrong_direction), 3U);

  Pipe p;
  p.establish();
  FlatBufferBuilder b;
  const Bytes body = envelope(b, p, SchedulerMessage::UpdateList, schema::CreateUpdateList(b));
  p.deliver(*p.agent, Forger(p).data(Forger::From::scheduler, body));
  EXPECT_EQ(agent_end(p), "");
  p.to_scheduler();
  ASSERT_NE(find_message<ErrorMessage>(p.scheduler_events), nullptr);
  EXPECT_EQ(find_message<ErrorMessage>(p.scheduler_events)->code, "wrong_direction");
}

TEST(SessionReject, CreditOverrunIsAnsweredAndTheMessageDropped) {
  Refusals r;
  const schema::AttemptRef at(12, 0, 1, 1);
  for (int i = 0; i < 4; ++i) {
    FlatBufferBuilder b;
    const auto bytes = b.CreateVector(Bytes(10, 'x'));
    EXPECT_EQ(r.answer_to(b, SchedulerMessage::LogChunk, schema::CreateLogChunk(b, &at, schema::LogStream::Out, 0, bytes)), "");
    EXPECT_NE(find_message<LogChunk>(r.pipe.scheduler_events), nullptr);
  }
  EXPECT_EQ(r.pipe.scheduler->log_credit(), 0U);
  FlatBufferBuilder b;
  const auto bytes = b.CreateVector(Bytes(10, 'x'));
  EXPECT_EQ(r.answer_to(b, SchedulerMessage::LogChunk, schema::CreateLogChunk(b, &at, schema::LogStream::Out, 0, bytes)), "over_credit");
  EXPECT_EQ(find_message<LogChunk>(r.pipe.scheduler_events), nullptr);

  FlatBufferBuilder reports;
  const std::vector<schema::UpdateRecord> records(9, {at, 0, 0, 0, 0, 0.5F, schema::TaskStatus::Running, schema::EndReason::None, 0});
  const auto records_at = reports.CreateVectorOfStructs(records);
  EXPECT_EQ(r.answer_to(reports, SchedulerMessage::UpdateList, schema::CreateUpdateList(reports, records_at)), "over_credit");
  EXPECT_EQ(r.pipe.scheduler_counters.of(Refusal::over_credit), 2U);
}

// ---- order: ends the session

TEST(SessionReject, FirstMessageMustBeResume) {
  Pipe p;
  p.shake_hands();
  FlatBufferBuilder b;
  const Bytes body = envelope(b, p, SchedulerMessage::Heartbeat, schema::CreateHeartbeat(b, 1, 0));
  p.deliver(*p.scheduler, Forger(p).data(Forger::From::agent, body, 1));
  EXPECT_EQ(scheduler_end(p), "out_of_order");
  EXPECT_EQ(find_event<Established>(p.scheduler_events), nullptr);
}

TEST(SessionReject, SecondResumeEndsTheSession) {
  Pipe p;
  p.establish();
  FlatBufferBuilder b;
  const auto name = b.CreateString("a1");
  schema::AgentInfoBuilder info(b);
  info.add_name(name);
  const auto info_at = info.Finish();
  const Bytes body = envelope(b, p, SchedulerMessage::Resume, schema::CreateResume(b, info_at));
  p.deliver(*p.scheduler, Forger(p).data(Forger::From::agent, body));
  EXPECT_EQ(scheduler_end(p), "out_of_order");
}

TEST(SessionReject, WorkBeforeReconcileEndsTheSessionOnBothSides) {
  Pipe p;
  p.shake_hands();
  p.agent->send(Resume{agent_info(), {}});
  p.to_scheduler();
  FlatBufferBuilder b;
  const Bytes updates = envelope(b, p, SchedulerMessage::UpdateList, schema::CreateUpdateList(b));
  p.deliver(*p.scheduler, Forger(p).data(Forger::From::agent, updates, 2));
  EXPECT_EQ(scheduler_end(p), "out_of_order");

  Pipe q;
  q.shake_hands();
  q.agent->send(Resume{agent_info(), {}});
  FlatBufferBuilder c;
  const Bytes assignments = envelope(c, q, SchedulerMessage::AssignmentList, schema::CreateAssignmentList(c));
  q.deliver(*q.agent, Forger(q).data(Forger::From::scheduler, assignments, 1));
  EXPECT_EQ(agent_end(q), "out_of_order");
}

using SessionRejectDeathTest = ::testing::Test;
TEST(SessionRejectDeathTest, OurOwnWorkBeforeReconcileIsAnAssertion) {
  Pipe p;
  p.shake_hands();
  p.agent->send(Resume{agent_info(), {}});
  p.to_scheduler();
  EXPECT_DEATH(p.scheduler->send(AssignmentList{{task_template()}, {{ref(1), 0}}, {}}), "is_other");
  EXPECT_DEATH(p.agent->send(Resume{agent_info(), {}}), "is_resume");
}

// ---- queues

TEST(SessionReject, FullOutputQueueClosesTheSession) {
  Pipe p;
  p.establish();
  AssignmentList list{{task_template()}, {{ref(1), 0}}, {}};
  list.templates[0].env = {{"BIG", std::string(1'000'000, 'x')}};
  std::size_t sent = 0;
  while (!p.scheduler->ended() && sent < 100) {
    p.scheduler->send(list);
    ++sent;
  }
  EXPECT_EQ(sent, limits::kOutputBytes / 1'000'000 + 1);
  EXPECT_EQ(scheduler_end(p), "overloaded");
  EXPECT_EQ(p.scheduler_counters.of(Refusal::overloaded), 1U);
  p.to_agent();
  const auto* ended = find_event<Ended>(p.agent_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, CloseReason::overloaded) << "what was queued had no sequence yet, so Close is the next frame";
}

TEST(SessionReject, UnsendableMessageEndsTheSession) {
  Pipe p;
  p.establish();
  AssignmentList list{{task_template()}, {{ref(1), 0}}, {}};
  list.templates[0].command = {std::string(2 * limits::kTemplateBytes, 'x')};
  p.scheduler->send(list);
  EXPECT_EQ(scheduler_end(p), "unsendable");
}

TEST(SessionReject, EveryReasonHasALabelOfItsOwn) {
  std::map<std::string, int> labels;
  SessionCounters{}.for_each_reason([&](std::string_view reason, std::uint64_t) { ++labels[std::string(reason)]; });
  EXPECT_EQ(labels.size(), wire::kFrameErrorCount - 1 + kRefusalCount);
  EXPECT_EQ(labels.count("unknown"), 0U);
}

}  // namespace
}  // namespace stint::protocol
