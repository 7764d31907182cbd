#include "apps/stint-conform/cases/scheduler_cases.hpp"

#include <cstring>

// Before a session: what strangers, and agents that get HELLO wrong, are told. Nobody gets in.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kLimitRule = "A receiver refuses a larger frame when it has its header, before it stores the body.";
constexpr const char* kKindRule = "| `bad_kind` | not 1 to 6, or a kind that has no business at this point |";
constexpr const char* kHelloRule = "| `bad_hello`, `unsupported_version` | a handshake without meaning; no common version | the session ends; REJECT |";

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

}  // namespace

std::vector<SchedulerCase> greeting_cases() {
  return {
      {"S1.01", "HELLO with another magic", "| 0 | 2 | magic | `\"St\"` (53 74) |", [](Subject& s) { return refuse_header(s, 1, 'T'); }},
      {"S1.02", "HELLO with frame version 2", "| 2 | 1 | frame version | 1. Independent of the schema's version |", [](Subject& s) { return refuse_header(s, 2, 2); }},
      {"S1.03", "HELLO with kind 0", kKindRule, [](Subject& s) { return refuse_header(s, 3, 0); }},
      {"S1.04", "HELLO with kind 7", kKindRule, [](Subject& s) { return refuse_header(s, 3, 7); }},
      {"S1.05", "HELLO with flag bit 4", "Bits 4–7: zero", [](Subject& s) { return refuse_header(s, 4, 0x10); }},
      {"S1.06", "HELLO with a pad", "Bits 1–3: pad, 0 to 7, with LZ4 only.", [](Subject& s) { return refuse_header(s, 4, 0x02); }},
      {"S1.07", "HELLO compressed", "| `bad_flags` | a bit of 4–7; pad without LZ4; LZ4 outside DATA |", [](Subject& s) { return refuse_header(s, 4, wire::kFlagLz4); }},
      {"S1.08", "HELLO with header length 5", "| 5 | 1 | header length | in units of 8: 4 |", [](Subject& s) { return refuse_header(s, 5, 5); }},
      {"S1.09", "HELLO of more than 4,096 bytes, by its header alone", kLimitRule, [](Subject& s) { return refuse_announced(s, 4096 + 8, 4096 + 8); }},
      {"S1.10", "HELLO of 4 GiB, by its header alone", kLimitRule, [](Subject& s) { return refuse_announced(s, 0xFFFFFFF8U, 0xFFFFFFF8U); }},
      {"S1.11", "HELLO of length 0", "| `bad_length` | a length that is 0 or no multiple of 8; raw length other than body length without LZ4 |", [](Subject& s) { return refuse_announced(s, 0, 0); }},
      {"S1.12", "HELLO with a raw length of its own", "| `bad_length` | a length that is 0 or no multiple of 8; raw length other than body length without LZ4 |", [](Subject& s) { return refuse_announced(s, 64, 72); }},
      {"S1.13", "HELLO with sequence 1", "| 1 | HELLO | agent number | 0 | hello a2s |", [](Subject& s) {
         return turn_away(s, hello_frame(s.identity(), s.make_hello(), [](std::span<std::uint8_t> frame) { frame[24] = 1; }));
       }},
  };
}

}  // namespace stint::conform::scheduler
