#include <algorithm>
#include <functional>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/web_socket.hpp"

// Frames as WebSocket messages: one in each, and whatever is none ends the connection.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kUpgradeRule = "`GET /v1/agent` with `Upgrade: websocket`, plain or in TLS as HTTP is there.";
constexpr const char* kMessageRule = "Every message is binary and holds exactly one frame; any other ends the connection.";
constexpr const char* kTokenRule = "The request needs no token: frames say who speaks.";
constexpr const char* kRfcRule = "**WebSocket** (RFC 6455), for agents behind proxies that let only HTTP through";

Checked<Session> establish(Subject& subject) {
  subject.go(Subject::Way::web_socket);
  return subject.establish();
}

Check session_works(Subject& subject) {
  CONFORM_TRY(auto session, establish(subject));
  return session.expect_alive();
}

constexpr std::int64_t kBeat = 1;  ///< what the heartbeats in wrong messages say

/// The connection must end because of what was sent, which is answered with nothing: not because a lease is over meanwhile.
Check ends(const Subject& subject, Session& session) {
  const Duration lease_is_far = from_ms(2 * std::int64_t{subject.ack().heartbeat_ms});
  CONFORM_TRY(const auto close, session.until_end(std::min(lease_is_far, limits::kPatience)));
  (void)close;
  CONFORM_TRY(const auto answer, session.find<protocol::HeartbeatAck>());
  return require(!answer || answer->clock_boot_ns != kBeat, "no answer to what is in it", "HeartbeatAck");
}
/// One piece is one message.
Check ends_with(Subject& subject, const std::function<Bytes(Session&)>& message) {
  CONFORM_TRY(auto session, establish(subject));
  CONFORM_CHECK(session.expect_alive());
  session.peer().send(message(session));
  return ends(subject, session);
}
Check ends_with_raw(Subject& subject, const std::function<Bytes(Session&)>& bytes) {
  CONFORM_TRY(auto session, establish(subject));
  CONFORM_CHECK(session.expect_alive());
  (void)send_raw(session.peer().socket(), bytes(session));
  return ends(subject, session);
}

Bytes beat(Session& session) { return session.data(protocol::Heartbeat{kBeat, 0}); }
Bytes two(Session& session) {
  Bytes both = beat(session);
  const Bytes second = beat(session);
  both.insert(both.end(), second.begin(), second.end());
  return both;
}
Bytes half(Session& session) {
  Bytes frame = beat(session);
  frame.resize(frame.size() / 2);
  return frame;
}
Bytes with_a_byte_more(Session& session) {
  Bytes frame = beat(session);
  frame.push_back(0);
  return frame;
}
/// A message that only announces its 1 GiB.
Bytes announced(Session& /*session*/) { return {0x82, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4}; }

/// A frame in three frames of WebSocket is one message; a ping may lie between them.
Check fragments(Subject& subject) {
  CONFORM_TRY(auto session, establish(subject));
  const Bytes frame = session.data(protocol::Heartbeat{77, 0});
  Bytes out;
  const auto add = [&](WebFrame part) {
    const Bytes bytes = to_bytes(part);
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  const auto cut = [&](std::size_t begin, std::size_t end) {
    return Bytes(frame.begin() + static_cast<std::ptrdiff_t>(begin), frame.begin() + static_cast<std::ptrdiff_t>(end));
  };
  add({.opcode = kBinary, .is_last = false, .payload = cut(0, 10)});
  add({.opcode = kPing, .payload = {'x'}});
  add({.opcode = kContinuation, .is_last = false, .payload = cut(10, 40)});
  add({.opcode = kContinuation, .payload = cut(40, frame.size())});
  if (const auto sent = send_raw(session.peer().socket(), out); !sent) return differ("an open connection", sent.error().detail);
  CONFORM_TRY(const auto ack, session.take<protocol::HeartbeatAck>("the HeartbeatAck of a frame in three pieces"));
  return require_equal("clock_boot_ns", ack.clock_boot_ns, std::int64_t{77});
}

Check pong(Subject& subject) {
  CONFORM_TRY(auto session, establish(subject));
  CONFORM_CHECK(session.expect_alive());
  const Bytes payload{'p', 'o', 'n', 'g', '?'};
  Socket& socket = session.peer().socket();
  if (const auto sent = send_raw(socket, to_bytes({.opcode = kPing, .payload = payload})); !sent)
    return differ("an open connection", sent.error().detail);
  const Bytes heard = wait_for_pong(socket, now() + limits::kPatience);
  return require(heard == payload, "a pong with the payload of the ping", to_hex(heard));
}

Check silent(Subject& subject) {
  subject.go(Subject::Way::web_socket);
  CONFORM_TRY(auto peer, subject.connect());
  const Instant begin = now();
  CONFORM_TRY(const auto frames, peer.until_closed(std::chrono::seconds{5} + limits::kSlack));
  CONFORM_CHECK(require(frames.empty(), "the end without a frame", std::to_string(frames.size()) + " frames"));
  return require(now() - begin >= std::chrono::seconds{4}, "5 s of patience", std::to_string(to_ms(now() - begin)) + " ms");
}

Check without_upgrade(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  if (subject.target().is_tls)
    if (const auto outcome = begin_tls(socket, {.alpn = {"http/1.1"}}); !outcome.is_done) return differ("TLS", describe(outcome));
  const auto answer = ask_http(socket, "GET /v1/agent HTTP/1.1\r\nHost: conform\r\nConnection: close\r\n\r\n");
  return require(answer.status >= 400 && answer.status < 500, "a status of 4xx", std::to_string(answer.status));
}

Check in_tls(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = begin_tls(socket, {.alpn = {"http/1.1"}});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  const auto upgrade = upgrade_to_web_socket(socket, subject.target().host);
  CONFORM_CHECK(require(upgrade.is_right, "101 with the right Sec-WebSocket-Accept", upgrade.answer.head));
  Peer peer{std::move(socket)};
  const auto hello = subject.make_hello();
  peer.send(hello_frame(subject.identity(), hello));
  CONFORM_TRY(const auto greeted, read_hello_ack(peer, subject.identity(), hello));
  (void)greeted;
  return {};
}

Check enrols(Subject& subject) {
  subject.go(Subject::Way::web_socket);
  CONFORM_TRY(const auto identity, subject.enrol());
  (void)identity;
  return {};
}

Check large_frames(Subject& subject) {
  CONFORM_TRY(auto session, establish(subject));
  Bytes body = body_of(protocol::Message{protocol::Heartbeat{5, 0}}, session.time_ms());
  body.resize(300 * 1024);  // zeros behind an envelope are part of the body, and mean nothing
  session.peer().send(session.data(std::move(body)));
  CONFORM_TRY(const auto ack, session.take<protocol::HeartbeatAck>("the HeartbeatAck of a frame of 300 KiB"));
  return require_equal("clock_boot_ns", ack.clock_boot_ns, std::int64_t{5});
}

}  // namespace

std::vector<SchedulerCase> web_socket_cases() {
  return {
      {"S26.01", "the upgrade: 101, without a token", kTokenRule,
       [](Subject& s) -> Check {
         s.go(Subject::Way::web_socket);
         CONFORM_TRY(const auto peer, s.connect());
         (void)peer;
         return {};
       }},
      {"S26.02", "a session, each frame a binary message", kMessageRule, session_works},
      {"S26.03", "the same in TLS", kUpgradeRule, in_tls},
      {"S26.04", "GET without an upgrade", kUpgradeRule, without_upgrade},
      {"S26.05", "a frame in three fragments with a ping between them", kRfcRule, fragments},
      {"S26.06", "a ping is answered", kRfcRule, pong},
      {"S26.07", "a frame of 300 KiB", kMessageRule, large_frames},
      {"S26.08", "two frames in a message", kMessageRule, [](Subject& s) { return ends_with(s, two); }},
      {"S26.09", "half a frame", kMessageRule, [](Subject& s) { return ends_with(s, half); }},
      {"S26.10", "a frame and a byte", kMessageRule, [](Subject& s) { return ends_with(s, with_a_byte_more); }},
      {"S26.11", "a message that holds nothing", kMessageRule, [](Subject& s) { return ends_with(s, [](Session&) { return Bytes{}; }); }},
      {"S26.12", "a text message", kMessageRule,
       [](Subject& s) { return ends_with_raw(s, [](Session& session) { return to_bytes({.opcode = kText, .payload = beat(session)}); }); }},
      {"S26.13", "a message of 1 GiB, by its length alone",
       "A receiver refuses a larger frame when it has its header, before it stores the body.",
       [](Subject& s) { return ends_with_raw(s, announced); }},
      {"S26.14", "a message that is not masked", kRfcRule,
       [](Subject& s) {
         return ends_with_raw(s, [](Session& session) { return to_bytes({.is_masked = false, .payload = beat(session)}); });
       }},
      {"S26.15", "who says nothing ends after 5 s", "within TLS and WebSocket 5 seconds begin when their handshake is done", silent},
      {"S26.16", "ENROL as a message", kMessageRule, enrols},
  };
}

}  // namespace stint::conform::scheduler
