#include <algorithm>
#include <csignal>
#include <functional>

#include "apps/stint-conform/cases/agent_cases.hpp"

// HELLO as the agent says it, and what it does with answers.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;

constexpr const char* kHelloRow = "| 1 | HELLO | agent number | 0 | hello a2s |";
constexpr const char* kNamesRule =
    "HELLO names the agent's start: `instance` is random per state directory, `boot` random per start, `connect` rises with every "
    "connection and is persisted.";
constexpr const char* kAdviceRule = "it is advice, and no peer deletes keys, attempts or spooled output because of it.";
constexpr const char* kBadHelloRule =
    "| `bad_hello`, `unsupported_version` | a handshake without meaning; no common version | the session ends; REJECT |";
constexpr const char* kAckRow = "| 2 | HELLO_ACK | session id | 0 | hello s2a |";
constexpr const char* kPrincipalRule = "In both, the header's principal must equal the agent or session in the body.";
constexpr const char* kEpochRow = "| 3 | a key for principal and key epoch | `unknown_key` |";

// ---- HELLO

using JudgeHello = std::function<Check(const Greeting&)>;
Check hello_is(Subject& subject, const JudgeHello& judge) {
  CONFORM_TRY(const auto caller, subject.greet());
  return judge(caller.greeting);
}

/// Two connections of one start: the first is closed before anything was answered.
struct Two {
  Greeting first;
  Greeting second;
};
Checked<Two> two_greetings(Subject& subject, bool is_restarted = false) {
  CONFORM_TRY(auto first, subject.greet());
  if (is_restarted) subject.process().end();
  first.peer.socket().close();
  CONFORM_TRY(const auto second, subject.greet());
  return Two{first.greeting, second.greeting};
}
using JudgeTwo = std::function<Check(const protocol::Hello&, const protocol::Hello&)>;
Check two_are(Subject& subject, bool is_restarted, const JudgeTwo& judge) {
  CONFORM_TRY(const auto two, two_greetings(subject, is_restarted));
  return judge(two.first.hello, two.second.hello);
}

Check is_not_empty(const char* what, ByteView bytes) {
  return require(std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0; }), what, "zero bytes");
}

// ---- answers that are none

/// The agent ends the connection, has sent no DATA, and comes again.
Check comes_again(Subject& subject, Peer& peer) {
  CONFORM_TRY(const auto frames, peer.until_closed());
  for (const auto& frame : frames)
    if (frame.header.kind == wire::FrameKind::data) return differ("the end, without Resume", describe(frame.header));
  CONFORM_TRY(const auto again, subject.greet());
  (void)again;
  return {};
}
Check refuses(Subject& subject, const std::function<Bytes(const Greeting&)>& answer) {
  CONFORM_TRY(auto caller, subject.greet());
  caller.peer.send(answer(caller.greeting));
  return comes_again(subject, caller.peer);
}

using ChangeAck = std::function<void(protocol::HelloAck&)>;
Check refuses_ack(Subject& subject, const ChangeAck& change) {
  return refuses(subject, [&](const Greeting& greeting) {
    auto ack = subject.make_ack(greeting);
    change(ack);
    return subject.ack_frame(ack);
  });
}
Check refuses_header(Subject& subject, std::size_t at, std::uint8_t value) {
  return refuses(subject, [&](const Greeting& greeting) {
    return subject.ack_frame(subject.make_ack(greeting), [at, value](std::span<std::uint8_t> frame) { frame[at] = value; });
  });
}

Bytes flipped_ack(const Subject& subject, const Greeting& greeting) {
  Bytes frame = subject.ack_frame(subject.make_ack(greeting));
  frame.back() ^= 1;
  return frame;
}

Bytes frame_of(const wire::Header& header, Bytes body, wire::MacKey key) { return seal({header, std::move(body), {}}, key); }

Bytes ack_of(const Subject& subject, const EnvelopeSpec& spec) {
  return frame_of({wire::FrameKind::hello_ack, 0, subject.identity().key_epoch, 0, 0, 1, 0}, make_envelope(spec),
                  hello_ack_key(subject.identity()));
}

Bytes ack_with_sizes(const Subject& subject, std::size_t nonce, std::size_t echo) {
  return ack_of(subject, {.type = schema::SchedulerMessage::HelloAck,
                          .build =
                              [=](Builder& b) {
                                const auto nonce_at = b.CreateVector(Bytes(nonce, 1));
                                const auto echo_at = b.CreateVector(Bytes(echo, 1));
                                return schema::CreateHelloAck(b, 1, nonce_at, echo_at, 1, 1, 0, 2U << 20, 10'000, 5'000, 1, 1).Union();
                              },
                          .timestamp_ms = wall_ms(),
                          .version = 1,
                          .signature = {}});
}

// ---- REJECT

Bytes reject(const char* code) {
  return seal_unsigned(
      {{wire::FrameKind::reject, 0, 0, 0, 0, 0, 0}, handshake_body(protocol::Reject{code, "a test of the runner"}, 1), {}});
}

/// The agent comes again as who it was, and works.
Check rejected_and_back(Subject& subject, const Bytes& frame) {
  CONFORM_TRY(auto caller, subject.greet());
  const auto before = caller.greeting.hello.info;
  caller.peer.send(frame);
  CONFORM_CHECK(comes_again(subject, caller.peer));
  const auto after = subject.greeting().hello.info;
  CONFORM_CHECK(require(before.instance == after.instance && before.boot == after.boot && after.connect > before.connect,
                        "the same start with a higher counter", "another"));
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}

Check no_answer(Subject& subject) {
  CONFORM_TRY(auto caller, subject.greet());
  const Instant begin = now();
  CONFORM_TRY(const auto frames, caller.peer.until_closed(std::chrono::seconds{5} + limits::kSlack));
  (void)frames;
  CONFORM_CHECK(require(now() - begin >= std::chrono::seconds{4}, "5 s of patience", std::to_string(to_ms(now() - begin)) + " ms"));
  CONFORM_TRY(const auto again, subject.greet());
  (void)again;
  return {};
}

Check ack_byte_by_byte(Subject& subject) {
  CONFORM_TRY(auto caller, subject.greet());
  const auto ack = subject.make_ack(caller.greeting);
  const Bytes frame = subject.ack_frame(ack);
  caller.peer.send_in_pieces(frame, 1);
  auto secrets = derive_secrets(OurSide::scheduler, subject.identity(), caller.greeting.hello, caller.greeting.frame.bytes, ack, frame);
  secrets.time_offset_ms = wall_ms() - to_ms(now().time_since_epoch());
  Session session{std::move(caller.peer), secrets};
  CONFORM_TRY(const auto resume, session.take<protocol::Resume>("Resume"));
  (void)resume;
  return {};
}

/// Fails often and fast: the agent must not come as fast as it is turned away.
Check backs_off(Subject& subject) {
  constexpr Duration kWatched = std::chrono::seconds{6};
  constexpr int kMost = 40;
  CONFORM_TRY(auto first, subject.greet());
  first.peer.socket().close();
  int count = 0;
  for (const Instant end = now() + kWatched; now() < end && count <= kMost;) {
    auto peer = subject.accept(std::max(end - now(), Duration{1}));
    if (!peer) break;
    peer->socket().close();
    ++count;
  }
  return require(count <= kMost, "at most 40 connections in 6 s", std::to_string(count));
}

}  // namespace

std::vector<AgentCase> greeting_cases() {
  const auto in_hello = [](const JudgeHello& judge) { return [judge](Subject& s) { return hello_is(s, judge); }; };
  const auto of_two = [](bool is_restarted, const JudgeTwo& judge) { return [=](Subject& s) { return two_are(s, is_restarted, judge); }; };
  return {
      {"A1.01", "HELLO: kind, key epoch, principal, sequence, MAC", kHelloRow, in_hello([](const Greeting&) { return Check{}; })},
      {"A1.02", "HELLO: at most 4,096 bytes, not compressed",
       "| 4 | 1 | flags | bit 0: LZ4, in DATA only. Bits 1–3: pad, 0 to 7, with LZ4 only. Bits 4–7: zero |",
       in_hello([](const Greeting& g) {
         return require(g.frame.header.body_length <= 4096 && g.frame.header.flags == 0, "at most 4,096 bytes, flags 0",
                        describe(g.frame.header));
       })},
      {"A1.03", "HELLO: a timestamp of at least 1", "Its timestamp is whatever the agent's wall clock says, and at least 1.",
       in_hello([](const Greeting& g) { return require(g.timestamp_ms >= 1, "at least 1", "0"); })},
      {"A1.04", "HELLO: 32 random bytes of nonce", "nonce_c     32 random bytes of HELLO, nonce_s 32 random bytes of HELLO_ACK",
       in_hello([](const Greeting& g) { return is_not_empty("a random nonce", g.hello.nonce); })},
      {"A1.05", "HELLO: an instance and a boot that are no zeros", kNamesRule, in_hello([](const Greeting& g) -> Check {
         CONFORM_CHECK(is_not_empty("a random instance", g.hello.info.instance));
         return is_not_empty("a random boot", g.hello.info.boot);
       })},
      {"A1.06", "HELLO: its range of versions holds 1",
       "The scheduler chooses the highest version within HELLO's range that it speaks; there is one, 1.", in_hello([](const Greeting& g) {
         return require(g.hello.version_min <= 1 && g.hello.version_max >= 1, "1 within the range",
                        std::to_string(g.hello.version_min) + " to " + std::to_string(g.hello.version_max));
       })},
      {"A1.07", "the next connection: another nonce", "**Sessions** have keys of their own, fresh through both nonces",
       of_two(false, [](const auto& a, const auto& b) { return require(a.nonce != b.nonce, "another nonce", "the same"); })},
      {"A1.08", "the next connection: a higher counter", kNamesRule,
       of_two(false,
              [](const auto& a, const auto& b) {
                return require(b.info.connect > a.info.connect, "a higher counter",
                               std::to_string(a.info.connect) + ", then " + std::to_string(b.info.connect));
              })},
      {"A1.09", "the next connection: the same instance and boot", kNamesRule,
       of_two(false,
              [](const auto& a, const auto& b) {
                return require(a.info.instance == b.info.instance && a.info.boot == b.info.boot, "the same", "others");
              })},
      {"A1.10", "the next start: a higher counter", kNamesRule,
       of_two(true,
              [](const auto& a, const auto& b) {
                return require(b.info.connect > a.info.connect, "a higher counter",
                               std::to_string(a.info.connect) + ", then " + std::to_string(b.info.connect));
              })},
      {"A1.11", "the next start: the same instance", kNamesRule,
       of_two(true,
              [](const auto& a, const auto& b) { return require(a.info.instance == b.info.instance, "the same instance", "another"); })},
      {"A1.12", "the next start: another boot", kNamesRule,
       of_two(true, [](const auto& a, const auto& b) { return require(a.info.boot != b.info.boot, "another boot", "the same"); })},
      {"A1.13", "turned away again and again, it comes with backoff", "ended --> [*]: again later, with backoff", backs_off},
  };
}

std::vector<AgentCase> answer_cases() {
  return {
      {"A10.01", "HELLO_ACK with another nonce echoed", "HELLO_ACK must echo its nonce.",
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.nonce_echo[0] ^= 1; }); }},
      {"A10.02", "HELLO_ACK with the last byte of the nonce changed", "HELLO_ACK must echo its nonce.",
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.nonce_echo[31] ^= 1; }); }},
      {"A10.03", "HELLO_ACK with a wrong MAC", "| 4 | the MAC, compared in constant time | `bad_mac` |",
       [](Subject& s) { return refuses(s, [&](const Greeting& g) { return flipped_ack(s, g); }); }},
      {"A10.04", "HELLO_ACK signed with the key of HELLO",
       "**Directions** have keys of their own, so that no frame can be sent back to its sender.",
       [](Subject& s) {
         return refuses(s, [&](const Greeting& g) {
           const auto ack = s.make_ack(g);
           return frame_of({wire::FrameKind::hello_ack, 0, s.identity().key_epoch, 0, 0, ack.session.value, 0},
                           handshake_body(ack, ack.received_ms), hello_key(s.identity()));
         });
       }},
      {"A10.05", "HELLO sent back", "**Directions** have keys of their own, so that no frame can be sent back to its sender.",
       [](Subject& s) { return refuses(s, [](const Greeting& g) { return g.frame.bytes; }); }},
      {"A10.06", "principal other than the session in HelloAck", kPrincipalRule, [](Subject& s) { return refuses_header(s, 16, 0xFE); }},
      {"A10.07", "session 0 in HelloAck", kPrincipalRule, [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.session = {}; }); }},
      {"A10.08", "a version that HELLO did not offer", kBadHelloRule,
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.version = 2; }); }},
      {"A10.09", "HELLO_ACK with another key epoch", kEpochRow, [](Subject& s) { return refuses_header(s, 6, 9); }},
      {"A10.10", "HELLO_ACK with sequence 1", kAckRow, [](Subject& s) { return refuses_header(s, 24, 1); }},
      {"A10.11", "a body limit below 2 MiB", "| body limit in HELLO_ACK | 2 to 256 MiB | `bad_hello` |",
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.body_limit = (2U << 20) - 8; }); }},
      {"A10.12", "a body limit above 256 MiB", "| body limit in HELLO_ACK | 2 to 256 MiB | `bad_hello` |",
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.body_limit = (256U << 20) + 8; }); }},
      {"A10.13", "a heartbeat interval of 0", "| heartbeat interval | 10 ms to 1 h | `bad_hello` |",
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.heartbeat_ms = 0; }); }},
      {"A10.14", "a heartbeat interval above 1 h", "| heartbeat interval | 10 ms to 1 h | `bad_hello` |",
       [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.heartbeat_ms = 3'600'001; }); }},
      {"A10.15", "no tolerance", kBadHelloRule, [](Subject& s) { return refuses_ack(s, [](auto& ack) { ack.tolerance_ms = 0; }); }},
  };
}

std::vector<AgentCase> meaningless_answer_cases() {
  return {
      {"A10.16", "a nonce of 31 bytes", kBadHelloRule,
       [](Subject& s) { return refuses(s, [&](const Greeting&) { return ack_with_sizes(s, 31, 32); }); }},
      {"A10.17", "an echo of 33 bytes", kBadHelloRule,
       [](Subject& s) { return refuses(s, [&](const Greeting&) { return ack_with_sizes(s, 32, 33); }); }},
      {"A10.18", "HELLO_ACK that carries another message",
       "The frame kinds HELLO, HELLO_ACK and REJECT carry the member of their name and no other.",
       [](Subject& s) {
         return refuses(s, [&](const Greeting&) {
           return ack_of(s, {.type = schema::SchedulerMessage::Heartbeat,
                             .build = [](Builder& b) { return schema::CreateHeartbeat(b, 1, 0).Union(); },
                             .timestamp_ms = 1,
                             .version = 1,
                             .signature = {}});
         });
       }},
      {"A10.19", "HELLO_ACK without a value", kBadHelloRule,
       [](Subject& s) {
         return refuses(s, [&](const Greeting&) {
           return ack_of(s, {.type = schema::SchedulerMessage::HelloAck, .build = {}, .timestamp_ms = 1, .version = 1, .signature = {}});
         });
       }},
      {"A10.20", "HELLO_ACK that is no FlatBuffer",
       "A failure in steps 1 to 7 ends the connection: what follows has no trustworthy border.",
       [](Subject& s) {
         return refuses(s, [&](const Greeting&) {
           return frame_of({wire::FrameKind::hello_ack, 0, s.identity().key_epoch, 0, 0, 1, 0}, Bytes(64, 0xFF),
                           hello_ack_key(s.identity()));
         });
       }},
      {"A10.21", "HELLO_ACK of more than 4,096 bytes", "Body and raw length are at most 4,096 until the handshake is done",
       [](Subject& s) {
         return refuses(s, [&](const Greeting&) {
           return frame_of({wire::FrameKind::hello_ack, 0, s.identity().key_epoch, 0, 0, 1, 0}, Bytes(4104), hello_ack_key(s.identity()));
         });
       }},
      {"A10.22", "HELLO_ACK compressed", "| `bad_flags` | a bit of 4–7; pad without LZ4; LZ4 outside DATA |",
       [](Subject& s) { return refuses_header(s, 4, wire::kFlagLz4); }},
      {"A10.23", "DATA before HELLO_ACK", kEpochRow,
       [](Subject& s) {
         return refuses(s, [&](const Greeting&) {
           return frame_of({wire::FrameKind::data, 0, s.identity().key_epoch, 0, 0, 1, 1},
                           body_of(protocol::Message{protocol::Reconcile{}}, wall_ms()), hello_ack_key(s.identity()));
         });
       }},
      {"A10.24", "HELLO_ACK with frame version 2", "| 2 | 1 | frame version | 1. Independent of the schema's version |",
       [](Subject& s) { return refuses_header(s, 2, 2); }},
  };
}

std::vector<AgentCase> rejection_cases() {
  return {
      {"A10.25", "HELLO_ACK byte by byte", "A frame that has not arrived whole is no failure: the receiver waits.", ack_byte_by_byte},
      {"A10.26", "no answer: it ends after 5 s and comes again", "greeting --> ended: REJECT, 5 s", no_answer},
      {"A10.27", "REJECT `unauthenticated` is advice", kAdviceRule,
       [](Subject& s) { return rejected_and_back(s, reject("unauthenticated")); }},
      {"A10.28", "REJECT `unsupported_version` is advice", kAdviceRule,
       [](Subject& s) { return rejected_and_back(s, reject("unsupported_version")); }},
      {"A10.29", "REJECT with a code of tomorrow", kAdviceRule,
       [](Subject& s) { return rejected_and_back(s, reject("too_early_in_the_day")); }},
      {"A10.30", "REJECT with a tag", "| 2 | REJECT only: the tag is zero. Steps 3 to 6 are for the other kinds | `bad_reject_tag` |",
       [](Subject& s) {
         Bytes frame = reject("unauthenticated");
         frame.back() = 1;
         return rejected_and_back(s, frame);
       }},
      {"A10.31", "REJECT that is no FlatBuffer", kAdviceRule,
       [](Subject& s) { return rejected_and_back(s, seal_unsigned({{wire::FrameKind::reject, 0, 0, 0, 0, 0, 0}, Bytes(64, 0xFF), {}})); }},
  };
}

}  // namespace stint::conform::agent
