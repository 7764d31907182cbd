#include <algorithm>

#include "apps/stint-conform/cases/scheduler_cases.hpp"

// Before a session: what strangers, and agents that get HELLO wrong, are told. Nobody gets in.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kLimitRule = "A receiver refuses a larger frame when it has its header, before it stores the body.";
constexpr const char* kKindRule = "| `bad_kind` | not 1 to 6, or a kind that has no business at this point |";
constexpr const char* kFirstRule = "HELLO is the first frame of a connection and never comes again.";

/// What begins otherwise may be another protocol on the same port: any answer will do that is none of ours.
Check refuse_magic(Subject& subject, std::size_t at, std::uint8_t value) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(hello_frame(subject.identity(), subject.make_hello(), [at, value](std::span<std::uint8_t> frame) { frame[at] = value; }));
  peer.socket().end_sending();
  Bytes answer;
  const Instant deadline = now() + limits::kPatience;
  auto got = Socket::Got::bytes;
  while (got == Socket::Got::bytes) got = peer.socket().receive(answer, deadline);
  CONFORM_CHECK(require(got == Socket::Got::closed, "the connection closed", "open"));
  return require(!as_text(answer).starts_with("St"), "no answer of this protocol",
                 to_hex(ByteView{answer}.first(std::min<std::size_t>(answer.size(), 32))));
}

/// The connection closes, and nothing was said but perhaps REJECT.
Check expect_turned_away(Peer& peer) {
  CONFORM_TRY(const auto frames, peer.until_closed());
  for (const auto& frame : frames)
    if (frame.header.kind != wire::FrameKind::reject) return differ("the connection closed, without HELLO_ACK", describe(frame.header));
  return {};
}
Check turn_away(Subject& subject, const Bytes& bytes) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(bytes);
  return expect_turned_away(peer);
}
/// The connection closes without a word.
Check expect_silence(Subject& subject, const Bytes& bytes) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(bytes);
  CONFORM_TRY(const auto frames, peer.until_closed());
  return require(frames.empty(), "the connection closed without an answer", frames.empty() ? "" : describe(frames.front().header));
}

/// An authentic HELLO, one byte of its header changed before it is signed.
Check refuse_header(Subject& subject, std::size_t at, std::uint8_t value) {
  const auto hello = subject.make_hello();
  return expect_silence(subject, hello_frame(subject.identity(), hello, [at, value](std::span<std::uint8_t> frame) { frame[at] = value; }));
}

Check refuse_announced(Subject& subject, std::uint32_t body, std::uint32_t raw) {
  auto header = hello_header(subject.identity());
  header.body_length = body;
  header.raw_length = raw;
  Bytes bytes(wire::kHeaderSize);
  wire::write_header(header, std::span<std::uint8_t, wire::kHeaderSize>(bytes));
  return expect_silence(subject, bytes);
}

/// Authentic under the key of HELLO, as far as the kind has one.
Check refuse_kind(Subject& subject, wire::FrameKind kind, std::uint64_t principal) {
  auto key = hello_key(subject.identity());
  const bool has_epoch = kind == wire::FrameKind::hello_ack || kind == wire::FrameKind::data;
  const std::uint16_t key_epoch = has_epoch ? subject.identity().key_epoch : 0;
  const FrameSpec spec{{kind, 0, key_epoch, 0, 0, principal, 0}, handshake_body(subject.make_hello(), wall_ms()), {}};
  return turn_away(subject, kind == wire::FrameKind::reject ? seal_unsigned(spec) : seal(spec, key));
}

Check hello_twice(Subject& subject) {
  const auto hello = subject.make_hello();
  const Bytes frame = hello_frame(subject.identity(), hello);
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(frame);
  CONFORM_TRY(const auto greeted, read_hello_ack(peer, subject.identity(), hello));
  (void)greeted;
  peer.send(frame);
  CONFORM_TRY(const auto frames, peer.until_closed());
  for (const auto& answer : frames)
    if (answer.header.kind == wire::FrameKind::hello_ack) return differ("the end", "a second HELLO_ACK");
  return {};
}

Check hello_byte_by_byte(Subject& subject) {
  const auto hello = subject.make_hello();
  CONFORM_TRY(auto peer, subject.connect());
  peer.send_in_pieces(hello_frame(subject.identity(), hello), 1);
  CONFORM_TRY(const auto greeted, read_hello_ack(peer, subject.identity(), hello));
  (void)greeted;
  return {};
}

Check hello_in_form_b(Subject& subject) {
  const auto hello = subject.make_hello();
  const auto body = make_envelope({.type = schema::SchedulerMessage::Hello,
                                   .build = [&hello](Builder& b) { return build_hello(b, hello); },
                                   .timestamp_ms = wall_ms(),
                                   .version = 1,
                                   .signature = {}});
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(hello_frame_of(subject.identity(), body));
  CONFORM_TRY(const auto greeted, read_hello_ack(peer, subject.identity(), hello));
  (void)greeted;
  return {};
}

Check hello_cut_short(Subject& subject) {
  const Bytes frame = hello_frame(subject.identity(), subject.make_hello());
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(ByteView{frame}.first(frame.size() - 1));
  peer.socket().end_sending();
  CONFORM_TRY(const auto frames, peer.until_closed());
  return require(frames.empty(), "the connection closed without an answer", frames.empty() ? "" : describe(frames.front().header));
}

/// Whoever has not seen HELLO_ACK cannot have the keys: DATA signed with the key of HELLO is no Resume.
Check guess_ahead(Subject& subject) {
  auto key = hello_key(subject.identity());
  Bytes both = hello_frame(subject.identity(), subject.make_hello());
  const FrameSpec spec{{wire::FrameKind::data, 0, subject.identity().key_epoch, 0, 0, 1, 1},
                       body_of(protocol::Message{subject.idle_resume()}, wall_ms()),
                       {}};
  const Bytes resume = seal(spec, key);
  both.insert(both.end(), resume.begin(), resume.end());
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(both);
  CONFORM_TRY(const auto frames, peer.until_closed());
  return require(frames.size() <= 2, "HELLO_ACK at most, then the end", std::to_string(frames.size()) + " frames");
}

}  // namespace

std::vector<SchedulerCase> greeting_cases() {
  return {
      {"S1.01", "HELLO with another magic", "| 0 | 2 | magic | `\"St\"` (53 74) |", [](Subject& s) { return refuse_magic(s, 1, 'T'); }},
      {"S1.02", "HELLO with frame version 2", "| 2 | 1 | frame version | 1. Independent of the schema's version |",
       [](Subject& s) { return refuse_header(s, 2, 2); }},
      {"S1.03", "HELLO with kind 0", kKindRule, [](Subject& s) { return refuse_header(s, 3, 0); }},
      {"S1.04", "HELLO with kind 7", kKindRule, [](Subject& s) { return refuse_header(s, 3, 7); }},
      {"S1.05", "HELLO with flag bit 4", "Bits 4–7: zero", [](Subject& s) { return refuse_header(s, 4, 0x10); }},
      {"S1.06", "HELLO with a pad", "Bits 1–3: pad, 0 to 7, with LZ4 only.", [](Subject& s) { return refuse_header(s, 4, 0x02); }},
      {"S1.07", "HELLO compressed", "| `bad_flags` | a bit of 4–7; pad without LZ4; LZ4 outside DATA |",
       [](Subject& s) { return refuse_header(s, 4, wire::kFlagLz4); }},
      {"S1.08", "HELLO with header length 5", "| 5 | 1 | header length | in units of 8: 4 |",
       [](Subject& s) { return refuse_header(s, 5, 5); }},
      {"S1.09", "HELLO of more than 4,096 bytes, by its header alone", kLimitRule,
       [](Subject& s) { return refuse_announced(s, 4096 + 8, 4096 + 8); }},
      {"S1.10", "HELLO of 4 GiB, by its header alone", kLimitRule,
       [](Subject& s) { return refuse_announced(s, 0xFFFFFFF8U, 0xFFFFFFF8U); }},
      {"S1.11", "HELLO of length 0",
       "| `bad_length` | a length that is 0 or no multiple of 8; raw length other than body length without LZ4 |",
       [](Subject& s) { return refuse_announced(s, 0, 0); }},
      {"S1.12", "HELLO with a raw length of its own",
       "| `bad_length` | a length that is 0 or no multiple of 8; raw length other than body length without LZ4 |",
       [](Subject& s) { return refuse_announced(s, 64, 72); }},
      {"S1.13", "HELLO with sequence 1", "| 1 | HELLO | agent number | 0 | hello a2s |",
       [](Subject& s) {
         return turn_away(s, hello_frame(s.identity(), s.make_hello(), [](std::span<std::uint8_t> frame) { frame[24] = 1; }));
       }},
      {"S1.14", "HELLO_ACK as the first frame", kKindRule, [](Subject& s) { return refuse_kind(s, wire::FrameKind::hello_ack, 1); }},
      {"S1.15", "DATA as the first frame", kFirstRule, [](Subject& s) { return refuse_kind(s, wire::FrameKind::data, 1); }},
      {"S1.16", "REJECT as the first frame", kKindRule, [](Subject& s) { return refuse_kind(s, wire::FrameKind::reject, 0); }},
      {"S1.17", "ENROL_ACK as the first frame", kKindRule, [](Subject& s) { return refuse_kind(s, wire::FrameKind::enrol_ack, 0); }},
      {"S1.18", "two HELLOs at once", kFirstRule, hello_twice},
      {"S1.19", "HELLO byte by byte", "A frame that has not arrived whole is no failure: the receiver waits.", hello_byte_by_byte},
      {"S1.20", "HELLO in form B", "a receiver has one path and cannot tell them apart before it reads the envelope.", hello_in_form_b},
      {"S1.21", "HELLO cut short, and the connection closed by us", "A frame that has not arrived whole is no failure: the receiver waits.",
       hello_cut_short},
      {"S1.22", "HELLO and Resume at once are one too many",
       "transcript  SHA-256(HELLO frame ‖ HELLO_ACK frame), whole frames from header to tag", guess_ahead},
  };
}

}  // namespace stint::conform::scheduler
