#include <algorithm>
#include <functional>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/process.hpp"

// HELLO: who gets in, what HELLO_ACK says, and what everybody else is told.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;
using schema::SchedulerMessage;

constexpr const char* kSameRule =
    "Its code is `unauthenticated` for an unknown or revoked agent, an unknown key epoch, a wrong key and a wrong MAC alike, or "
    "`unsupported_version`.";
constexpr const char* kVersionRule = "The scheduler chooses the highest version within HELLO's range that it speaks; there is one, 1.";
constexpr const char* kPrincipalRule = "In both, the header's principal must equal the agent or session in the body.";
constexpr const char* kBadHelloRule =
    "| `bad_hello`, `unsupported_version` | a handshake without meaning; no common version | the session ends; REJECT |";
constexpr const char* kNotJudgedRule =
    "HELLO is not judged on time. Its timestamp is whatever the agent's wall clock says, and at least 1.";
constexpr const char* kRejectShape = "| 4 | REJECT | 0 | 0 | none: the tag is 32 zero bytes |";

/// One REJECT with this code, its header and tag as they must be, then the end. Gives the whole frame.
Checked<Frame> expect_reject(Subject& subject, const Bytes& hello, const char* code) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(hello);
  CONFORM_TRY(auto frames, peer.until_closed());
  if (frames.size() != 1) return differ(std::string("REJECT `") + code + "`, then the end", std::to_string(frames.size()) + " frames");
  const auto& header = frames.front().header;
  const bool is_reject = header.kind == wire::FrameKind::reject && header.key_epoch == 0 && header.principal == 0 && header.sequence == 0;
  if (!is_reject) return differ("REJECT, with key epoch, principal and sequence 0", describe(header));
  const auto buffer = wire::open_reject(frames.front().raw());
  if (!buffer) return differ("a tag of zero bytes", to_string(buffer.error()));
  const auto envelope = protocol::open_envelope(*buffer);
  const auto reject = envelope ? protocol::decode_reject(*envelope) : protocol::Decoded<protocol::Reject>{tl::unexpected(envelope.error())};
  if (!reject) return differ("a good Reject", reject.error().detail);
  if (reject->code != code) return differ(std::string("code `") + code + "`", reject->code);
  return std::move(frames.front());
}
Check rejected(Subject& subject, const Bytes& hello, const char* code) {
  CONFORM_TRY(const auto frame, expect_reject(subject, hello, code));
  (void)frame;
  return {};
}

Identity with_other_key(const Subject& subject) {
  Identity other = subject.identity();
  fill_random(other.key);
  return other;
}
Identity with_other_epoch(const Subject& subject) {
  Identity other = subject.identity();
  other.key_epoch = static_cast<std::uint16_t>(other.key_epoch + 1000);
  return other;
}
Identity nobody() {
  Identity other;
  other.agent = 0x7FFF'FFFF'0000'0001;
  other.key_epoch = 1;
  fill_random(other.key);
  return other;
}

Bytes hello_as(Subject& subject, const Identity& identity) {
  auto hello = subject.make_hello();
  hello.info.agent = AgentNumber{identity.agent};
  return hello_frame(identity, hello);
}

/// The bytes of a REJECT but for its timestamp, which is nobody's secret.
Bytes without_time(const Frame& frame) {
  Bytes bytes = frame.bytes;
  std::array<std::uint8_t, 8> time{};
  store_le<std::uint64_t>(time.data(), flatbuffers::GetRoot<schema::MessageEnvelope>(bytes.data() + wire::kHeaderSize)->timestamp());
  const auto at = std::search(bytes.begin() + wire::kHeaderSize, bytes.end(), time.begin(), time.end());
  if (at != bytes.end()) std::fill_n(at, time.size(), std::uint8_t{0});
  return bytes;
}

Check told_alike(Subject& subject) {
  CONFORM_TRY(const auto unknown, expect_reject(subject, hello_as(subject, nobody()), "unauthenticated"));
  CONFORM_TRY(const auto wrong_key, expect_reject(subject, hello_as(subject, with_other_key(subject)), "unauthenticated"));
  CONFORM_TRY(const auto wrong_epoch, expect_reject(subject, hello_as(subject, with_other_epoch(subject)), "unauthenticated"));
  const bool is_alike = without_time(unknown) == without_time(wrong_key) && without_time(unknown) == without_time(wrong_epoch);
  return require(is_alike, "the same bytes for an unknown agent, a wrong key and an unknown key epoch", "answers that tell them apart");
}

Check flipped_mac(Subject& subject) {
  Bytes frame = hello_frame(subject.identity(), subject.make_hello());
  frame.back() ^= 0x80;
  return rejected(subject, frame, "unauthenticated");
}
Check wrong_direction_key(Subject& subject) {
  auto key = hello_ack_key(subject.identity());
  return rejected(subject, seal({hello_header(subject.identity()), handshake_body(subject.make_hello(), wall_ms()), {}}, key),
                  "unauthenticated");
}

using ChangeHello = std::function<void(protocol::Hello&)>;

Check accepted(Subject& subject, const ChangeHello& change) {
  auto hello = subject.make_hello();
  change(hello);
  CONFORM_TRY(auto session, subject.establish(hello));
  return session.expect_alive();
}
/// An authentic HELLO that means nothing: no HELLO_ACK, and not REJECT `unauthenticated`, which would be a lie.
Check meaningless(Subject& subject, const Bytes& frame) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(frame);
  CONFORM_TRY(const auto frames, peer.until_closed());
  for (const auto& answer : frames)
    if (answer.header.kind == wire::FrameKind::hello_ack) return differ("the end, without HELLO_ACK", describe(answer.header));
  return {};
}
Check meaningless_hello(Subject& subject, const ChangeHello& change) {
  auto hello = subject.make_hello();
  change(hello);
  return meaningless(subject, hello_frame(subject.identity(), hello));
}

/// Byte vectors of another length than they must have.
struct Sizes {
  std::size_t nonce = 32;
  std::size_t instance = 16;
  std::size_t boot = 16;
};
Check meaningless_sizes(Subject& subject, const Sizes& sizes) {
  const auto build = [&](Builder& b) {
    const auto nonce = b.CreateVector(Bytes(sizes.nonce, 5));
    const auto instance = b.CreateVector(Bytes(sizes.instance, 6));
    const auto boot = b.CreateVector(Bytes(sizes.boot, 7));
    return schema::CreateHello(b, subject.identity().agent, nonce, 1, 1, 1, 0, instance, boot, 1).Union();
  };
  return meaningless(
      subject,
      hello_frame_of(
          subject.identity(),
          make_envelope(
              {.type = schema::SchedulerMessage::Hello, .build = build, .timestamp_ms = wall_ms(), .version = 1, .signature = {}})));
}
Check meaningless_envelope(Subject& subject, EnvelopeSpec spec) {
  const auto hello = subject.make_hello();
  if (!spec.build) spec.build = [&hello](Builder& b) { return build_hello(b, hello); };
  return meaningless(subject, hello_frame_of(subject.identity(), make_envelope(spec)));
}
EnvelopeSpec spec_of(schema::SchedulerMessage type, Build build = {}, std::int64_t timestamp_ms = 1, std::uint16_t version = 1) {
  return {.type = type, .build = std::move(build), .timestamp_ms = timestamp_ms, .version = version, .signature = {}};
}

using JudgeAck = std::function<Check(const Subject&)>;
Check ack_is(Subject& subject, const JudgeAck& judge) {
  CONFORM_TRY(const auto session, subject.shake_hands());
  (void)session;
  return judge(subject);
}
Check within(const char* what, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
  return require(value >= least && value <= most, what, std::to_string(value));
}

Check fresh_ack(Subject& subject) {
  const auto hello = subject.make_hello();
  CONFORM_TRY(const auto first, subject.shake_hands(hello));
  (void)first;
  const auto earlier = subject.ack();
  CONFORM_TRY(const auto second, subject.shake_hands(hello));
  (void)second;
  CONFORM_CHECK(require(earlier.nonce != subject.ack().nonce, "a nonce of its own in each HELLO_ACK", to_hex(earlier.nonce) + " twice"));
  return require(earlier.session != subject.ack().session, "a session id of its own in each HELLO_ACK",
                 std::to_string(earlier.session.value) + " twice");
}

Check ack_times(Subject& subject) {
  CONFORM_TRY(const auto session, subject.shake_hands());
  (void)session;
  const auto& greeted = subject.greeted();
  return require(greeted.ack.received_ms > 0 && greeted.timestamp_ms >= greeted.ack.received_ms,
                 "received_ms, then the timestamp, in session time",
                 std::to_string(greeted.ack.received_ms) + ", " + std::to_string(greeted.timestamp_ms));
}

}  // namespace

std::vector<SchedulerCase> handshake_cases() {
  return {
      {"S10.01", "HELLO_ACK answers HELLO: kind, key epoch, sequence, MAC, nonce", "HELLO_ACK must echo its nonce.",
       [](Subject& s) { return ack_is(s, [](const Subject&) { return Check{}; }); }},
      {"S10.02", "HELLO_ACK: session id and nonce are new each time",
       "**Sessions** have keys of their own, fresh through both nonces, so that no frame of one session is authentic in another",
       fresh_ack},
      {"S10.03", "HELLO_ACK: body limit", "| body limit in HELLO_ACK | 2 to 256 MiB | `bad_hello` |",
       [](Subject& s) {
         return ack_is(s, [](const Subject& x) { return within("2 to 256 MiB", x.ack().body_limit, 2U << 20, 256U << 20); });
       }},
      {"S10.04", "HELLO_ACK: heartbeat interval", "| heartbeat interval | 10 ms to 1 h | `bad_hello` |",
       [](Subject& s) { return ack_is(s, [](const Subject& x) { return within("10 ms to 1 h", x.ack().heartbeat_ms, 10, 3'600'000); }); }},
      {"S10.05", "HELLO_ACK: tolerance", "The distance to that interval must be at most 5,000 ms (`HelloAck.tolerance_ms`).",
       [](Subject& s) { return ack_is(s, [](const Subject& x) { return within("5,000 ms", x.ack().tolerance_ms, 5000, 5000); }); }},
      {"S10.06", "HELLO_ACK: credits within what grants may add up to", "Grants add up, to at most 1,000,000.",
       [](Subject& s) {
         return ack_is(s, [](const Subject& x) -> Check {
           CONFORM_CHECK(within("1 to 1,000,000 log chunks", x.ack().log_credit, 1, 1'000'000));
           return within("1 to 1,000,000 reports", x.ack().report_credit, 1, 1'000'000);
         });
       }},
      {"S10.07", "HELLO_ACK: both readings of session time",
       "| handshake | HELLO handed over | `HelloAck.received_ms` | envelope timestamp | HELLO_ACK read |", ack_times},
      {"S10.08", "versions 1 to 1", kVersionRule,
       [](Subject& s) { return ack_is(s, [](const Subject& x) { return within("version 1", x.ack().version, 1, 1); }); }},
      {"S10.09", "versions 1 to 9: the highest that both speak", kVersionRule,
       [](Subject& s) { return accepted(s, [](auto& hello) { hello.version_max = 9; }); }},
      {"S10.10", "versions 0 to 1", kVersionRule, [](Subject& s) { return accepted(s, [](auto& hello) { hello.version_min = 0; }); }},
      {"S10.11", "versions 7 to 9: REJECT `unsupported_version`", kSameRule,
       [](Subject& s) {
         auto hello = s.make_hello();
         hello.version_min = 7;
         hello.version_max = 9;
         return rejected(s, hello_frame(s.identity(), hello), "unsupported_version");
       }},
      {"S10.12", "version 0 alone: REJECT `unsupported_version`", kSameRule,
       [](Subject& s) {
         auto hello = s.make_hello();
         hello.version_min = 0;
         hello.version_max = 0;
         return rejected(s, hello_frame(s.identity(), hello), "unsupported_version");
       }},
      {"S10.13", "lowest version above the highest", kBadHelloRule,
       [](Subject& s) { return meaningless_hello(s, [](auto& hello) { hello.version_min = 2, hello.version_max = 1; }); }},
      {"S10.14", "REJECT for a wrong key", kSameRule,
       [](Subject& s) { return rejected(s, hello_as(s, with_other_key(s)), "unauthenticated"); }},
      {"S10.15", "REJECT for an unknown agent", kSameRule,
       [](Subject& s) { return rejected(s, hello_as(s, nobody()), "unauthenticated"); }},
      {"S10.16", "REJECT for an unknown key epoch", kSameRule,
       [](Subject& s) { return rejected(s, hello_as(s, with_other_epoch(s)), "unauthenticated"); }},
      {"S10.17", "REJECT for a wrong MAC", kSameRule, flipped_mac},
      {"S10.18", "REJECT for the key of the other direction",
       "**Directions** have keys of their own, so that no frame can be sent back to its sender.", wrong_direction_key},
      {"S10.19", "REJECT does not tell which agents exist", "A peer is told the same for `unknown_key` and `bad_mac`.", told_alike},
      {"S10.20", "REJECT: header and tag", kRejectShape, [](Subject& s) { return rejected(s, hello_as(s, nobody()), "unauthenticated"); }},
  };
}

std::vector<SchedulerCase> hello_cases() {
  return {
      {"S10.21", "principal other than the agent in Hello", kPrincipalRule,
       [](Subject& s) { return meaningless_hello(s, [](auto& hello) { ++hello.info.agent.value; }); }},
      {"S10.22", "agent 0 in Hello", kPrincipalRule,
       [](Subject& s) { return meaningless_hello(s, [](auto& hello) { hello.info.agent = {}; }); }},
      {"S10.23", "a nonce of 31 bytes", kBadHelloRule, [](Subject& s) { return meaningless_sizes(s, {.nonce = 31}); }},
      {"S10.24", "a nonce of 33 bytes", kBadHelloRule, [](Subject& s) { return meaningless_sizes(s, {.nonce = 33}); }},
      {"S10.25", "no nonce", kBadHelloRule, [](Subject& s) { return meaningless_sizes(s, {.nonce = 0}); }},
      {"S10.26", "an instance of 15 bytes", kBadHelloRule, [](Subject& s) { return meaningless_sizes(s, {.instance = 15}); }},
      {"S10.27", "a boot of 17 bytes", kBadHelloRule, [](Subject& s) { return meaningless_sizes(s, {.boot = 17}); }},
      {"S10.28", "HELLO that carries another message",
       "The frame kinds HELLO, HELLO_ACK and REJECT carry the member of their name and no other.",
       [](Subject& s) {
         return meaningless_envelope(
             s, spec_of(SchedulerMessage::Heartbeat, [](Builder& b) { return schema::CreateHeartbeat(b, 1, 0).Union(); }));
       }},
      {"S10.29", "HELLO that carries nothing", kBadHelloRule,
       [](Subject& s) {
         return meaningless_envelope(s, spec_of(SchedulerMessage::Hello, [](Builder&) { return flatbuffers::Offset<void>{}; }));
       }},
      {"S10.30", "HELLO with schema version 2", kBadHelloRule,
       [](Subject& s) { return meaningless_envelope(s, spec_of(SchedulerMessage::Hello, {}, 1, 2)); }},
      {"S10.31", "HELLO without a timestamp", kNotJudgedRule,
       [](Subject& s) { return meaningless_envelope(s, spec_of(SchedulerMessage::Hello, {}, 0)); }},
      {"S10.32", "HELLO that is no FlatBuffer", "A failure in steps 1 to 7 ends the connection: what follows has no trustworthy border.",
       [](Subject& s) { return meaningless(s, hello_frame_of(s.identity(), Bytes(128, 0xFF))); }},
      {"S10.33", "a wall clock of 1970", kNotJudgedRule,
       [](Subject& s) { return accepted(s, [](auto& hello) { hello.info.wall_ms = 1; }); }},
      {"S10.34", "a wall clock of the far future", kNotJudgedRule,
       [](Subject& s) { return accepted(s, [](auto& hello) { hello.info.wall_ms = std::int64_t{1} << 60; }); }},
      {"S10.35", "features that nobody knows yet are ignored", "A receiver ignores fields that it does not know, in every table.",
       [](Subject& s) { return accepted(s, [](auto& hello) { hello.features = ~std::uint64_t{0}; }); }},
  };
}

}  // namespace stint::conform::scheduler
