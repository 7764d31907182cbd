#include "protocol/clock_estimate.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "protocol/limits.hpp"

namespace stint::protocol {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kTimeMaxMs = std::int64_t{1} << 43;  // in nanoseconds this still fits 63 bits

bool can_be(std::int64_t ms) { return ms > 0 && ms < kTimeMaxMs; }

}  // namespace

void ClockEstimate::add(Instant sent, std::int64_t received_ms, std::int64_t answered_ms, Instant arrived) {
  if (arrived < sent || !can_be(received_ms) || !can_be(answered_ms) || answered_ms < received_ms) return;
  const std::int64_t sent_ns = sent.time_since_epoch().count();
  const std::int64_t arrived_ns = arrived.time_since_epoch().count();
  const std::int64_t there = received_ms * kNsPerMs - sent_ns;
  const std::int64_t back = answered_ms * kNsPerMs - arrived_ns;
  // Clocks in whole milliseconds can make a short round trip look negative.
  const std::int64_t round_trip = std::max<std::int64_t>(0, (arrived_ns - sent_ns) - (answered_ms - received_ms) * kNsPerMs);
  samples_.push_back({arrived, round_trip, there + (back - there) / 2});

  while (samples_.size() > limits::kClockSamples || samples_.front().at < arrived - limits::kClockSampleAge) samples_.pop_front();
  best_ = *std::min_element(samples_.begin(), samples_.end(),
                            [](const Sample& a, const Sample& b) { return a.round_trip_ns < b.round_trip_ns; });
}

std::int64_t ClockEstimate::session_time_ms(Instant t) const {
  STINT_ASSERT(is_known());
  return (t.time_since_epoch().count() + best_.offset_ns) / kNsPerMs;
}

}  // namespace stint::protocol
