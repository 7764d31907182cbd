#include "base/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/ids.hpp"
#include "base/random.hpp"

namespace stint {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<SessionId>;

constexpr Duration kUptime = 100h;  // the wheel is made long after the clock's zero

Instant at(Duration t) { return Instant{kUptime + t}; }

struct Wheel : ::testing::Test {
  TimerWheel<SessionId> wheel;
  Keys due_at(Duration t) {
    Keys due;
    wheel.take_due(at(t), due);
    return due;
  }
  /// When somebody who sleeps until next() gets a key, and how often he woke.
  std::pair<Duration, int> sleep_until_due() {
    for (int woken = 1;; ++woken) {
      const Instant next = wheel.next();
      Keys due;
      wheel.take_due(next, due);
      if (!due.empty()) return {next - at(0s), woken};
    }
  }
};

TEST_F(Wheel, HasNoDeadlineWhenNothingIsSet) {
  EXPECT_EQ(wheel.next(), Instant::max());
  wheel.set(SessionId{1}, at(5s));
  wheel.set(SessionId{1}, Instant::max());
  EXPECT_TRUE(due_at(1h).empty());
  EXPECT_EQ(wheel.next(), Instant::max());
  EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(Wheel, MeetsADeadlineToTheNanosecond) {
  due_at(0s);
  wheel.set(SessionId{1}, at(90s + 7ns));
  EXPECT_TRUE(due_at(90s + 6ns).empty());
  EXPECT_EQ(due_at(90s + 7ns), Keys{SessionId{1}});
  EXPECT_TRUE(due_at(1h).empty()) << "once";
}

TEST_F(Wheel, WakesForOneThatIsFartherThanTheWheelIsLong) {
  due_at(0s);
  wheel.set(SessionId{1}, at(3h + 1ms));
  const auto [when, woken] = sleep_until_due();
  EXPECT_EQ(when, 3h + 1ms);
  EXPECT_LE(woken, 100);
}

TEST_F(Wheel, GivesTheEarliestFirst) {
  wheel.set(SessionId{1}, at(3s));
  wheel.set(SessionId{2}, at(2s + 1ms));
  wheel.set(SessionId{3}, at(2s));
  wheel.set(SessionId{4}, at(70s));
  EXPECT_EQ(due_at(10s), (Keys{SessionId{3}, SessionId{2}, SessionId{1}}));
}

TEST_F(Wheel, TakesAnEarlierDeadline) {
  due_at(0s);
  wheel.set(SessionId{1}, at(90s));
  wheel.set(SessionId{1}, at(5s));
  EXPECT_LE(wheel.next(), at(5s));
  EXPECT_EQ(due_at(5s), Keys{SessionId{1}});
  EXPECT_TRUE(due_at(90s).empty()) << "its first place is left over";
}

TEST_F(Wheel, ForgetsWhatWasErasedWhereverItLay) {
  wheel.set(SessionId{1}, at(5s));
  wheel.set(SessionId{2}, at(5s));
  due_at(4s);
  wheel.erase(SessionId{1});
  wheel.set(SessionId{1}, at(5s));
  due_at(5s - 1ns);  // its second has begun
  wheel.erase(SessionId{2});
  wheel.erase(SessionId{7});
  EXPECT_EQ(due_at(5s), Keys{SessionId{1}});
}

/// What heartbeats do: nobody is woken for a session that speaks, but once in the time of a lease for all of one second.
TEST_F(Wheel, IsWokenOnceForAllThatWerePutOff) {
  due_at(0s);
  constexpr std::uint64_t kSessions = 1000;
  for (std::uint64_t i = 0; i < kSessions; ++i) wheel.set(SessionId{i}, at(90s + i * 1us));
  for (Duration t = 30s; t < 90s; t += 30s)
    for (std::uint64_t i = 0; i < kSessions; ++i) wheel.set(SessionId{i}, at(t + 90s + i * 1us));
  EXPECT_EQ(wheel.next(), at(90s));
  EXPECT_TRUE(due_at(90s).empty());
  EXPECT_EQ(wheel.next(), at(150s));
  EXPECT_EQ(due_at(150s), Keys{SessionId{0}});
}

/// Against a plain map: deadlines of all distances, put off, brought nearer and dropped while the clock goes on, sometimes by leaps.
TEST_F(Wheel, AgreesWithAPlainMap) {
  Prng draw{5};
  std::map<SessionId, Instant> plain;
  Instant now = at(0s);
  const auto step = [&](Duration most) {
    return Duration{static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(most.count())))};
  };
  for (int round = 0; round < 20'000; ++round) {
    const SessionId key{draw.below(40)};
    const auto what = draw.below(10);
    if (what == 0) {
      wheel.erase(key);
      plain.erase(key);
    } else {
      const Instant deadline = now + step(what < 4 ? Duration{2s} : what < 8 ? Duration{95s} : Duration{400s});
      wheel.set(key, deadline);
      plain[key] = deadline;
    }
    now += step(draw.below(50) == 0 ? Duration{300s} : Duration{1s});
    Keys due;
    wheel.take_due(now, due);
    std::sort(due.begin(), due.end());
    Keys expected;
    for (auto it = plain.begin(); it != plain.end();) {
      if (it->second <= now) expected.push_back(it->first);
      it = it->second <= now ? plain.erase(it) : std::next(it);
    }
    ASSERT_EQ(due, expected) << "round " << round;
    ASSERT_EQ(wheel.size(), plain.size());
    for (const auto& [_, deadline] : plain) ASSERT_LE(wheel.next(), deadline) << "round " << round;
    ASSERT_GT(wheel.next(), now) << "a loop that is woken for what has gone by would spin";
  }
}

}  // namespace
}  // namespace stint
