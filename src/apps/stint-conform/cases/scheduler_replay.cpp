#include <utility>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/process.hpp"

// Recordings, half-open connections, and who speaks for an agent.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;
using protocol::CloseReason;

constexpr Duration kHandshake = std::chrono::seconds{5};
constexpr Duration kFirstByte = std::chrono::seconds{10};
constexpr Duration kProbe = std::chrono::seconds{5};

constexpr const char* kRecordedRule =
    "A recorded HELLO is answered, which costs a HELLO_ACK, and goes no further: without the agent key nobody has the session keys, and "
    "the session counts only from its first valid DATA frame.";
constexpr const char* kHalfOpenRule =
    "An agent has at most one half-open session: a newer valid HELLO ends the older one without an answer.";
constexpr const char* kFirstByteRule = "A TLS handshake has 5 seconds, and a connection 10 to say its first byte;";
constexpr const char* kFiveRule = "| `handshake_timeout`, `lease` | 5 s; three heartbeats | the session ends |";
constexpr const char* kHigherRule = "| the same | higher | the new session takes over at once; the old one gets Close `Displaced` |";
constexpr const char* kNotHigherRule = "| the same | not higher | the new one gets Close `IdentityInUse` |";
constexpr const char* kProbeRule =
    "the live session is probed (Heartbeat). Any frame from it within 5 s: the new one gets Close `IdentityInUse`.";
constexpr const char* kSilentRule = "None, or it closes: the new one takes over.";

// ---- recordings

/// Everything an agent said, from HELLO to a heartbeat.
Checked<Bytes> record(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  Bytes said = subject.said_hello();
  for (const Bytes& frame : {session.data(subject.idle_resume()), session.data(protocol::Heartbeat{1, 0})}) {
    said.insert(said.end(), frame.begin(), frame.end());
    session.peer().send(frame);
  }
  CONFORM_TRY(const auto reconcile, session.take<protocol::Reconcile>("Reconcile"));
  (void)reconcile;
  return said;
}

Check no_session(Peer& peer) {
  CONFORM_TRY(const auto frames, peer.until_closed());
  std::size_t data = 0;
  for (const auto& frame : frames) data += frame.header.kind == wire::FrameKind::data ? 1 : 0;
  return require(data <= 1, "HELLO_ACK, a Close at most, and the end", std::to_string(data) + " DATA frames");
}

Check whole_connection_again(Subject& subject) {
  CONFORM_TRY(const auto said, record(subject));
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(said);
  return no_session(peer);
}

Check recorded_hello(Subject& subject) {
  CONFORM_TRY(const auto said, record(subject));
  (void)said;
  const auto first = subject.ack();
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(subject.said_hello());
  CONFORM_TRY(const auto frame, peer.next_frame(now() + limits::kPatience));
  if (!frame || frame->header.kind != wire::FrameKind::hello_ack) return differ("HELLO_ACK", frame ? describe(frame->header) : "none");
  CONFORM_CHECK(require(frame->header.principal != first.session.value, "another session", "the recorded one"));
  return no_session(peer);
}

Check data_of_another_session(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  const Bytes recorded = first.data(protocol::Heartbeat{1, 0});
  CONFORM_TRY(auto second, subject.establish());
  second.peer().send(recorded);
  return second.expect_refused("unauthenticated");
}

/// The same sequence and the header of this session: only the key is another's.
Check body_of_another_session(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto second, subject.establish());
  const FrameSpec spec{second.next_header(), body_of(protocol::Message{protocol::Heartbeat{1, 0}}, second.time_ms()), {}};
  second.peer().send(first.data_of(spec));
  return second.expect_refused("unauthenticated");
}

Check ack_sent_back(Subject& subject) {
  CONFORM_TRY(const auto session, subject.shake_hands());
  (void)session;
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(subject.greeted().frame.bytes);
  CONFORM_TRY(const auto frames, peer.until_closed());
  return require(frames.empty(), "the end without an answer", frames.empty() ? "" : describe(frames.front().header));
}

// ---- half-open

Check closed_after(Peer& peer, Duration least, Duration patience) {
  const Instant begin = now();
  CONFORM_TRY(const auto frames, peer.until_closed(patience));
  (void)frames;
  const auto took = now() - begin;
  return require(took >= least, "the end, not before the time is over", "after " + std::to_string(to_ms(took)) + " ms");
}

/// Of TCP, whatever would be spoken in it.
Check silent(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  Peer peer{std::move(socket)};
  return closed_after(peer, kFirstByte - std::chrono::seconds{1}, kFirstByte + limits::kSlack);
}

Check half_a_hello(Subject& subject) {
  CONFORM_TRY(auto peer, subject.connect());
  const Bytes frame = hello_frame(subject.identity(), subject.make_hello());
  peer.send(ByteView{frame}.first(40));
  return closed_after(peer, kHandshake - std::chrono::seconds{1}, 2 * kHandshake + limits::kSlack);
}

Check trickle(Subject& subject) {
  CONFORM_TRY(auto peer, subject.connect());
  const Bytes frame = hello_frame(subject.identity(), subject.make_hello());
  const Instant end = now() + 3 * kHandshake + limits::kSlack;
  for (std::size_t at = 0; at + 1 < frame.size() && now() < end; ++at) {
    peer.send(ByteView{frame}.subspan(at, 1));
    CONFORM_TRY(const auto answer, peer.next_frame(now() + Duration{std::chrono::milliseconds{500}}));
    (void)answer;
    if (peer.closed()) return {};
  }
  return differ("the end within three times 5 s", "open");
}

Check never_resumes(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  return closed_after(session.peer(), kHandshake - std::chrono::seconds{1}, kHandshake + limits::kSlack);
}

Check newer_hello(Subject& subject) {
  CONFORM_TRY(auto first, subject.shake_hands());
  CONFORM_TRY(auto second, subject.shake_hands());
  CONFORM_TRY(const auto frames, first.peer().until_closed(kHandshake - std::chrono::milliseconds{500}));
  CONFORM_CHECK(require(frames.empty(), "the end of the older one without an answer", std::to_string(frames.size()) + " frames"));
  second.send(subject.idle_resume());
  CONFORM_TRY(const auto reconcile, second.take<protocol::Reconcile>("Reconcile"));
  (void)reconcile;
  return {};
}

/// A live session does not mind a HELLO that goes no further.
Check hello_beside_a_session(Subject& subject) {
  CONFORM_TRY(auto live, subject.establish());
  CONFORM_TRY(auto half_open, subject.shake_hands());
  (void)half_open;
  return live.expect_alive();
}

// ---- displacement

Check higher_takes_over(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto second, subject.establish());
  CONFORM_CHECK(first.expect_close(CloseReason::displaced));
  return second.expect_alive();
}

Check not_higher(Subject& subject, std::uint64_t less) {
  CONFORM_TRY(auto first, subject.establish());
  auto hello = subject.make_hello();
  hello.info.connect -= 1 + less;
  CONFORM_TRY(auto second, subject.shake_hands(hello));
  second.send(subject.idle_resume());
  CONFORM_CHECK(second.expect_close(CloseReason::identity_in_use));
  return first.expect_alive();
}

/// A claimant with another boot, or another instance, that has said Resume.
Checked<Session> claim(Subject& subject, bool is_other_instance) {
  AgentStart other = make_start();
  if (!is_other_instance) other.instance = subject.start().instance;
  CONFORM_TRY(auto session, subject.shake_hands(subject.make_hello(other)));
  session.send(subject.idle_resume());
  return session;
}

Check live_one_answers(Subject& subject, bool is_other_instance) {
  CONFORM_TRY(auto live, subject.establish());
  CONFORM_TRY(auto claimant, claim(subject, is_other_instance));
  CONFORM_TRY(const auto probe, live.take<protocol::Heartbeat>("a probe"));
  live.send(protocol::HeartbeatAck{probe.clock_boot_ns, live.time_ms()});
  CONFORM_CHECK(claimant.expect_close(CloseReason::identity_in_use));
  return live.expect_alive();
}

Check any_frame_answers(Subject& subject) {
  CONFORM_TRY(auto live, subject.establish());
  CONFORM_TRY(auto claimant, claim(subject, false));
  CONFORM_TRY(const auto probe, live.take<protocol::Heartbeat>("a probe"));
  (void)probe;
  live.send(protocol::Message{subject.idle_resume().info});
  CONFORM_CHECK(claimant.expect_close(CloseReason::identity_in_use));
  return live.expect_alive();
}

Check silent_one_loses(Subject& subject) {
  CONFORM_TRY(auto live, subject.establish());
  const Instant begin = now();
  CONFORM_TRY(auto claimant, claim(subject, false));
  CONFORM_TRY(const auto reconcile, claimant.take<protocol::Reconcile>("Reconcile for the claimant", kProbe + limits::kSlack));
  (void)reconcile;
  const auto took = now() - begin;
  CONFORM_CHECK(
      require(took >= kProbe - std::chrono::seconds{1}, "5 s for the live session to answer", std::to_string(to_ms(took)) + " ms"));
  CONFORM_CHECK(live.expect_close(CloseReason::displaced));
  return claimant.expect_alive();
}

Check closed_one_loses_at_once(Subject& subject) {
  CONFORM_TRY(auto live, subject.establish());
  CONFORM_TRY(auto claimant, claim(subject, false));
  CONFORM_TRY(const auto probe, live.take<protocol::Heartbeat>("a probe"));
  (void)probe;
  live.peer().socket().close();
  CONFORM_TRY(const auto reconcile, claimant.take<protocol::Reconcile>("Reconcile for the claimant", kProbe - std::chrono::seconds{1}));
  (void)reconcile;
  return claimant.expect_alive();
}

Check third_one_is_refused(Subject& subject) {
  CONFORM_TRY(auto live, subject.establish());
  CONFORM_TRY(auto second, claim(subject, false));
  CONFORM_TRY(const auto probe, live.take<protocol::Heartbeat>("a probe"));
  CONFORM_TRY(auto third, claim(subject, true));
  CONFORM_CHECK(third.expect_close(CloseReason::identity_in_use, kProbe - std::chrono::seconds{1}));
  live.send(protocol::HeartbeatAck{probe.clock_boot_ns, live.time_ms()});
  return second.expect_close(CloseReason::identity_in_use);
}

/// Until it is known who speaks for the agent, the claimant's Resume has no answer.
Check claimant_waits(Subject& subject) {
  CONFORM_TRY(auto live, subject.establish());
  CONFORM_TRY(auto claimant, claim(subject, false));
  CONFORM_TRY(const auto probe, live.take<protocol::Heartbeat>("a probe"));
  CONFORM_TRY(const auto heard, claimant.next(now() + limits::kQuiet));
  if (heard && std::holds_alternative<protocol::Reconcile>(heard->message))
    return differ("no Reconcile before the probe is decided", "Reconcile");
  live.send(protocol::HeartbeatAck{probe.clock_boot_ns, live.time_ms()});
  return claimant.expect_close(CloseReason::identity_in_use);
}

}  // namespace

std::vector<SchedulerCase> replay_cases() {
  return {
      {"S11.01", "every byte of a connection again", kRecordedRule, whole_connection_again},
      {"S11.02", "a recorded HELLO again", kRecordedRule, recorded_hello},
      {"S11.03", "a frame of an earlier session",
       "so that no frame of one session is authentic in another; with the sequence, none is accepted twice.", data_of_another_session},
      {"S11.04", "a frame signed with the key of an earlier session",
       "so that no frame of one session is authentic in another; with the sequence, none is accepted twice.", body_of_another_session},
      {"S11.05", "HELLO_ACK sent back as the first frame",
       "**Directions** have keys of their own, so that no frame can be sent back to its sender.", ack_sent_back},
      {"S12.01", "a connection that says nothing ends after 10 s", kFirstByteRule, silent},
      {"S12.02", "half a HELLO ends", kFiveRule, half_a_hello},
      {"S12.03", "a trickle of HELLO ends within three times 5 s", "The same rule stretches the 5 s of the handshake.", trickle},
      {"S12.04", "HELLO without Resume ends after 5 s", kFiveRule, never_resumes},
      {"S12.05", "a newer HELLO ends the half-open session before it", kHalfOpenRule, newer_hello},
      {"S12.06", "a HELLO that goes no further does not disturb a session", kRecordedRule, hello_beside_a_session},
      {"S13.01", "same start, higher counter: takes over", kHigherRule, higher_takes_over},
      {"S13.02", "same start, the same counter: refused", kNotHigherRule, [](Subject& s) { return not_higher(s, 0); }},
      {"S13.03", "same start, a lower counter: refused", kNotHigherRule, [](Subject& s) { return not_higher(s, 5); }},
      {"S13.04", "another boot, and the live session answers the probe", kProbeRule, [](Subject& s) { return live_one_answers(s, false); }},
      {"S13.05", "another instance, and the live session answers the probe", kProbeRule,
       [](Subject& s) { return live_one_answers(s, true); }},
      {"S13.06", "another boot, and the live session says anything", "Any frame from it within 5 s", any_frame_answers},
      {"S13.07", "another boot, and the live session is silent", kSilentRule, silent_one_loses},
      {"S13.08", "another boot, and the live session closes", kSilentRule, closed_one_loses_at_once},
      {"S13.09", "a third claimant", "Until then its messages wait, and a third claimant is refused", third_one_is_refused},
      {"S13.10", "a claimant's messages wait", "Until then its messages wait, and a third claimant is refused", claimant_waits},
  };
}

}  // namespace stint::conform::scheduler
