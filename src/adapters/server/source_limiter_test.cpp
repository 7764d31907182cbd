#include "adapters/server/source_limiter.hpp"

#include <gtest/gtest.h>

namespace stint::server {
namespace {

using namespace std::chrono_literals;

constexpr limits::SourceRate kTenASecond{10, 5};
constexpr limits::SourceRate kLoopback{100, 20};

Instant at(Duration since) { return Instant{1h} + since; }
Source v4(std::uint32_t last) { return Source::of_v4(0x0A000000 + last); }

/// How many of `tried` are let in at one moment.
int admitted(SourceLimiter& limiter, const Source& source, Instant now, int tried = 1000) {
  int count = 0;
  for (int i = 0; i < tried; ++i) count += limiter.admit(source, now) ? 1 : 0;
  return count;
}

TEST(SourceLimiter, LetsABurstInAndThenTheRate) {
  SourceLimiter limiter(kTenASecond, kLoopback);
  EXPECT_EQ(admitted(limiter, v4(1), at(0s)), 5);
  EXPECT_EQ(admitted(limiter, v4(1), at(99ms)), 0);
  EXPECT_EQ(admitted(limiter, v4(1), at(100ms)), 1);
  EXPECT_EQ(admitted(limiter, v4(1), at(400ms)), 3);
  EXPECT_EQ(admitted(limiter, v4(1), at(1h)), 5) << "no more than a burst, after however long";
}

TEST(SourceLimiter, RefusedTriesCostNothing) {
  SourceLimiter limiter(kTenASecond, kLoopback);
  EXPECT_EQ(admitted(limiter, v4(1), at(0s), 100'000), 5);
  EXPECT_EQ(admitted(limiter, v4(1), at(500ms)), 5);
}

TEST(SourceLimiter, OneSourceDoesNotSlowAnother) {
  SourceLimiter limiter(kTenASecond, kLoopback);
  EXPECT_EQ(admitted(limiter, v4(1), at(0s)), 5);
  EXPECT_EQ(admitted(limiter, v4(2), at(0s)), 5);
}

TEST(SourceLimiter, AnIpv6NetworkOf64BitsIsOneSource) {
  SourceLimiter limiter(kTenASecond, kLoopback);
  std::array<std::uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
  EXPECT_EQ(admitted(limiter, Source::of_v6(address), at(0s)), 5);
  address[15] = 77;
  EXPECT_EQ(admitted(limiter, Source::of_v6(address), at(0s)), 0);
  address[7] = 2;
  EXPECT_EQ(admitted(limiter, Source::of_v6(address), at(0s)), 5);
  std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 9};
  EXPECT_EQ(admitted(limiter, Source::of_v6(mapped), at(0s)), 5);
  EXPECT_EQ(admitted(limiter, v4(9), at(0s)), 0) << "the same address in other clothes";
}

TEST(SourceLimiter, LoopbackHasARateOfItsOwnWhicheverAddressItTakes) {
  SourceLimiter limiter(kTenASecond, kLoopback);
  EXPECT_EQ(admitted(limiter, Source::of_v4(0x7F000001), at(0s), 12), 12);
  EXPECT_EQ(admitted(limiter, Source::of_v4(0x7F000002), at(0s)), 8);
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  EXPECT_EQ(admitted(limiter, Source::of_v6(one), at(0s)), 0);
}

TEST(SourceLimiter, RemembersNoMoreThanItsLimitAndForgetsTheQuiet) {
  SourceLimiter limiter(kTenASecond, kLoopback, 100);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(limiter.admit(v4(i), at(0s)));
  EXPECT_EQ(admitted(limiter, v4(1000), at(0s)), 5) << "strangers share a bucket";
  EXPECT_EQ(admitted(limiter, v4(1001), at(0s)), 0);
  EXPECT_EQ(limiter.size(), 100U);
  EXPECT_EQ(admitted(limiter, v4(7), at(0s)), 4) << "who is known is not touched by them";
  EXPECT_TRUE(limiter.admit(v4(2000), at(10min)));
  EXPECT_EQ(limiter.size(), 1U);
}

TEST(SourceLimiter, TurningThePagesForgivesNothing) {
  SourceLimiter limiter(kTenASecond, kLoopback);
  int total = 0;
  for (Duration t = 0s; t < 100s; t += 50ms) total += admitted(limiter, v4(1), at(t), 10);
  EXPECT_LE(total, 5 + 1000);
  EXPECT_GE(total, 1000);
}

}  // namespace
}  // namespace stint::server
