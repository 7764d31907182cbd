#include <algorithm>
#include <csignal>
#include <functional>

#include "apps/stint-conform/cases/agent_cases.hpp"

// Joining: ENROL as the agent says it, what it does with a good answer, and with none.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;

constexpr const char* kShapeRule =
    "Both frames have the token's id as principal, key epoch 0, sequence 0, a body of at most 4 KiB, never LZ4.";
constexpr const char* kProofRule = "`proof` is an Ed25519 signature by the private half of `public_key` over";
constexpr const char* kNonceRule = "`nonce` is 32 fresh random bytes in each ENROL and in each ENROL_ACK.";
constexpr const char* kSecretRule = "The secret of the token never travels, in whatever form, and neither does the agent key in the clear.";
constexpr const char* kDurableRule = "The agent makes its Ed25519 key durable *before* it sends ENROL.";
constexpr const char* kLostRule =
    "**A lost answer locks nobody out**: the agent asks again with the same Ed25519 key, on a new connection with a new nonce, until the "
    "token expires.";
constexpr const char* kWordRule =
    "A word of another length, with other characters, or whose check does not fit, is refused before anybody is asked.";
constexpr const char* kAdviceRule =
    "**REJECT is advice.** Nobody has signed it: the agent tries again, and gives up after three in a row with its files as they are, so "
    "that the same line can be used again.";
constexpr const char* kCodeRule = "An ENROL_ACK with a code is signed, and trying again is useless.";
constexpr const char* kCloseRule = "on a connection of its own: one ENROL, one ENROL_ACK or REJECT, then both close.";

Identity granted(const Subject& subject) {
  Identity identity = subject.identity();
  fill_random(identity.key);
  identity.agent += 7;
  identity.key_epoch = 5;
  identity.name = "joined";
  return identity;
}

Checked<Asked> begin(Subject& subject, const Ticket& ticket) {
  CONFORM_CHECK(subject.start_join(protocol::to_text(ticket.token)));
  return subject.accept_enrol(ticket);
}

/// Answers well; the command ends well, and the agent is who we said.
Check let_in(Subject& subject, const Ticket& ticket, Asked& asked) {
  const auto identity = granted(subject);
  asked.peer.send(enrol_ack_frame(ticket, make_enrol_ack(asked, ticket, identity)));
  CONFORM_TRY(const auto status, subject.join_ended());
  CONFORM_CHECK(require_equal("exit status", status, 0));
  subject.become(identity);
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}

Check good(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(const auto asked, begin(subject, ticket));
  (void)asked;
  return {};
}
Check joins(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  return let_in(subject, ticket, asked);
}

bool holds(ByteView bytes, ByteView part) { return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end(); }
Check no_secret(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(const auto asked, begin(subject, ticket));
  CONFORM_CHECK(require(!holds(asked.frame.bytes, ticket.token.secret), "ENROL without the secret", "the secret"));
  CONFORM_CHECK(require(!holds(asked.frame.bytes, ticket.prk.bytes), "ENROL without a key", "*enrol prk*"));
  const std::string word = protocol::to_text(ticket.token);
  return require(as_text(asked.frame.bytes).find(word.substr(4)) == std::string_view::npos, "ENROL without the token", "the token");
}

Check answer_byte_by_byte(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  asked.peer.send_in_pieces(enrol_ack_frame(ticket, make_enrol_ack(asked, ticket, granted(subject))), 1);
  CONFORM_TRY(const auto status, subject.join_ended());
  return require_equal("exit status", status, 0);
}
Check closes_behind_the_answer(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  asked.peer.send(enrol_ack_frame(ticket, make_enrol_ack(asked, ticket, granted(subject))));
  CONFORM_TRY(const auto frames, asked.peer.until_closed());
  return require(frames.empty(), "the end", frames.empty() ? "" : describe(frames.front().header));
}
Check any_clock(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  auto key = enrol_ack_key(ticket);
  const auto ack = make_enrol_ack(asked, ticket, granted(subject));
  asked.peer.send(seal({{wire::FrameKind::enrol_ack, 0, 0, 0, 0, ticket.token.id, 0}, handshake_body(ack, 1), {}}, key));
  CONFORM_TRY(const auto status, subject.join_ended());
  return require_equal("exit status", status, 0);
}

// ---- no answer

Check asks_again(Subject& subject, Asked& asked, const Ticket& ticket) {
  const auto first = asked.enrol;
  CONFORM_TRY(auto again, subject.accept_enrol(ticket));
  CONFORM_CHECK(require(again.enrol.public_key == first.public_key, "the same public key", "another"));
  CONFORM_CHECK(require(again.enrol.nonce != first.nonce, "another nonce", "the same"));
  return let_in(subject, ticket, again);
}
Check lost_answer(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  asked.peer.socket().reset();
  return asks_again(subject, asked, ticket);
}
Check no_answer(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  CONFORM_TRY(const auto frames, asked.peer.until_closed(std::chrono::seconds{60}));
  CONFORM_CHECK(require(frames.empty(), "one ENROL", std::to_string(frames.size() + 1)));
  return asks_again(subject, asked, ticket);
}
Check killed_before_the_answer(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  subject.process().signal(SIGKILL);
  CONFORM_TRY(const auto status, subject.join_ended());
  (void)status;
  asked.peer.socket().reset();
  CONFORM_CHECK(subject.start_join(protocol::to_text(ticket.token)));
  return asks_again(subject, asked, ticket);
}

// ---- REJECT and codes

Bytes reject() {
  const protocol::Reject what{"unauthenticated", "a test of the runner"};
  return seal_unsigned({{wire::FrameKind::reject, 0, 0, 0, 0, 0, 0}, handshake_body(what, 1), {}});
}
Check rejected_twice(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  asked.peer.send(reject());
  CONFORM_TRY(auto second, subject.accept_enrol(ticket));
  second.peer.send(reject());
  return asks_again(subject, second, ticket);
}
Check rejected_for_good(Subject& subject) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  const auto public_key = asked.enrol.public_key;
  asked.peer.send(reject());
  for (int i = 0; i < 2; ++i) {
    CONFORM_TRY(auto again, subject.accept_enrol(ticket));
    again.peer.send(reject());
  }
  CONFORM_TRY(const auto status, subject.join_ended());
  CONFORM_CHECK(require(status > 0, "an exit status above 0", std::to_string(status)));
  CONFORM_CHECK(require(!subject.has_key_file(), "no key file", "one"));
  CONFORM_CHECK(subject.start_join(protocol::to_text(ticket.token)));
  CONFORM_TRY(auto later, subject.accept_enrol(ticket));
  CONFORM_CHECK(require(later.enrol.public_key == public_key, "the same public key", "another"));
  return let_in(subject, ticket, later);
}
Check told_a_code(Subject& subject, const char* code) {
  const auto ticket = random_ticket();
  CONFORM_TRY(auto asked, begin(subject, ticket));
  protocol::EnrolAck ack;
  ack.token = ticket.token.id;
  fill_random(ack.nonce);
  ack.nonce_echo = asked.enrol.nonce;
  ack.code = code;
  ack.detail = "a test of the runner";
  asked.peer.send(enrol_ack_frame(ticket, ack));
  CONFORM_TRY(const auto status, subject.join_ended());
  CONFORM_CHECK(require(status > 0, "an exit status above 0", std::to_string(status)));
  CONFORM_CHECK(require(!subject.has_key_file(), "no key file", "one"));
  return require(subject.is_quiet(limits::kQuiet), "no other try", "one");
}

// ---- words that are none

using Spoil = std::function<void(std::string&)>;
Check refuses_word(Subject& subject, const Spoil& spoil) {
  std::string word = protocol::to_text(random_ticket().token);
  spoil(word);
  CONFORM_CHECK(subject.start_join(word));
  CONFORM_TRY(const auto status, subject.join_ended());
  CONFORM_CHECK(require(status > 0, "an exit status above 0", std::to_string(status)));
  return require(subject.is_quiet(limits::kQuiet), "no connection", "one");
}

}  // namespace

std::vector<AgentCase> enrol_cases() {
  const auto word = [](const Spoil& spoil) { return [spoil](Subject& s) { return refuses_word(s, spoil); }; };
  return {
      {"A23.01", "ENROL: kind, header, MAC, token, cell, versions", kShapeRule, good},
      {"A23.02", "ENROL: proof of possession", kProofRule, good},
      {"A23.03", "ENROL_ACK makes it an agent", "It believes an ENROL_ACK only if its MAC, `token`, `nonce_echo` and wrap are right.",
       joins},
      {"A23.04", "neither secret nor key is in ENROL", kSecretRule, no_secret},
      {"A23.05", "ENROL_ACK byte by byte", "A frame that has not arrived whole is no failure: the receiver waits.", answer_byte_by_byte},
      {"A23.06", "it closes behind ENROL_ACK", kCloseRule, closes_behind_the_answer},
      {"A23.07", "ENROL_ACK from 1970", "Neither is judged on time: a machine that joins may have any clock.", any_clock},
      {"A23.08", "the connection is reset: the same key, another nonce", kLostRule, lost_answer},
      {"A23.09", "no answer comes: the same key, another nonce", kNonceRule, no_answer},
      {"A23.10", "killed before the answer: the same line, the same key", kDurableRule, killed_before_the_answer},
      {"A23.11", "REJECT twice: it goes on", kAdviceRule, rejected_twice},
      {"A23.12", "REJECT three times: it gives up, and the same line works later", kAdviceRule, rejected_for_good},
      {"A23.13", "`token_used`: it gives up at once", kCodeRule, [](Subject& s) { return told_a_code(s, "token_used"); }},
      {"A23.14", "`unsupported_version`: it gives up at once", kCodeRule, [](Subject& s) { return told_a_code(s, "unsupported_version"); }},
      {"A23.15", "a code of tomorrow: it gives up at once", kCodeRule, [](Subject& s) { return told_a_code(s, "moon_is_full"); }},
      {"A23.16", "a word that is too short", kWordRule, word([](std::string& w) { w.pop_back(); })},
      {"A23.17", "a word that is too long", kWordRule, word([](std::string& w) { w += 'A'; })},
      {"A23.18", "a word with a wrong letter", kWordRule, word([](std::string& w) { w[40] = w[40] == 'A' ? 'B' : 'A'; })},
      {"A23.19", "a word with a character that is none of base64url", kWordRule, word([](std::string& w) { w[40] = '+'; })},
      {"A23.20", "a word that begins otherwise", kWordRule, word([](std::string& w) { w[2] = '2'; })},
  };
}

}  // namespace stint::conform::agent
