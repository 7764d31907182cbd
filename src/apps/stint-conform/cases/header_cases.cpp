#include "apps/stint-conform/cases/session_cases.hpp"

// Each frame here is authentic and in sequence: nothing but the rule in question can refuse it.
namespace stint::conform {
namespace {

constexpr std::size_t kMagicAt = 0, kVersionAt = 2, kKindAt = 3, kFlagsAt = 4, kHeaderLengthAt = 5;
constexpr std::uint32_t kLimit = 2U << 20;

constexpr const char* kFlagsRule = "| 4 | 1 | flags | bit 0: LZ4, in DATA only. Bits 1–3: pad, 0 to 7, with LZ4 only. Bits 4–7: zero |";
constexpr const char* kKindRule = "| `bad_kind` | not 1 to 6, or a kind that has no business at this point |";
constexpr const char* kBodyLengthRule = "| 8 | 4 | body length | a multiple of 8, not 0, at most the limit of the connection's state |";
constexpr const char* kRawLengthRule = "Without LZ4 equal to the body length; with it at most 255 × body length + 64, reckoned in 64 bits";
constexpr const char* kEarlyRule = "A receiver refuses a larger frame when it has its header, before it stores the body.";
constexpr const char* kUnknownKeyRule = "| 3 | a key for principal and key epoch | `unknown_key` |";

/// A header alone, signed by nobody: it must be refused before anything of the body has come.
Check refuse_announced(Session& session, std::uint8_t flags, std::uint32_t body, std::uint32_t raw, const char* code) {
  auto header = session.next_header();
  header.flags = flags;
  header.body_length = body;
  header.raw_length = raw;
  Bytes bytes(wire::kHeaderSize);
  wire::write_header(header, std::span<std::uint8_t, wire::kHeaderSize>(bytes));
  return send_and_refuse(session, bytes, code);
}

Bytes reject_body() { return handshake_body(protocol::Reject{"unauthenticated", "go away"}, 1); }

/// A whole authentic frame of another kind.
Check refuse_kind(Session& session, wire::FrameKind kind, std::uint16_t key_epoch, std::uint64_t principal) {
  FrameSpec spec{{kind, 0, key_epoch, 0, 0, principal, 0}, heartbeat_body(session, fresh_beat()), {}};
  return send_and_refuse(session, session.data_of(spec), "bad_kind");
}

Check refuse_changed(Session& session, const std::function<void(wire::Header&)>& change, const char* code) {
  FrameSpec spec{session.next_header(), heartbeat_body(session, fresh_beat()), {}};
  change(spec.header);
  return send_and_refuse(session, session.data_of(spec), code);
}

}  // namespace

std::vector<SessionCase> header_cases() {
  return {
      {"2.01", "another magic", "| 0 | 2 | magic | `\"St\"` (53 74) |",
       [](Session& s) { return refuse_header(s, kMagicAt, 's', "bad_magic"); }},
      {"2.02", "the second byte of the magic", "| 0 | 2 | magic | `\"St\"` (53 74) |",
       [](Session& s) { return refuse_header(s, kMagicAt + 1, 'T', "bad_magic"); }},
      {"2.03", "frame version 0", "| 2 | 1 | frame version | 1. Independent of the schema's version |",
       [](Session& s) { return refuse_header(s, kVersionAt, 0, "bad_version"); }},
      {"2.04", "frame version 2", "| 2 | 1 | frame version | 1. Independent of the schema's version |",
       [](Session& s) { return refuse_header(s, kVersionAt, 2, "bad_version"); }},
      {"2.05", "kind 0", kKindRule, [](Session& s) { return refuse_header(s, kKindAt, 0, "bad_kind"); }},
      {"2.06", "kind 7", kKindRule, [](Session& s) { return refuse_header(s, kKindAt, 7, "bad_kind"); }},
      {"2.07", "HELLO in a session", "HELLO is the first frame of a connection and never comes again.",
       [](Session& s) { return refuse_kind(s, wire::FrameKind::hello, s.secrets().key_epoch, s.secrets().session); }},
      {"2.08", "HELLO_ACK in a session", kKindRule,
       [](Session& s) { return refuse_kind(s, wire::FrameKind::hello_ack, s.secrets().key_epoch, s.secrets().session); }},
      {"2.09", "REJECT in a session", kKindRule,
       [](Session& s) {
         FrameSpec spec{{wire::FrameKind::reject, 0, 0, 0, 0, 0, 0}, reject_body(), {}};
         return send_and_refuse(s, seal_unsigned(spec), "bad_kind");
       }},
      {"2.10", "ENROL in a session", kKindRule, [](Session& s) { return refuse_kind(s, wire::FrameKind::enrol, 0, s.secrets().session); }},
      {"2.11", "flag bit 4", kFlagsRule, [](Session& s) { return refuse_header(s, kFlagsAt, 0x10, "bad_flags"); }},
      {"2.12", "flag bit 5", kFlagsRule, [](Session& s) { return refuse_header(s, kFlagsAt, 0x20, "bad_flags"); }},
      {"2.13", "flag bit 6", kFlagsRule, [](Session& s) { return refuse_header(s, kFlagsAt, 0x40, "bad_flags"); }},
      {"2.14", "flag bit 7", kFlagsRule, [](Session& s) { return refuse_header(s, kFlagsAt, 0x80, "bad_flags"); }},
      {"2.15", "pad without LZ4", kFlagsRule, [](Session& s) { return refuse_header(s, kFlagsAt, 0x02, "bad_flags"); }},
      {"2.16", "header length 3", "| 5 | 1 | header length | in units of 8: 4 |",
       [](Session& s) { return refuse_header(s, kHeaderLengthAt, 3, "bad_header_length"); }},
      {"2.17", "header length 5", "| 5 | 1 | header length | in units of 8: 4 |",
       [](Session& s) { return refuse_header(s, kHeaderLengthAt, 5, "bad_header_length"); }},
      {"2.18", "body length 0", kBodyLengthRule, [](Session& s) { return refuse_announced(s, 0, 0, 0, "bad_length"); }},
      {"2.19", "body length no multiple of 8", kBodyLengthRule, [](Session& s) { return refuse_announced(s, 0, 60, 60, "bad_length"); }},
      {"2.20", "raw length other than body length, not compressed", kRawLengthRule,
       [](Session& s) { return refuse_announced(s, 0, 64, 72, "bad_length"); }},
      {"2.21", "raw length no multiple of 8",
       "| `bad_length` | a length that is 0 or no multiple of 8; raw length other than body length without LZ4 |",
       [](Session& s) { return refuse_announced(s, wire::kFlagLz4, 64, 100, "bad_length"); }},
      {"2.22", "body over the limit, by its header alone", kEarlyRule,
       [](Session& s) { return refuse_announced(s, 0, kLimit + 8, kLimit + 8, "too_large"); }},
      {"2.23", "the largest length there is, by its header alone", kEarlyRule,
       [](Session& s) { return refuse_announced(s, 0, 0xFFFFFFF8U, 0xFFFFFFF8U, "too_large"); }},
      {"2.24", "raw length over the limit, by its header alone", "| `too_large` | body or raw length over the limit |",
       [](Session& s) { return refuse_announced(s, wire::kFlagLz4, kLimit / 2, kLimit + 8, "too_large"); }},
      {"2.25", "more expansion than LZ4 can", "| `bad_expansion` | raw length over 255 × body length + 64 |",
       [](Session& s) { return refuse_announced(s, wire::kFlagLz4, 64, 255 * 64 + 72, "bad_expansion"); }},
      {"2.26", "another key epoch", kUnknownKeyRule,
       [](Session& s) { return refuse_changed(s, [](wire::Header& h) { ++h.key_epoch; }, "unauthenticated"); }},
      {"2.27", "another session", kUnknownKeyRule,
       [](Session& s) { return refuse_changed(s, [](wire::Header& h) { ++h.principal; }, "unauthenticated"); }},
      {"2.28", "REJECT with a key epoch", "| `bad_key_epoch` | not 0 in REJECT, ENROL or ENROL_ACK |",
       [](Session& s) {
         FrameSpec spec{{wire::FrameKind::reject, 0, 1, 0, 0, 0, 0}, reject_body(), {}};
         return send_and_refuse(s, seal_unsigned(spec), "bad_key_epoch");
       }},
      {"2.29", "REJECT with a sequence", "| `bad_reject_header` | principal or sequence not 0 in REJECT |",
       [](Session& s) {
         FrameSpec spec{{wire::FrameKind::reject, 0, 0, 0, 0, 0, 1}, reject_body(), {}};
         return send_and_refuse(s, seal_unsigned(spec), "bad_reject_header");
       }},
      {"2.30", "the header is judged in order: magic before version",
       "Each before the next; the first that fails names the reason, and there is a counter for each.",
       [](Session& s) {
         const auto edit = [](std::span<std::uint8_t> frame) { frame[kMagicAt] = 0, frame[kVersionAt] = 9, frame[kFlagsAt] = 0xFF; };
         return send_and_refuse(s, s.data(heartbeat_body(s, fresh_beat()), edit), "bad_magic");
       }},
      {"2.31", "the header is judged in order: kind before flags and lengths",
       "Each before the next; the first that fails names the reason, and there is a counter for each.",
       [](Session& s) {
         const auto edit = [](std::span<std::uint8_t> frame) { frame[kKindAt] = 99, frame[kFlagsAt] = 0xFF, frame[kHeaderLengthAt] = 0; };
         return send_and_refuse(s, s.data(heartbeat_body(s, fresh_beat()), edit), "bad_kind");
       }},
  };
}

}  // namespace stint::conform
