#include "net/tcp_pace.hpp"

#include <gtest/gtest.h>

namespace stint::net {
namespace {

TEST(TcpPace, OfAPathThatIsNotKnownTheKernelHoldsALittle) {
  EXPECT_EQ(send_room(TcpQueue{}), kKernelQueueMin);
  EXPECT_EQ(send_room(TcpQueue{.waiting = 10'000}), kKernelQueueMin - 10'000);
  EXPECT_EQ(send_room(TcpQueue{.waiting = 100'000}), 0U);
}

TEST(TcpPace, OneSecondOfWhatThePathDeliversWaitsAtMost) {
  EXPECT_EQ(send_room(TcpQueue{.waiting = 40'000, .window = 100'000, .delivery_rate = 100'000}), 60'000U);
  EXPECT_EQ(send_room(TcpQueue{.waiting = 100'000, .window = 100'000, .delivery_rate = 100'000}), 0U);
  EXPECT_EQ(send_room(TcpQueue{.window = 1 << 30, .delivery_rate = 1 << 30}), kKernelQueueMax);
}

/// A megabyte a second was promised once; now a window of 30 kB is on its way, and takes its time.
TEST(TcpPace, OnAPathThatHasBecomeSlowNoMoreThanAWindowWaitsUnsent) {
  EXPECT_EQ(send_room(TcpQueue{.waiting = 30'000, .unsent = 0, .window = 30'000, .delivery_rate = 1'000'000}), 30'000U);
  EXPECT_EQ(send_room(TcpQueue{.waiting = 60'000, .unsent = 30'000, .window = 30'000, .delivery_rate = 1'000'000}), 0U);
}

}  // namespace
}  // namespace stint::net
