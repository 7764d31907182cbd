#include <cstdlib>

#include "apps/stint-conform/cases/session_cases.hpp"

namespace stint::conform {
namespace {

constexpr std::int64_t kToleranceMs = 5'000;
constexpr std::int64_t kInside = 3'000;    // leaves room for a loaded machine
constexpr std::int64_t kOutside = 10'000;
constexpr Duration kSlowFrame = std::chrono::milliseconds{6'500};  // longer than the tolerance
constexpr Duration kPieces = std::chrono::milliseconds{500};

constexpr const char* kToleranceRule = "The distance to that interval must be at most 5,000 ms (`HelloAck.tolerance_ms`).";
constexpr const char* kErrorRule =
    "The receiver sends `Error` with code `time`, the measured distance (above 0: late) and the limit, and both end the session.";

Bytes stamped(const Session& session, std::int64_t beat, std::int64_t away_ms) {
  return body_of(protocol::Message{protocol::Heartbeat{beat, 0}}, session.time_ms() + away_ms);
}

Check accept_at(Session& session, std::int64_t away_ms) {
  const auto beat = fresh_beat();
  session.send_body(stamped(session, beat, away_ms));
  return expect_beat(session, beat);
}

/// Sends a frame that is off by so much, waits for the end, and gives what the Error said; it must not have been applied.
Checked<protocol::ErrorMessage> refuse_at(Session& session, std::int64_t away_ms) {
  const auto beat = fresh_beat();
  session.send_body(stamped(session, beat, away_ms));
  CONFORM_TRY(auto error, session.take<protocol::ErrorMessage>("Error `time`"));
  CONFORM_TRY(const auto close, session.until_end());
  (void)close;
  for (const auto& incoming : session.aside()) {
    const auto* ack = std::get_if<protocol::HeartbeatAck>(&incoming.message);
    if (ack != nullptr && ack->clock_boot_ns == beat) return differ("a frame that is not applied", "its heartbeat answered");
  }
  if (error.code != "time") return differ("Error `time`", describe(protocol::Message{error}));
  return error;
}

Check measured(Session& session, std::int64_t away_ms) {
  CONFORM_TRY(const auto error, refuse_at(session, away_ms));
  const bool is_right = (error.measured_ms < 0) == (away_ms > 0) && std::abs(error.measured_ms) > kToleranceMs &&
                        std::abs(error.measured_ms + away_ms) < kToleranceMs;
  CONFORM_CHECK(require(is_right, away_ms > 0 ? "measured below 0: early, by about 10,000" : "measured above 0: late, by about 10,000",
                        std::to_string(error.measured_ms)));
  return require_equal("limit_ms", error.limit_ms, kToleranceMs);
}

Check far_away(Session& session, std::int64_t away_ms) {
  CONFORM_TRY(const auto error, refuse_at(session, away_ms));
  (void)error;
  return {};
}

/// The first byte comes in time, the last one late.
Check slow_frame(Session& session) {
  const auto beat = fresh_beat();
  const Bytes frame = session.data(stamped(session, beat, 0));
  const Instant end = now() + kSlowFrame;
  std::size_t at = 0;
  for (; now() < end && at + 1 < frame.size(); ++at) {
    session.peer().send(ByteView{frame}.subspan(at, 1));
    sleep_for(kPieces);
  }
  session.peer().send(ByteView{frame}.subspan(at));
  return expect_beat(session, beat);
}

Check ends_on_error_time(Session& session) {
  session.send(protocol::ErrorMessage{"time", "a test of the runner", 9'000, kToleranceMs});
  session.send(protocol::Heartbeat{fresh_beat(), 0});
  CONFORM_TRY(const auto close, session.until_end());
  (void)close;
  CONFORM_TRY(const auto answered, session.find<protocol::HeartbeatAck>());
  return require(!answered, "the end at once", "a heartbeat behind it answered");
}

/// Session holds every timestamp of the other side to the tolerance; answers over some time show that it follows.
Check stamps_follow_time(Session& session) {
  for (int i = 0; i < 6; ++i) {
    CONFORM_CHECK(session.expect_alive());
    sleep_for(kPieces);
  }
  return {};
}

}  // namespace

std::vector<SessionCase> time_cases() {
  return {
      {"8.01", "3 s late is in time", kToleranceRule, [](Session& s) { return accept_at(s, -kInside); }},
      {"8.02", "3 s early is in time", kToleranceRule, [](Session& s) { return accept_at(s, kInside); }},
      {"8.03", "10 s late ends the session with Error `time`", kErrorRule, [](Session& s) { return measured(s, -kOutside); }},
      {"8.04", "10 s early ends the session with Error `time`", kErrorRule, [](Session& s) { return measured(s, kOutside); }},
      {"8.05", "a timestamp of 1970", "A frame out of tolerance is not applied.", [](Session& s) { return far_away(s, 1 - s.time_ms()); }},
      {"8.06", "a timestamp of the far future", "A frame out of tolerance is not applied.",
       [](Session& s) { return far_away(s, std::int64_t{1} << 50); }},
      {"8.07", "a frame that takes 6.5 s is judged by its first byte",
       "So neither a slow line nor a stopped receiver makes a frame late; only the network, or somebody in it, does.", slow_frame},
      {"8.08", "Error `time` ends the session on the other side too", kErrorRule, ends_on_error_time},
      {"8.09", "its own timestamps follow session time",
       "DATA carries session time, stamped when the frame is handed to the kernel: not when it was queued.", stamps_follow_time},
  };
}

}  // namespace stint::conform
