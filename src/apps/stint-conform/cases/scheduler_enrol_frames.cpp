#include <functional>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/process.hpp"

// ENROL as no honest agent sends it: what has no meaning ends the connection without an answer.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;
using schema::SchedulerMessage;

constexpr const char* kShapeRule =
    "Both frames have the token's id as principal, key epoch 0, sequence 0, a body of at most 4 KiB, never LZ4.";
constexpr const char* kMeaningRow =
    "| not an envelope, a field missing or of the wrong size, a token in the body that is not the header's | the connection closes "
    "(`malformed`, `missing_field`, `bad_size`, `bad_value`, `bad_enrol`) |";
constexpr const char* kKindRule =
    "The first frame's kind decides what a connection is: after HELLO an ENROL is refused (`bad_kind`), and after ENROL everything.";
constexpr const char* kTimeoutRule = "waiting --> ended: no meaning, 5 s";

/// The connection closes without an answer.
Check silence(Peer& peer) {
  CONFORM_TRY(const auto frames, peer.until_closed());
  return require(frames.empty(), "the connection closed without an answer", frames.empty() ? "" : describe(frames.front().header));
}
Check refuse(Subject& subject, const Bytes& bytes) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(bytes);
  return silence(peer);
}

/// Nobody needs to know the token for what its header alone forbids.
Check refuse_header(Subject& subject, std::size_t at, std::uint8_t value) {
  const auto ticket = random_ticket();
  return refuse(subject, enrol_frame(ticket, make_enrol(ticket, random_signing_key()),
                                     [at, value](std::span<std::uint8_t> frame) { frame[at] = value; }));
}
Check refuse_known_header(Subject& subject, std::size_t at, std::uint8_t value) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  return refuse(subject, enrol_frame(ticket, make_enrol(ticket, random_signing_key()),
                                     [at, value](std::span<std::uint8_t> frame) { frame[at] = value; }));
}
Check refuse_announced(Subject& subject, std::uint32_t size) {
  auto header = enrol_header(random_ticket());
  header.body_length = size;
  header.raw_length = size;
  Bytes bytes(wire::kHeaderSize);
  wire::write_header(header, std::span<std::uint8_t, wire::kHeaderSize>(bytes));
  return refuse(subject, bytes);
}

/// Fields by hand: sizes that the codec would not write.
struct Fields {
  std::uint64_t token = 1;  ///< 0: left out; else the ticket's, plus this less 1
  std::size_t nonce = 32, public_key = 32, proof = 64, cell = 32;
  std::uint16_t version_min = 1, version_max = 1;
  std::size_t name = 4;
};
Bytes build_body(const Ticket& ticket, const Fields& fields) {
  return make_envelope(
      {.type = SchedulerMessage::Enrol,
       .build =
           [&](Builder& b) {
             const auto nonce = b.CreateVector(Bytes(fields.nonce, 1));
             const auto public_key = b.CreateVector(Bytes(fields.public_key, 2));
             const auto proof = b.CreateVector(Bytes(fields.proof, 3));
             const auto cell = b.CreateVector(Bytes(fields.cell, 4));
             const auto name = b.CreateString(std::string(fields.name, 'n'));
             const std::uint64_t token = fields.token == 0 ? 0 : ticket.token.id + fields.token - 1;
             return schema::CreateEnrol(b, token, nonce, public_key, proof, cell, fields.version_min, fields.version_max, name).Union();
           },
       .timestamp_ms = 1,
       .version = 1,
       .signature = {}});
}
Check meaningless(Subject& subject, const Fields& fields) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  return refuse(subject, enrol_frame_of(ticket, build_body(ticket, fields)));
}
Check meaningless_body(Subject& subject, const Bytes& body) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  return refuse(subject, enrol_frame_of(ticket, body));
}
Bytes body_of_type(SchedulerMessage type, Build build, std::uint16_t version = 1) {
  return make_envelope({.type = type, .build = std::move(build), .timestamp_ms = 1, .version = version, .signature = {}});
}

// ---- order

/// One answer, whatever follows it at once.
Check twice(Subject& subject) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  const Bytes frame = enrol_frame(ticket, make_enrol(ticket, random_signing_key()));
  Bytes both = frame;
  both.insert(both.end(), frame.begin(), frame.end());
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(both);
  CONFORM_TRY(const auto frames, peer.until_closed());
  return require(frames.size() <= 1, "at most one ENROL_ACK", std::to_string(frames.size()) + " frames");
}
Check hello_behind(Subject& subject) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  Bytes both = enrol_frame(ticket, make_enrol(ticket, random_signing_key()));
  const Bytes hello = hello_frame(subject.identity(), subject.make_hello());
  both.insert(both.end(), hello.begin(), hello.end());
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(both);
  CONFORM_TRY(const auto frames, peer.until_closed());
  for (const auto& answer : frames)
    if (answer.header.kind != wire::FrameKind::enrol_ack) return differ("nothing but ENROL_ACK", describe(answer.header));
  return {};
}
Check behind_hello(Subject& subject) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  CONFORM_TRY(auto session, subject.shake_hands());
  session.peer().send(enrol_frame(ticket, make_enrol(ticket, random_signing_key())));
  CONFORM_TRY(const auto frames, session.peer().until_closed());
  for (const auto& answer : frames)
    if (answer.header.kind == wire::FrameKind::enrol_ack) return differ("the end", describe(answer.header));
  return {};
}
Check in_a_session(Subject& subject) {
  CONFORM_TRY(const auto ticket, subject.make_token());
  CONFORM_TRY(auto session, subject.establish());
  session.peer().send(enrol_frame(ticket, make_enrol(ticket, random_signing_key())));
  return session.expect_refused("bad_kind");
}

Check half(Subject& subject) {
  const auto ticket = random_ticket();
  const Bytes frame = enrol_frame(ticket, make_enrol(ticket, random_signing_key()));
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(ByteView{frame}.first(frame.size() / 2));
  const Instant begin = now();
  CONFORM_TRY(const auto frames, peer.until_closed(std::chrono::seconds{10} + limits::kSlack));
  (void)frames;
  return require(now() - begin >= std::chrono::seconds{4}, "5 s of patience", std::to_string(to_ms(now() - begin)) + " ms");
}

}  // namespace

std::vector<SchedulerCase> enrol_frame_cases() {
  const auto fields = [](const Fields& f) { return [f](Subject& s) { return meaningless(s, f); }; };
  return {
      {"S23.41", "ENROL compressed", kShapeRule, [](Subject& s) { return refuse_header(s, 4, wire::kFlagLz4); }},
      {"S23.42", "ENROL with key epoch 1", "| `bad_key_epoch` | not 0 in REJECT, ENROL or ENROL_ACK |",
       [](Subject& s) { return refuse_header(s, 6, 1); }},
      {"S23.43", "ENROL with sequence 1", kShapeRule, [](Subject& s) { return refuse_known_header(s, 24, 1); }},
      {"S23.44", "ENROL of 4,104 bytes, by its header alone", kShapeRule, [](Subject& s) { return refuse_announced(s, 4104); }},
      {"S23.45", "ENROL of 4 GiB, by its header alone", kShapeRule, [](Subject& s) { return refuse_announced(s, 0xFFFFFFF8U); }},
      {"S23.46", "a token in the body that is not the header's", kMeaningRow, fields({.token = 2})},
      {"S23.47", "no token in the body", kMeaningRow, fields({.token = 0})},
      {"S23.48", "a nonce of 31 bytes in ENROL", kMeaningRow, fields({.nonce = 31})},
      {"S23.49", "a nonce of 33 bytes in ENROL", kMeaningRow, fields({.nonce = 33})},
      {"S23.50", "no nonce in ENROL", kMeaningRow, fields({.nonce = 0})},
      {"S23.51", "a public key of 33 bytes", kMeaningRow, fields({.public_key = 33})},
      {"S23.52", "a proof of 63 bytes", kMeaningRow, fields({.proof = 63})},
      {"S23.53", "no proof", kMeaningRow, fields({.proof = 0})},
      {"S23.54", "a cell of 31 bytes", kMeaningRow, fields({.cell = 31})},
      {"S23.55", "lowest version above the highest in ENROL", kMeaningRow, fields({.version_min = 2, .version_max = 1})},
      {"S23.56", "a name of 257 bytes in ENROL",
       "| names, also of labels and metrics, versions, codes, kernel boot ids | 256 bytes | `text_too_long` |", fields({.name = 257})},
      {"S23.57", "ENROL that carries another message", kMeaningRow,
       [](Subject& s) {
         const auto build = [](Builder& b) { return schema::CreateHeartbeat(b, 1, 0).Union(); };
         return meaningless_body(s, body_of_type(SchedulerMessage::Heartbeat, build));
       }},
      {"S23.58", "ENROL that carries nothing", kMeaningRow,
       [](Subject& s) {
         return meaningless_body(s, body_of_type(SchedulerMessage::Enrol, [](Builder&) { return flatbuffers::Offset<void>{}; }));
       }},
      {"S23.59", "ENROL that is no FlatBuffer", kMeaningRow, [](Subject& s) { return meaningless_body(s, Bytes(128, 0xFF)); }},
      {"S23.60", "ENROL twice at once: one answer", kKindRule, twice},
      {"S23.61", "HELLO behind ENROL", kKindRule, hello_behind},
      {"S23.62", "ENROL behind HELLO", kKindRule, behind_hello},
      {"S23.63", "an authentic ENROL in a session", kKindRule, in_a_session},
      {"S23.64", "half an ENROL ends", kTimeoutRule, half},
  };
}

}  // namespace stint::conform::scheduler
