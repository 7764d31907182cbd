#include "bench/wire/message_flow.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/allocations/allocation_count.hpp"

namespace stint::bench {
namespace {

const Bytes kKey(32, 7);

TEST(MessageFlow, WhatIsSentIsReceivedAtEverySize) {
  Sender sender(kKey);
  Receiver receiver(kKey);
  for (std::size_t size = 1; size < 3000; size += 13) EXPECT_NE(receiver.receive(sender.send_bytes(Bytes(size, 5))), 0u) << size;
  for (std::size_t size = wire::LateBytes::kPaysFrom - 50; size < 400'000; size += size < 17'000 ? 13 : 8'001)
    EXPECT_NE(receiver.receive(sender.send_bytes(Bytes(size, 5))), 0u) << size;
  EXPECT_NE(receiver.receive(sender.send_metrics(1000)), 0u);
}

TEST(MessageFlow, TheSignatureFieldIsTheTag) {
  Sender sender(kKey);
  const ByteView frame = sender.send_bytes(Bytes(100, 5));
  const auto* signature = schema::GetMessageEnvelope(frame.data() + wire::kHeaderSize)->signature();
  ASSERT_NE(signature, nullptr);
  EXPECT_EQ(signature->data(), frame.data() + frame.size() - wire::kTagSize);
  EXPECT_EQ(signature->size(), wire::kTagSize);
}

TEST(MessageFlow, AChangedFrameIsNotRead) {
  Sender sender(kKey);
  Receiver receiver(kKey);
  const ByteView frame = sender.send_bytes(Bytes(100, 5));
  Bytes changed(frame.begin(), frame.end());
  changed[wire::kHeaderSize + 20] ^= 1;
  EXPECT_EQ(receiver.receive(changed), 0u);
}

TEST(AllocationCount, Counts) {
  const auto before = allocations_here();
  const Bytes bytes(100);
  EXPECT_EQ(allocations_here() - before, 1u);
}

}  // namespace
}  // namespace stint::bench
