#include "apps/stint-conform/cases/session_cases.hpp"

namespace stint::conform {
namespace {

constexpr const char* kWaitRule = "A frame that has not arrived whole is no failure: the receiver waits.";
constexpr const char* kPathRule = "a receiver has one path and cannot tell them apart before it reads the envelope.";

Bytes form_b(const Session& session, std::int64_t beat) {
  return session.envelope(schema::SchedulerMessage::Heartbeat,
                          [beat](Builder& b) { return schema::CreateHeartbeat(b, static_cast<std::uint64_t>(beat), 0).Union(); });
}

Check byte_by_byte(Session& session) {
  const auto beat = fresh_beat();
  session.peer().send_in_pieces(session.data(heartbeat_body(session, beat)), 1);
  return expect_beat(session, beat);
}

Check cut_everywhere(Session& session) {
  for (std::size_t at = 1;; at += 3) {
    const auto beat = fresh_beat();
    const Bytes frame = session.data(heartbeat_body(session, beat));
    if (at >= frame.size()) {
      session.peer().send(frame);
      return expect_beat(session, beat);
    }
    session.peer().send_in_pieces(ByteView{frame}.first(at), at);
    session.peer().send(ByteView{frame}.subspan(at));
    CONFORM_CHECK(expect_beat(session, beat));
  }
}

Check many_at_once(Session& session) {
  Bytes all;
  std::vector<std::int64_t> beats;
  for (int i = 0; i < 50; ++i) {
    beats.push_back(fresh_beat());
    const Bytes frame = session.data(heartbeat_body(session, beats.back()));
    all.insert(all.end(), frame.begin(), frame.end());
  }
  session.peer().send(all);
  for (const auto beat : beats) CONFORM_CHECK(expect_beat(session, beat));
  return {};
}

Check cut_across_frames(Session& session) {
  const auto first = fresh_beat();
  const auto second = fresh_beat();
  Bytes both = session.data(heartbeat_body(session, first));
  const Bytes next = session.data(heartbeat_body(session, second));
  both.insert(both.end(), next.begin(), next.end());
  session.peer().send_in_pieces(ByteView{both}.first(both.size() - 10), both.size() - 10);
  session.peer().send(ByteView{both}.last(10));
  CONFORM_CHECK(expect_beat(session, first));
  return expect_beat(session, second);
}

Check half_a_frame_waits(Session& session) {
  const auto beat = fresh_beat();
  const Bytes frame = session.data(heartbeat_body(session, beat));
  session.peer().send(ByteView{frame}.first(frame.size() / 2));
  CONFORM_TRY(const auto heard, session.next(now() + limits::kQuiet));
  (void)heard;
  session.peer().send(ByteView{frame}.subspan(frame.size() / 2));
  return expect_beat(session, beat);
}

Check accept_body(Session& session, Bytes body, std::int64_t beat) {
  session.send_body(std::move(body));
  return expect_beat(session, beat);
}

Check zeros_behind(Session& session, std::size_t zeros) {
  const auto beat = fresh_beat();
  Bytes body = form_b(session, beat);
  body.resize(body.size() + zeros);
  return accept_body(session, std::move(body), beat);
}

/// A vector that is written and pointed to by nobody makes the body as large as the limit allows.
Check largest_body(Session& session) {
  constexpr std::size_t kLimit = 2U << 20;
  const auto beat = fresh_beat();
  Bytes body = form_b(session, beat);
  body.resize(kLimit);
  return accept_body(session, std::move(body), beat);
}

}  // namespace

std::vector<SessionCase> stream_cases() {
  return {
      {"5.01", "a frame byte by byte", kWaitRule, byte_by_byte},
      {"5.02", "a frame cut at every third byte", kWaitRule, cut_everywhere},
      {"5.03", "fifty frames at once", "A Stint peer sends **frames** over a reliable byte stream", many_at_once},
      {"5.04", "two frames cut inside the second", kWaitRule, cut_across_frames},
      {"5.05", "half a frame, a pause, the rest", kWaitRule, half_a_frame_waits},
      {"5.06", "form A: the tag in the place of the signature", kPathRule,
       [](Session& s) {
         const auto beat = fresh_beat();
         return accept_body(s, heartbeat_body(s, beat), beat);
       }},
      {"5.07", "form B: the tag behind the buffer", kPathRule,
       [](Session& s) {
         const auto beat = fresh_beat();
         return accept_body(s, form_b(s, beat), beat);
       }},
      {"5.08", "zero bytes behind the envelope",
       "A body of another length gets zero bytes appended; they are part of the body, in both lengths and in the MAC.",
       [](Session& s) { return zeros_behind(s, 8); }},
      {"5.09", "a body of exactly the limit",
       "Body and raw length are at most 4,096 until the handshake is done, then 2,097,152 unless HELLO_ACK says otherwise.", largest_body},
  };
}

}  // namespace stint::conform
