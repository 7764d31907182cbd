#include <algorithm>

#include "apps/stint-conform/cases/agent_cases.hpp"

// An agent in TLS: whom it believes to be the cell, and what it does when that is somebody else.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using schema::SchedulerMessage;

constexpr const char* kVersionRule = "**TLS is version 1.3** and no other.";
constexpr const char* kResumeRule = "No session is resumed and no early data is taken.";
constexpr const char* kAlpnRule = "A client that means frames must offer `stint/1` and must give up if the server does not choose it.";
constexpr const char* kPinRule =
    "A client with pins must accept a server if and only if the key of its certificate has one of them and the handshake proves "
    "possession;";
constexpr const char* kJudgeRule =
    "it must not judge name, dates or issuer of that certificate, so that renewal changes nothing and a wrong clock locks nobody out.";
constexpr const char* kReplaceRule = "The agent keeps them durably in the place of those it had.";
constexpr const char* kRecordRule = "TLS 1.3 records are no borders of frames.";
constexpr const char* kTokenRule = "SHA-256 of the cell's public key (SubjectPublicKeyInfo)";
constexpr int kTls13 = 0x0304;

/// A handshake was tried; nothing of this protocol was said, and the connection ended.
Check says_nothing(Subject& subject, const TlsShow& shown) {
  CONFORM_TRY(auto socket, subject.accept_socket());
  const auto outcome = accept_tls(socket, shown);
  Bytes heard;
  auto got = Socket::Got::bytes;
  while (got == Socket::Got::bytes && outcome.is_done) got = socket.receive(heard, now() + limits::kPatience);
  CONFORM_CHECK(require(got != Socket::Got::nothing, "the end", "an open connection"));
  return require(heard.empty(), "no byte of the agent's", std::to_string(heard.size()) + " bytes");
}
/// After that the right one is spoken to.
Check refuses_then_accepts(Subject& subject, const TlsIdentity& right, const TlsShow& wrong) {
  subject.speak_tls({right.pin()}, {.identity = &right});
  CONFORM_CHECK(says_nothing(subject, wrong));
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}

Check session_works(Subject& subject) {
  const auto cell = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_CHECK(session.expect_alive());
  const auto& hello = subject.shaken();
  const bool offers = std::find(hello.offered_alpn.begin(), hello.offered_alpn.end(), "stint/1") != hello.offered_alpn.end();
  return require(offers, "ALPN stint/1 in ClientHello", std::to_string(hello.offered_alpn.size()) + " others");
}
Check only_1_3(Subject& subject) {
  const auto cell = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  CONFORM_TRY(const auto session, subject.establish());
  (void)session;
  const auto& versions = subject.shaken().offered_versions;
  const bool is_only = !versions.empty() && std::all_of(versions.begin(), versions.end(), [](int v) {
    return v == kTls13 || (v & 0x0F0F) == 0x0A0A;  // GREASE, RFC 8701
  });
  return require(is_only, "1.3 alone in supported_versions", std::to_string(versions.size()) + " versions");
}
Check no_early_data(Subject& subject) {
  const auto cell = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  for (int i = 0; i < 2; ++i) {
    CONFORM_TRY(auto session, subject.establish());
    CONFORM_CHECK(session.expect_alive());
    const auto& hello = subject.shaken();
    CONFORM_CHECK(require(!hello.offers_early_data && !hello.offers_resumption, "no early data and no resumption", "one of them"));
    session.peer().socket().reset();
  }
  return {};
}
Check old_version(Subject& subject) {
  const auto cell = TlsIdentity::make();
  return refuses_then_accepts(subject, cell, {.identity = &cell, .versions = TlsVersions::only_1_2});
}
Check another_key(Subject& subject) {
  const auto cell = TlsIdentity::make();
  const auto other = TlsIdentity::make();
  return refuses_then_accepts(subject, cell, {.identity = &other});
}
/// The certificate of the cell, by somebody who has not its key.
Check stolen_certificate(Subject& subject) {
  const auto cell = TlsIdentity::make();
  const auto thief = TlsIdentity::make(TlsIdentity::Kind::stolen, &cell);
  return refuses_then_accepts(subject, cell, {.identity = &thief});
}
Check no_alpn(Subject& subject, const char* chosen) {
  const auto cell = TlsIdentity::make();
  return refuses_then_accepts(subject, cell, {.identity = &cell, .alpn = chosen});
}
Check expired_certificate(Subject& subject) {
  const auto cell = TlsIdentity::make(TlsIdentity::Kind::expired);
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}
Check second_pin(Subject& subject) {
  const auto cell = TlsIdentity::make();
  const auto next = TlsIdentity::make();
  subject.speak_tls({next.pin(), cell.pin()}, {.identity = &cell});
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}
Check pieces(Subject& subject) {
  const auto cell = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  CONFORM_TRY(auto session, subject.establish());
  session.peer().send_in_pieces(session.data(protocol::Heartbeat{42, 0}), 1);
  CONFORM_TRY(const auto ack, session.take<protocol::HeartbeatAck>("the HeartbeatAck of a frame in many records"));
  return require_equal("clock_boot_ns", ack.clock_boot_ns, std::int64_t{42});
}
/// In the clear an agent says nothing where it was told to speak TLS: the first byte is a ClientHello's.
Check never_in_the_clear(Subject& subject) {
  const auto cell = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  for (int i = 0; i < 2; ++i) {
    CONFORM_TRY(auto socket, subject.accept_socket());
    Bytes heard;
    const auto got = socket.receive(heard, now() + limits::kPatience);
    CONFORM_CHECK(require(got == Socket::Got::bytes && heard.front() == 0x16, "a TLS record", to_hex(heard).substr(0, 16)));
    socket.reset();
  }
  return {};
}

// ---- CellPins

void send_pins(Session& session, std::initializer_list<const TlsIdentity*> cells) {
  protocol::CellPins pins;
  for (const auto* cell : cells) pins.pins.push_back(cell->pin().spki_sha256);
  session.send(pins);
}
Check announced_key(Subject& subject, bool is_restarted) {
  const auto cell = TlsIdentity::make();
  const auto next = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  CONFORM_TRY(auto session, subject.establish());
  send_pins(session, {&next, &cell});
  CONFORM_CHECK(session.expect_no_error());
  if (is_restarted) subject.process().end();
  session.peer().socket().close();
  subject.show({.identity = &next});
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}
Check dropped_key(Subject& subject) {
  const auto cell = TlsIdentity::make();
  const auto next = TlsIdentity::make();
  subject.speak_tls({cell.pin()}, {.identity = &cell});
  CONFORM_TRY(auto session, subject.establish());
  send_pins(session, {&next});
  CONFORM_CHECK(session.expect_no_error());
  session.peer().socket().close();
  CONFORM_CHECK(says_nothing(subject, {.identity = &cell}));
  subject.show({.identity = &next});
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}

// ---- joining

Check join_refuses_another_key(Subject& subject) {
  const auto cell = TlsIdentity::make();
  const auto other = TlsIdentity::make();
  const auto ticket = random_ticket(cell.pin().spki_sha256);
  subject.speak_tls({}, {.identity = &cell});
  CONFORM_CHECK(subject.start_join(protocol::to_text(ticket.token)));
  return says_nothing(subject, {.identity = &other});
}
Check joins_in_tls(Subject& subject) {
  const auto cell = TlsIdentity::make();
  const auto other = TlsIdentity::make();
  const auto ticket = random_ticket(cell.pin().spki_sha256);
  subject.speak_tls({}, {.identity = &cell});
  CONFORM_CHECK(subject.start_join(protocol::to_text(ticket.token)));
  CONFORM_TRY(auto asked, subject.accept_enrol(ticket));
  Identity identity = subject.identity();
  identity.name = "joined";
  asked.peer.send(enrol_ack_frame(ticket, make_enrol_ack(asked, ticket, identity)));
  CONFORM_TRY(const auto status, subject.join_ended());
  CONFORM_CHECK(require_equal("exit status", status, 0));
  subject.become(identity);
  CONFORM_CHECK(says_nothing(subject, {.identity = &other}));  // what the token said it goes on to hold to
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}

// ---- CellPins as a message

Check pins_of(Subject& subject, std::size_t size, const char* code) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(SchedulerMessage::CellPins,
                        [size](Builder& b) { return schema::CreateCellPins(b, size == 0 ? 0 : b.CreateVector(Bytes(size, 7))).Union(); });
  return code == nullptr ? session.expect_no_error() : session.expect_error(code);
}

}  // namespace

std::vector<AgentCase> pin_cases() {
  constexpr const char* kSizeRule = "| pins in CellPins | 1 to 4, each of 32 bytes | `missing_field`, `list_too_long`, `bad_size` |";
  return {
      {"A25.31", "CellPins with four pins", kSizeRule, [](Subject& s) { return pins_of(s, 128, nullptr); }},
      {"A25.32", "CellPins with five", kSizeRule, [](Subject& s) { return pins_of(s, 160, "list_too_long"); }},
      {"A25.33", "CellPins with none", kSizeRule, [](Subject& s) { return pins_of(s, 0, "missing_field"); }},
      {"A25.34", "CellPins with a pin of 31 bytes", kSizeRule, [](Subject& s) { return pins_of(s, 31, "bad_size"); }},
      {"A25.35", "CellPins with a byte more", kSizeRule, [](Subject& s) { return pins_of(s, 65, "bad_size"); }},
  };
}

std::vector<AgentCase> tls_cases() {
  return {
      {"A25.01", "a session in TLS, with ALPN stint/1", kAlpnRule, session_works},
      {"A25.02", "it offers TLS 1.3 alone", kVersionRule, only_1_3},
      {"A25.03", "it offers neither early data nor resumption", kResumeRule, no_early_data},
      {"A25.04", "a server that speaks TLS 1.2", kVersionRule, old_version},
      {"A25.05", "a server with another key: not a byte", kPinRule, another_key},
      {"A25.06", "a server with the pinned certificate and not its key: not a byte", kPinRule, stolen_certificate},
      {"A25.07", "the second of two pins", kPinRule, second_pin},
      {"A25.08", "a certificate long expired, for another name", kJudgeRule, expired_certificate},
      {"A25.09", "a server that chooses no ALPN", kAlpnRule, [](Subject& s) { return no_alpn(s, ""); }},
      {"A25.10", "a server that chooses http/1.1", kAlpnRule, [](Subject& s) { return no_alpn(s, "http/1.1"); }},
      {"A25.11", "a frame in many records", kRecordRule, pieces},
      {"A25.12", "it never goes on in the clear", "A scheduler that listens on an address which is not loopback must speak TLS there",
       never_in_the_clear},
      {"A25.13", "a key that CellPins announced", kReplaceRule, [](Subject& s) { return announced_key(s, false); }},
      {"A25.14", "a key that CellPins announced, after a restart", kReplaceRule, [](Subject& s) { return announced_key(s, true); }},
      {"A25.15", "a key that CellPins no longer names", kReplaceRule, dropped_key},
      {"A25.16", "joining: another key than the token's hears nothing", kTokenRule, join_refuses_another_key},
      {"A25.17", "joining in TLS, and the same key from then on", kTokenRule, joins_in_tls},
  };
}

}  // namespace stint::conform::agent
