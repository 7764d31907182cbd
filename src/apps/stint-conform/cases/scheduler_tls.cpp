#include <algorithm>
#include <array>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/web_socket.hpp"

// What one port makes of connections: TLS, its versions and ALPN, what comes in the clear, and how long it waits for a first byte.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kVersionRule = "**TLS is version 1.3** and no other.";
constexpr const char* kResumeRule = "No session is resumed and no early data is taken.";
constexpr const char* kFramesRow = "| `stint/1` | frames |";
constexpr const char* kHttpRow = "| `http/1.1`, or no ALPN at all | HTTP/1.1 |";
constexpr const char* kOthersRow = "| others only | the handshake fails with `no_application_protocol` |";
constexpr const char* kKeyRule = "**The cell's key** is one signing key; schedulers of a cell share it.";
constexpr const char* kRecordRule = "TLS 1.3 records are no borders of frames.";
constexpr const char* kClearRule =
    "A request for HTTP in the clear is answered 400 without being read; frames in the clear are answered with nothing.";
constexpr const char* kLoopbackRule = "On loopback both are served.";
constexpr const char* kPinsRule =
    "**CellPins** lists SHA-256 of every public key under which the cell may show itself from now on, newest first.";
constexpr const char* kPinsRow = "| 22 | CellPins | scheduler, after Reconcile if it speaks TLS | |";
constexpr const char* kPaceRule = "A TLS handshake has 5 seconds, and a connection 10 to say its first byte;";

const std::string kRequest = "GET /v1/info HTTP/1.1\r\nHost: conform\r\nConnection: close\r\n\r\n";

TlsOutcome shake(Socket& socket, const TlsOffer& offer) { return begin_tls(socket, offer); }

Check chooses(Subject& subject, const std::vector<std::string>& offered, const std::string& expected) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {.alpn = offered});
  return require(outcome.is_done && outcome.alpn == expected, ("a handshake that is done, ALPN '" + expected + "'").c_str(),
                 describe(outcome));
}

Check no_protocol(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {.alpn = {"h2", "stint/9"}});
  return require(!outcome.is_done && outcome.alert == kAlertNoApplicationProtocol, "alert 120, no_application_protocol", describe(outcome));
}

Check old_version(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {.versions = TlsVersions::only_1_2});
  return require(!outcome.is_done, "no handshake", describe(outcome));
}

Check session_in_tls(Subject& subject) {
  subject.go(Subject::Way::tls);
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}

Check pieces_in_tls(Subject& subject) {
  subject.go(Subject::Way::tls);
  const auto hello = subject.make_hello();
  CONFORM_TRY(auto peer, subject.connect());
  peer.send_in_pieces(hello_frame(subject.identity(), hello), 1);
  CONFORM_TRY(const auto greeted, read_hello_ack(peer, subject.identity(), hello));
  (void)greeted;
  return {};
}

Check many_in_a_record(Subject& subject) {
  subject.go(Subject::Way::tls);
  CONFORM_TRY(auto session, subject.establish());
  Bytes record;
  for (const std::int64_t beat : {1, 2, 3}) {
    const Bytes frame = session.data(protocol::Heartbeat{beat, 0});
    record.insert(record.end(), frame.begin(), frame.end());
  }
  session.peer().send(record);
  for (const std::int64_t beat : {1, 2, 3}) {
    CONFORM_TRY(const auto ack, session.take<protocol::HeartbeatAck>("three answers"));
    CONFORM_CHECK(require_equal("clock_boot_ns", ack.clock_boot_ns, beat));
  }
  return {};
}

Check http_in_tls(Subject& subject, const std::vector<std::string>& offered) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {.alpn = offered});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  const auto answer = ask_http(socket, kRequest);
  return require(answer.status != 0, "an answer in HTTP/1.1", answer.head);
}

Check frames_where_http_is(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {.alpn = {"http/1.1"}});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  if (const auto sent = socket.send(hello_frame(subject.identity(), subject.make_hello())); !sent) return {};
  Bytes answer;
  while (socket.receive(answer, now() + limits::kPatience) == Socket::Got::bytes) {
  }
  return require(!as_text(answer).starts_with("St"), "no frame where ALPN says HTTP", "a frame");
}

Check http_where_frames_are(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  const auto answer = ask_http(socket, kRequest + std::string(64, ' '));
  return require(answer.status == 0, "no HTTP where ALPN says frames", answer.head);
}

Check not_resumable(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {.alpn = {"http/1.1"}});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  const auto answer = ask_http(socket, kRequest);  // a ticket comes before it, if there is one
  CONFORM_CHECK(require(answer.status != 0, "an answer in HTTP/1.1", answer.head));
  return require(!can_be_resumed(socket), "no ticket", "a session that can be resumed");
}

Check one_key(Subject& subject) {
  Pin first{};
  for (const char* alpn : {"stint/1", "http/1.1"}) {
    CONFORM_TRY(auto socket, subject.dial());
    const auto outcome = shake(socket, {.alpn = {alpn}});
    if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
    if (first == Pin{}) first = outcome.pin;
    CONFORM_CHECK(require(outcome.pin == first, "one key for all", to_text(first) + " and " + to_text(outcome.pin)));
  }
  return {};
}

Check token_names_the_key(Subject& subject) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  return require(outcome.pin.spki_sha256 == ticket.token.cell, "the key of the handshake in the token",
                 to_hex(ticket.token.cell) + " beside " + to_text(outcome.pin));
}

Check pins_name_the_key(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  subject.go(Subject::Way::tls);
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto pins, session.take<protocol::CellPins>("CellPins"));
  const bool is_named = std::find(pins.pins.begin(), pins.pins.end(), outcome.pin.spki_sha256) != pins.pins.end();
  return require(is_named, "the key of the handshake among the pins", std::to_string(pins.pins.size()) + " others");
}

Check pins_behind_reconcile(Subject& subject) {
  subject.go(Subject::Way::tls);
  CONFORM_TRY(auto session, subject.shake_hands());
  session.send(subject.idle_resume());
  CONFORM_TRY(const auto first, session.next(now() + limits::kPatience));
  return require(first && std::holds_alternative<protocol::Reconcile>(first->message), "Reconcile before CellPins",
                 first ? describe(first->message) : "nothing");
}

// ---- pace

/// Ends not before `least` and not long after it.
Check ends_after(Socket& socket, Duration least) {
  const Instant begin = now();
  Bytes ignored;
  auto got = Socket::Got::bytes;
  while (got == Socket::Got::bytes) got = socket.receive(ignored, begin + least + limits::kSlack);
  const auto took = now() - begin;
  CONFORM_CHECK(require(got == Socket::Got::closed, "the end", "open after " + std::to_string(to_ms(took)) + " ms"));
  return require(took >= least - std::chrono::seconds{1}, "the end, not before the time is over",
                 "after " + std::to_string(to_ms(took)) + " ms");
}

Check half_a_handshake(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  constexpr std::array<std::uint8_t, 6> kBegun{0x16, 0x03, 0x01, 0x00, 0xF0, 0x01};  // a record with a ClientHello that goes no further
  if (const auto sent = socket.send(kBegun); !sent) return differ("a connection", sent.error().detail);
  return ends_after(socket, std::chrono::seconds{5});
}

Check silent_in_tls(Subject& subject) {
  CONFORM_TRY(auto socket, subject.dial());
  const auto outcome = shake(socket, {});
  if (!outcome.is_done) return differ("a handshake that is done", describe(outcome));
  return ends_after(socket, std::chrono::seconds{5});
}

// ---- in the clear, where that is not served

Checked<Socket> dial_tls_only(const Subject& subject) {
  const auto& target = subject.target();
  if (target.tls_only_host.empty()) return skip("--tls-only, an address where it must speak TLS");
  auto socket = Socket::connect(target.tls_only_host, target.tls_only_port);
  if (!socket) return differ("a connection", socket.error().detail);
  return *std::move(socket);
}

Check http_in_the_clear(Subject& subject) {
  CONFORM_TRY(auto socket, dial_tls_only(subject));
  const auto answer = ask_http(socket, kRequest);
  return require(answer.status == 400, "status 400", answer.head.empty() ? "nothing" : answer.head);
}
Check frames_in_the_clear(Subject& subject) {
  CONFORM_TRY(auto socket, dial_tls_only(subject));
  if (const auto sent = socket.send(hello_frame(subject.identity(), subject.make_hello())); !sent) return {};
  Bytes answer;
  auto got = Socket::Got::bytes;
  while (got == Socket::Got::bytes) got = socket.receive(answer, now() + limits::kPatience);
  CONFORM_CHECK(require(got == Socket::Got::closed, "the end", "open"));
  return require(answer.empty(), "no answer", std::to_string(answer.size()) + " bytes");
}
Check tls_there(Subject& subject) {
  CONFORM_TRY(auto socket, dial_tls_only(subject));
  const auto outcome = shake(socket, {});
  return require(outcome.is_done && outcome.alpn == "stint/1", "TLS with ALPN 'stint/1'", describe(outcome));
}
Check both_on_loopback(Subject& subject) {
  if (subject.target().is_tls) return skip("a --server on loopback that is spoken to in the clear");
  CONFORM_TRY(auto plain, subject.establish());
  CONFORM_CHECK(plain.expect_alive());
  return session_in_tls(subject);
}

}  // namespace

std::vector<SchedulerCase> tls_cases() {
  return {
      {"S25.01", "a session inside TLS 1.3", kFramesRow, session_in_tls},
      {"S25.02", "TLS 1.2 only", kVersionRule, old_version},
      {"S25.03", "ALPN stint/1 is chosen", kFramesRow, [](Subject& s) { return chooses(s, {"stint/1"}, "stint/1"); }},
      {"S25.04", "ALPN stint/1 among others that it does not know", kFramesRow,
       [](Subject& s) { return chooses(s, {"h2", "stint/1"}, "stint/1"); }},
      {"S25.05", "ALPN http/1.1: HTTP", kHttpRow, [](Subject& s) { return http_in_tls(s, {"http/1.1"}); }},
      {"S25.06", "no ALPN: HTTP", kHttpRow, [](Subject& s) { return http_in_tls(s, {}); }},
      {"S25.07", "ALPN of others only: no_application_protocol", kOthersRow, no_protocol},
      {"S25.08", "frames where ALPN says HTTP", kHttpRow, frames_where_http_is},
      {"S25.09", "HTTP where ALPN says frames", kFramesRow, http_where_frames_are},
      {"S25.10", "nothing with which a session could be resumed", kResumeRule, not_resumable},
      {"S25.11", "one key for frames and HTTP", kKeyRule, one_key},
      {"S25.12", "a token names the key of the handshake", "SHA-256 of the cell's public key (SubjectPublicKeyInfo)", token_names_the_key},
      {"S25.13", "HELLO in TLS byte by byte", kRecordRule, pieces_in_tls},
      {"S25.14", "three frames in one record", kRecordRule, many_in_a_record},
      {"S25.15", "CellPins holds the key of the handshake", kPinsRule, pins_name_the_key},
      {"S25.16", "CellPins comes behind Reconcile", kPinsRow, pins_behind_reconcile},
      {"S25.17", "half a TLS handshake ends after 5 s", kPaceRule, half_a_handshake},
      {"S25.18", "in TLS, who says nothing ends after 5 s", "within TLS and WebSocket 5 seconds begin when their handshake is done",
       silent_in_tls},
      {"S25.19", "HTTP in the clear where TLS must be spoken: 400", kClearRule, http_in_the_clear},
      {"S25.20", "frames in the clear where TLS must be spoken: nothing", kClearRule, frames_in_the_clear},
      {"S25.21", "TLS is spoken there",
       "A scheduler that listens on an address which is not loopback must speak TLS there and must not serve anything in the clear",
       tls_there},
      {"S25.22", "on loopback both are served", kLoopbackRule, both_on_loopback},
  };
}

}  // namespace stint::conform::scheduler
