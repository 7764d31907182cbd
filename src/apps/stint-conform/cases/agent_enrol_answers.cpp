#include <functional>

#include "apps/stint-conform/cases/agent_cases.hpp"

// Answers to ENROL that an agent must not believe. It asks again, as who it was.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using schema::SchedulerMessage;

constexpr const char* kBelieveRule = "It believes an ENROL_ACK only if its MAC, `token`, `nonce_echo` and wrap are right.";
constexpr const char* kShapeRule =
    "Both frames have the token's id as principal, key epoch 0, sequence 0, a body of at most 4 KiB, never LZ4.";
constexpr const char* kWrapRule =
    "*enrol wrap* hangs on both nonces and on the SHA-256 of the whole ENROL frame, header to tag, so it is used once.";
constexpr const char* kBadEnrolRule =
    "| `bad_enrol` | ENROL or ENROL_ACK that does not match its header or the other, or whose key does not open | the connection ends |";

struct Answering {
  const Ticket& ticket;
  const Asked& asked;
  Identity identity;
  [[nodiscard]] protocol::EnrolAck ack() const { return make_enrol_ack(asked, ticket, identity); }
};

/// After this answer it is no agent, and asks again with the same key; a good answer lets it in then.
Check disbelieves(Subject& subject, const std::function<Bytes(const Answering&)>& answer) {
  const auto ticket = random_ticket();
  CONFORM_CHECK(subject.start_join(protocol::to_text(ticket.token)));
  CONFORM_TRY(auto asked, subject.accept_enrol(ticket));
  Identity identity = subject.identity();
  fill_random(identity.key);
  identity.name = "joined";
  asked.peer.send(answer({ticket, asked, identity}));
  CONFORM_TRY(auto again, subject.accept_enrol(ticket));
  CONFORM_CHECK(require(!subject.has_key_file(), "no key file", "one"));
  CONFORM_CHECK(require(again.enrol.public_key == asked.enrol.public_key, "the same public key", "another"));
  again.peer.send(enrol_ack_frame(ticket, make_enrol_ack(again, ticket, identity)));
  CONFORM_TRY(const auto status, subject.join_ended());
  return require_equal("exit status", status, 0);
}

using Change = std::function<void(protocol::EnrolAck&)>;
Check disbelieves_ack(Subject& subject, const Change& change) {
  return disbelieves(subject, [&](const Answering& a) {
    auto ack = a.ack();
    change(ack);
    return enrol_ack_frame(a.ticket, ack);
  });
}
Check disbelieves_header(Subject& subject, std::size_t at, std::uint8_t value) {
  return disbelieves(subject, [&](const Answering& a) {
    return enrol_ack_frame(a.ticket, a.ack(), [at, value](std::span<std::uint8_t> frame) { frame[at] = value; });
  });
}
Bytes with_body(const Answering& a, Bytes body) {
  auto key = enrol_ack_key(a.ticket);
  return seal({{wire::FrameKind::enrol_ack, 0, 0, 0, 0, a.ticket.token.id, 0}, std::move(body), {}}, key);
}
Bytes with_sizes(const Answering& a, std::size_t nonce, std::size_t wrapped) {
  const auto build = [&](Builder& b) {
    const auto nonce_at = b.CreateVector(Bytes(nonce, 1));
    const auto echo_at = b.CreateVector(a.asked.enrol.nonce.data(), a.asked.enrol.nonce.size());
    const auto wrapped_at = b.CreateVector(Bytes(wrapped, 1));
    return schema::CreateEnrolAck(b, a.ticket.token.id, nonce_at, echo_at, 1, 0, 0, 3, 1, 0, wrapped_at).Union();
  };
  return with_body(a,
                   make_envelope({.type = SchedulerMessage::EnrolAck, .build = build, .timestamp_ms = 1, .version = 1, .signature = {}}));
}
/// The wrap as it would be with something else in it.
Bytes with_wrap(const Answering& a, const wire::Nonce& nonce_c, const wire::Digest& frame, const wire::AgentKeyAddress& address) {
  auto ack = a.ack();
  const auto wrap = wire::derive_enrol_wrap_key(a.ticket.prk, nonce_c, ack.nonce, frame);
  ack.wrapped_key = wire::wrap_agent_key(wrap, address, wire::AgentKey(a.identity.key));
  return enrol_ack_frame(a.ticket, ack);
}
wire::AgentKeyAddress address_of(const Answering& a) { return {AgentNumber{a.identity.agent}, KeyEpoch{a.identity.key_epoch}, 0}; }

Bytes announced(const Answering& a) {
  Bytes bytes(wire::kHeaderSize);
  wire::write_header({wire::FrameKind::enrol_ack, 0, 0, 4104, 4104, a.ticket.token.id, 0},
                     std::span<std::uint8_t, wire::kHeaderSize>(bytes));
  return bytes;
}
Bytes of_kind(const Answering& a, wire::FrameKind kind) {
  auto key = enrol_ack_key(a.ticket);
  return seal({{kind, 0, 1, 0, 0, a.ticket.token.id, 0}, handshake_body(a.ack(), 1), {}}, key);
}

}  // namespace

std::vector<AgentCase> enrol_answer_cases() {
  const auto ack = [](const Change& change) { return [change](Subject& s) { return disbelieves_ack(s, change); }; };
  const auto answer = [](const std::function<Bytes(const Answering&)>& make) {
    return [make](Subject& s) { return disbelieves(s, make); };
  };
  return {
      {"A23.31", "ENROL_ACK with a wrong MAC", kBelieveRule, answer([](const Answering& a) {
         Bytes frame = enrol_ack_frame(a.ticket, a.ack());
         frame.back() ^= 1;
         return frame;
       })},
      {"A23.32", "ENROL_ACK MACed with the key of ENROL", "ENROL is MACed with *enrol a2s*, ENROL_ACK with *enrol s2a*.",
       answer([](const Answering& a) {
         auto key = enrol_key(a.ticket);
         return seal({{wire::FrameKind::enrol_ack, 0, 0, 0, 0, a.ticket.token.id, 0}, handshake_body(a.ack(), 1), {}}, key);
       })},
      {"A23.33", "ENROL_ACK by who has another secret", kBelieveRule, answer([](const Answering& a) {
         auto token = a.ticket.token;
         token.secret[15] ^= 1;
         return enrol_ack_frame(make_ticket(token), a.ack());
       })},
      {"A23.34", "another token in EnrolAck", kBadEnrolRule, ack([](auto& a) { a.token ^= 2; })},
      {"A23.35", "another nonce echoed in EnrolAck", kBadEnrolRule, ack([](auto& a) { a.nonce_echo[31] ^= 1; })},
      {"A23.36", "a code with another nonce echoed", kBadEnrolRule, ack([](auto& a) { a.code = "token_used", a.nonce_echo[0] ^= 1; })},
      {"A23.37", "a wrapped key with a changed bit", kBadEnrolRule, ack([](auto& a) { a.wrapped_key[0] ^= 1; })},
      {"A23.38", "a wrapped key with a changed tag", kBadEnrolRule, ack([](auto& a) { a.wrapped_key[47] ^= 1; })},
      {"A23.39", "a key that is another agent's", "associated data = agent (8) ‖ key epoch (2) ‖ generation (4)",
       ack([](auto& a) { ++a.agent.value; })},
      {"A23.40", "a key of another key epoch", "associated data = agent (8) ‖ key epoch (2) ‖ generation (4)",
       ack([](auto& a) { ++a.key_epoch.value; })},
      {"A23.41", "a key of another generation", "associated data = agent (8) ‖ key epoch (2) ‖ generation (4)",
       ack([](auto& a) { ++a.generation; })},
      {"A23.42", "another nonce than the wrap was made with", kWrapRule, ack([](auto& a) { a.nonce[0] ^= 1; })},
      {"A23.43", "a wrap of another ENROL", kWrapRule,
       answer([](const Answering& a) { return with_wrap(a, a.asked.enrol.nonce, wire::sha256(Bytes(40, 1)), address_of(a)); })},
      {"A23.44", "a wrap of another agent's nonce", kWrapRule,
       answer([](const Answering& a) { return with_wrap(a, {}, wire::sha256(a.asked.frame.bytes), address_of(a)); })},
      {"A23.45", "a version that ENROL did not offer", kBadEnrolRule, ack([](auto& a) { a.version = 2; })},
      {"A23.46", "no agent in EnrolAck", kBadEnrolRule, ack([](auto& a) { a.agent = {}; })},
      {"A23.47", "no key epoch in EnrolAck", kBadEnrolRule, ack([](auto& a) { a.key_epoch = {}; })},
      {"A23.48", "a nonce of 31 bytes in EnrolAck", kBadEnrolRule, answer([](const Answering& a) { return with_sizes(a, 31, 48); })},
      {"A23.49", "a wrapped key of 47 bytes", kBadEnrolRule, answer([](const Answering& a) { return with_sizes(a, 32, 47); })},
      {"A23.50", "ENROL_ACK with key epoch 1", "| `bad_key_epoch` | not 0 in REJECT, ENROL or ENROL_ACK |",
       [](Subject& s) { return disbelieves_header(s, 6, 1); }},
      {"A23.51", "ENROL_ACK with sequence 1", kShapeRule, [](Subject& s) { return disbelieves_header(s, 24, 1); }},
      {"A23.52", "ENROL_ACK with another principal", kShapeRule, [](Subject& s) { return disbelieves_header(s, 17, 0xFE); }},
      {"A23.53", "ENROL_ACK compressed", kShapeRule, [](Subject& s) { return disbelieves_header(s, 4, wire::kFlagLz4); }},
      {"A23.54", "ENROL_ACK of 4,104 bytes, by its header alone", kShapeRule, answer(announced)},
      {"A23.55", "ENROL sent back", "**Directions** have keys of their own, so that no frame can be sent back to its sender.",
       answer([](const Answering& a) { return a.asked.frame.bytes; })},
      {"A23.56", "HELLO_ACK instead of ENROL_ACK", "| `bad_kind` | not 1 to 6, or a kind that has no business at this point |",
       answer([](const Answering& a) { return of_kind(a, wire::FrameKind::hello_ack); })},
      {"A23.57", "ENROL_ACK that is no FlatBuffer",
       "A failure in steps 1 to 7 ends the connection: what follows has no trustworthy border.",
       answer([](const Answering& a) { return with_body(a, Bytes(128, 0xFF)); })},
      {"A23.58", "ENROL_ACK that carries another message", kBadEnrolRule, answer([](const Answering& a) {
         const auto build = [](Builder& b) { return schema::CreateHeartbeat(b, 1, 0).Union(); };
         return with_body(
             a, make_envelope({.type = SchedulerMessage::Heartbeat, .build = build, .timestamp_ms = 1, .version = 1, .signature = {}}));
       })},
  };
}

}  // namespace stint::conform::agent
