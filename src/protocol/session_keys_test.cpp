#include <gtest/gtest.h>

#include "protocol/codec.hpp"
#include "protocol/counters.hpp"
#include "protocol/session_pipe.hpp"

namespace stint::protocol {
namespace {

using namespace protocol::testing;

Rekey make_rekey() {
  Rekey rekey;
  rekey.key_epoch = KeyEpoch{2};
  rekey.generation = 3;
  rekey.nonce.fill(0x17);
  rekey.wrapped_key.fill(0x29);
  return rekey;
}

TEST(SessionKeys, ComeByteByByteAndWholeOrNotAtAll) {
  Pipe p;
  p.establish();
  p.scheduler->send(make_rekey());
  CellPins pins;
  pins.pins.resize(2);
  pins.pins[1].fill(4);
  p.scheduler->send(pins);
  const Bytes bytes = p.take(*p.scheduler);
  std::size_t seen_at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    p.deliver(*p.agent, ByteView(bytes).subspan(i, 1));
    const bool is_last = i + 1 == bytes.size();
    if (find_message<Rekey>(p.agent_events) != nullptr && seen_at == 0) seen_at = i;
    EXPECT_EQ(find_message<CellPins>(p.agent_events) != nullptr, is_last) << "byte " << i;
  }
  ASSERT_NE(seen_at, 0U);
  EXPECT_LT(seen_at, bytes.size() - 1);
  EXPECT_EQ(*find_message<Rekey>(p.agent_events), make_rekey());
  EXPECT_EQ(*find_message<CellPins>(p.agent_events), pins);
  EXPECT_FALSE(p.agent->ended());
}

TEST(SessionKeys, MayComeBeforeReconcile) {
  Pipe p;
  p.shake_hands();
  p.agent->send(Resume{agent_info(), {}});
  p.settle();
  p.scheduler->send(make_rekey());
  p.scheduler->close(CloseReason::normal, "key epoch 1 is retired");
  p.settle();
  ASSERT_NE(find_message<Rekey>(p.agent_events), nullptr);
  ASSERT_NE(find_event<Ended>(p.agent_events), nullptr);
  EXPECT_EQ(find_event<Ended>(p.agent_events)->reason, CloseReason::normal);
}

TEST(SessionKeys, AChangedBitAnywhereEndsTheSession) {
  Pipe honest;
  honest.establish();
  honest.scheduler->send(make_rekey());
  const Bytes bytes = honest.take(*honest.scheduler);
  for (std::size_t i = 0; i < bytes.size(); i += 7) {
    Pipe p;
    p.establish();
    p.scheduler->send(make_rekey());
    Bytes changed = p.take(*p.scheduler);
    changed[i] ^= 0x10;
    p.deliver(*p.agent, changed);
    EXPECT_EQ(find_message<Rekey>(p.agent_events), nullptr) << "byte " << i;
  }
}

TEST(SessionKeys, AnAgentMayNotSendThem) {
  Pipe p;
  p.establish();
  const Forger forger(p);
  for (const Message& message : {Message{make_rekey()}, Message{CellPins{{{}}}}}) {
    Encoder encoder;
    std::vector<Unsealed> parts;
    ASSERT_TRUE(encoder.encode(message, parts));
    auto& space = parts.at(0).space;
    store_le<std::uint64_t>(space.data() + parts[0].timestamp_at, static_cast<std::uint64_t>(to_ms(p.scheduler_now().wall)));
    const ByteView body = ByteView(space).subspan(wire::kHeaderSize, space.size() - wire::kFrameOverhead);
    p.deliver(*p.scheduler, forger.data(Forger::From::agent, body, 2 + p.scheduler_counters.of(Refusal::wrong_direction)));
  }
  EXPECT_EQ(p.scheduler_counters.of(Refusal::wrong_direction), 2U);
  EXPECT_FALSE(p.scheduler->ended());
}

}  // namespace
}  // namespace stint::protocol
