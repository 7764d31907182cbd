#include <gtest/gtest.h>

#include "protocol/clock_estimate.hpp"
#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"

/// Session time, the five-second rule, leases and heartbeats, on clocks that the tests turn.
namespace stint::protocol {
namespace {

using namespace std::chrono_literals;
using protocol::testing::agent_info;
using protocol::testing::find_event;
using protocol::testing::find_message;
using protocol::testing::log_chunk;
using protocol::testing::Pipe;

constexpr Duration kYear = std::chrono::hours{24 * 365};

std::string end_of(const std::vector<SessionEvent>& events) {
  const auto* ended = find_event<Ended>(events);
  return ended == nullptr ? "" : ended->code;
}

/// A message each way arrives and both sessions live.
void expect_alive(Pipe& p) {
  p.clear_events();
  p.agent->send(agent_info("still here"));
  p.settle();
  p.scheduler->send(Credit{1, 0, {}});
  p.settle();
  EXPECT_NE(find_message<AgentInfo>(p.scheduler_events), nullptr);
  EXPECT_NE(find_message<Credit>(p.agent_events), nullptr);
  EXPECT_EQ(end_of(p.scheduler_events), "");
  EXPECT_EQ(end_of(p.agent_events), "");
}

TEST(SessionTime, AgentClockWrongByTenYearsWorks) {
  for (const Duration wrong : {-10 * kYear, 10 * kYear, -60 * kYear}) {
    Pipe::Options options;
    options.agent.wall_ms += to_ms(wrong);
    Pipe p(options);
    p.establish();
    expect_alive(p);
  }
}

TEST(SessionTime, WallClockSteppedMidSessionWorks) {
  Pipe p;
  p.establish();
  p.step_agent_wall(to_ms(10 * kYear));
  p.time += 1s;
  expect_alive(p);
  p.step_agent_wall(-to_ms(20 * kYear));
  p.time += 1s;
  expect_alive(p);
}

TEST(SessionTime, DataReadsAsSessionTimeOfItsHandOver) {
  Pipe p;
  p.establish();
  p.agent->send(agent_info("waits in the queue"));
  p.time += 20s;  // no room in the kernel for so long
  p.to_scheduler();
  EXPECT_EQ(end_of(p.scheduler_events), "") << "stamped when it was handed over";
}

TEST(SessionTime, FrameDelayedInTheNetworkEndsTheSession) {
  Pipe p;
  p.establish();
  p.agent->send(agent_info("late"));
  p.to_scheduler(5000ms);
  EXPECT_EQ(end_of(p.scheduler_events), "") << "exactly the tolerance";

  p.agent->send(agent_info("too late"));
  p.clear_events();
  p.to_scheduler(5002ms);
  EXPECT_EQ(end_of(p.scheduler_events), "time");
  EXPECT_EQ(find_message<AgentInfo>(p.scheduler_events), nullptr) << "not applied";
  EXPECT_EQ(p.scheduler_counters.of(Refusal::time), 1U);
  p.to_agent();
  const auto* error = find_message<ErrorMessage>(p.agent_events);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, "time");
  EXPECT_NEAR(static_cast<double>(error->measured_ms), 5002, 1);
  EXPECT_EQ(error->limit_ms, 5000);
  const auto* ended = find_event<Ended>(p.agent_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, CloseReason::time);
}

TEST(SessionTime, TheAgentJudgesTheSchedulerAsWell) {
  Pipe p;
  p.establish();
  p.scheduler->send(Credit{1, 0, {}});
  p.to_agent(6s);
  EXPECT_EQ(end_of(p.agent_events), "time");
}

TEST(SessionTime, AFrameThatWaitedUnreadIsNotLate) {
  Pipe p;
  p.establish();
  p.agent->send(agent_info("unread for a minute"));
  const Bytes bytes = p.take(*p.agent);
  p.time += 60s;  // this process was stopped; the reader had found the connection empty just before the frame came
  p.deliver(*p.scheduler, bytes, 60s);
  EXPECT_EQ(end_of(p.scheduler_events), "");
  EXPECT_NE(find_message<AgentInfo>(p.scheduler_events), nullptr);
}

TEST(SessionTime, SlowFrameIsJudgedByItsFirstByte) {
  Pipe p;
  p.establish();
  p.agent->send(log_chunk(0, 60'000));
  const Bytes bytes = p.take(*p.agent);
  const std::size_t step = bytes.size() / 20 + 1;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    p.deliver(*p.scheduler, ByteView{bytes}.subspan(at, std::min(step, bytes.size() - at)));
    p.time += 1s;
  }
  EXPECT_EQ(end_of(p.scheduler_events), "");
  EXPECT_NE(find_message<LogChunk>(p.scheduler_events), nullptr);
}

TEST(SessionTime, SecondFrameOfAReadIsJudgedByThatRead) {
  Pipe p;
  p.establish();
  p.agent->send(agent_info("first"));
  Bytes bytes = p.take(*p.agent);
  const std::size_t half = bytes.size() / 2;
  p.agent->send(agent_info("second"));
  const Bytes second = p.take(*p.agent);
  bytes.insert(bytes.end(), second.begin(), second.end());
  p.deliver(*p.scheduler, ByteView{bytes}.first(half));
  p.time += 10s;  // the rest was held back by somebody: the first frame had begun in time, the second is late
  p.deliver(*p.scheduler, ByteView{bytes}.subspan(half));
  EXPECT_NE(find_message<AgentInfo>(p.scheduler_events), nullptr);
  EXPECT_EQ(end_of(p.scheduler_events), "time");
}

TEST(SessionTime, LeaseEndsAfterThreeMissedHeartbeats) {
  Pipe p;
  p.establish();
  p.time = 89s;
  p.scheduler->on_timer(p.scheduler_now());
  EXPECT_FALSE(p.scheduler->ended());
  p.time = 90s;
  p.scheduler->on_timer(p.scheduler_now());
  p.collect();
  EXPECT_EQ(end_of(p.scheduler_events), "lease");
  EXPECT_EQ(p.scheduler_counters.of(Refusal::lease), 1U);
}

TEST(SessionTime, HeartbeatsKeepBothSidesAlive) {
  Pipe p;
  p.agent->set_running(3);
  p.establish();
  for (int i = 0; i < 100; ++i) {
    p.time += 30s;
    p.tick();
    p.settle();
  }
  EXPECT_EQ(end_of(p.scheduler_events), "");
  EXPECT_EQ(end_of(p.agent_events), "");
  const auto* heartbeat = find_message<Heartbeat>(p.scheduler_events);
  ASSERT_NE(heartbeat, nullptr);
  EXPECT_EQ(heartbeat->running, 3U);
}

TEST(SessionTime, AnyAuthenticatedFrameRenewsTheLease) {
  Pipe p;
  p.establish();
  for (int i = 0; i < 5; ++i) {
    p.time += 60s;
    p.agent->send(agent_info("busy"));
    p.to_scheduler();
    p.scheduler->on_timer(p.scheduler_now());
  }
  EXPECT_FALSE(p.scheduler->ended());
}

TEST(SessionTime, BytesInsideAFrameExtendTheLeaseTwiceAndNoMore) {
  Pipe p;
  p.establish();
  p.agent->send(log_chunk(0, 60'000));
  const Bytes bytes = p.take(*p.agent);
  std::size_t at = 0;
  const auto trickle_until = [&](Duration until) {
    for (; p.time < until; p.time += 10s) p.deliver(*p.scheduler, ByteView{bytes}.subspan(at++, 1));
    p.scheduler->on_timer(p.scheduler_now());
  };
  trickle_until(90s);
  EXPECT_FALSE(p.scheduler->ended());
  trickle_until(180s);
  EXPECT_FALSE(p.scheduler->ended());
  trickle_until(270s);
  p.collect();
  EXPECT_EQ(end_of(p.scheduler_events), "lease");
}

TEST(SessionTime, ProbeIsAnsweredAtOnce) {
  Pipe p;
  p.establish();
  const Instant before = p.scheduler->last_heard();
  p.time += 7s;
  p.scheduler->probe();
  p.settle();
  EXPECT_EQ(p.scheduler->last_heard(), p.scheduler_now().mono);
  EXPECT_GT(p.scheduler->last_heard(), before);
}

TEST(SessionTime, TakeOutputHonoursItsBudget) {
  Pipe p;
  p.establish();
  for (int i = 0; i < 4; ++i) p.agent->send(agent_info("x"));
  Bytes out;
  p.agent->take_output(p.agent_now(), 0, out);
  EXPECT_TRUE(out.empty());
  p.agent->take_output(p.agent_now(), 1, out);
  const std::size_t one = out.size();
  EXPECT_GT(one, 0U) << "at least one";
  out.clear();
  p.agent->take_output(p.agent_now(), 2 * one + 1, out);
  EXPECT_EQ(out.size(), 2 * one);
  EXPECT_TRUE(p.agent->has_output());
}

TEST(ClockEstimate, UsesTheShortestRoundTripOfTenMinutes) {
  ClockEstimate clock;
  const auto at = [](Duration t) { return Instant{t}; };
  // True offset: session time = our clock + 1,000,000 ms. The way there takes `there`, the way back `back`.
  const auto sample = [&](Duration sent, std::int64_t there, std::int64_t back) {
    const std::int64_t received = to_ms(sent) + there + 1'000'000;
    clock.add(at(sent), received, received, at(sent + from_ms(there + back)));
  };
  sample(1s, 4000, 0);  // lopsided: wrong by 2 s
  EXPECT_EQ(clock.session_time_ms(at(10s)), 10'000 + 1'002'000);
  sample(30s, 3, 3);
  EXPECT_EQ(clock.session_time_ms(at(60s)), 60'000 + 1'000'000);
  sample(60s, 100, 0);
  EXPECT_EQ(clock.session_time_ms(at(60s)), 60'000 + 1'000'000) << "a longer one does not replace a shorter one";
  sample(640s, 100, 0);
  EXPECT_EQ(clock.session_time_ms(at(700s)), 700'000 + 1'000'050) << "but an old one goes";
}

TEST(ClockEstimate, IgnoresWhatCannotBe) {
  ClockEstimate clock;
  clock.add(Instant{10s}, 1'000, 1'000, Instant{9s});
  clock.add(Instant{10s}, 2'000, 1'000, Instant{11s});
  clock.add(Instant{10s}, INT64_MAX, INT64_MAX, Instant{11s});
  clock.add(Instant{10s}, 0, 0, Instant{11s});
  EXPECT_FALSE(clock.is_known());
}

}  // namespace
}  // namespace stint::protocol
