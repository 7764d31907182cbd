#include <algorithm>
#include <functional>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/process.hpp"

// Enrolment: what a good ENROL gets, whom a token lets in, and what is answered in which order.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kShapeRule =
    "Both frames have the token's id as principal, key epoch 0, sequence 0, a body of at most 4 KiB, never LZ4.";
constexpr const char* kMacRule = "ENROL is MACed with *enrol a2s*, ENROL_ACK with *enrol s2a*.";
constexpr const char* kTimeRule = "Neither is judged on time: a machine that joins may have any clock.";
constexpr const char* kNonceRule = "`nonce` is 32 fresh random bytes in each ENROL and in each ENROL_ACK.";
constexpr const char* kUnknownRule =
    "| no such token, or one that is forgotten; a wrong MAC | REJECT `unauthenticated`, the same for all: nobody learns which tokens exist "
    "|";
constexpr const char* kVersionRow = "| no common version | ENROL_ACK `unsupported_version`; the detail names both ranges |";
constexpr const char* kCellRow = "| `cell` is not the SHA-256 of this cell's public key | ENROL_ACK `wrong_cell` |";
constexpr const char* kProofRow = "| `proof` is not of this public key, token, nonce and cell | ENROL_ACK `bad_proof` |";
constexpr const char* kRevokedRow =
    "| the token was revoked, or a restore voided it; or the agent that it made was revoked | ENROL_ACK `token_revoked` |";
constexpr const char* kExpiredRow = "| its end has passed, for whoever asks | ENROL_ACK `token_expired` |";
constexpr const char* kUsedRow = "| it was used with another public key | ENROL_ACK `token_used` |";
constexpr const char* kAgainRow =
    "| it was used with this public key | ENROL_ACK with the same number, a fresh nonce and a fresh wrap; nothing is written |";
constexpr const char* kNameRow =
    "| no name is given, or none that an agent may have; it is taken; the cell has had its last number | ENROL_ACK `bad_name`, "
    "`name_taken`, `cell_full`; the token stays usable |";
constexpr const char* kGoodRow = "| it is usable | the agent is registered and the token burned; ENROL_ACK |";
constexpr const char* kSecretRule = "The secret of the token never travels, in whatever form, and neither does the agent key in the clear.";
constexpr const char* kCloseRule = "on a connection of its own: one ENROL, one ENROL_ACK or REJECT, then both close.";

/// A token and the request of somebody who holds it.
struct Request {
  Ticket ticket;
  wire::SigningKey key;
  protocol::Enrol enrol;
};
Checked<Request> make_request(Subject& subject, std::int64_t ttl_s = 900) {
  CONFORM_TRY(const auto ticket, subject.make_token(ttl_s));
  const auto key = random_signing_key();
  return Request{ticket, key, make_enrol(ticket, key)};
}

/// The answer, and the end behind it.
Checked<protocol::EnrolAck> ask(Subject& subject, const Request& request, const Bytes& frame) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(frame);
  CONFORM_TRY(auto ack, read_enrol_ack(peer, request.ticket, request.enrol));
  CONFORM_TRY(const auto more, peer.until_closed());
  CONFORM_CHECK(require(more.empty(), "the end behind ENROL_ACK", more.empty() ? "" : describe(more.front().header)));
  return ack;
}
Checked<protocol::EnrolAck> ask(Subject& subject, const Request& request) {
  return ask(subject, request, enrol_frame(request.ticket, request.enrol));
}
Checked<Identity> join(Subject& subject, const Request& request) {
  const Bytes frame = enrol_frame(request.ticket, request.enrol);
  CONFORM_TRY(const auto ack, ask(subject, request, frame));
  return open_grant(request.ticket, request.enrol, frame, ack);
}
Check refused(Subject& subject, const Request& request, const std::string& code) {
  CONFORM_TRY(const auto ack, ask(subject, request));
  return require(ack.code == code, ("code `" + code + "`").c_str(), "`" + ack.code + "` (" + ack.detail + ")");
}

/// A good request with something changed, and its proof made anew where that is not the point.
using Change = std::function<void(Request&)>;
Check refused_changed(Subject& subject, const Change& change, const std::string& code) {
  CONFORM_TRY(auto request, make_request(subject));
  change(request);
  CONFORM_CHECK(refused(subject, request, code));
  CONFORM_TRY(auto again, make_request(subject));  // of the refused one nothing is left: the same holder still gets in
  again.ticket = request.ticket;
  again.enrol = make_enrol(request.ticket, request.key);
  CONFORM_TRY(const auto identity, join(subject, again));
  (void)identity;
  return {};
}

// ---- what is granted

Check works(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  CONFORM_TRY(const auto identity, join(subject, request));
  CONFORM_CHECK(require(identity.name == request.enrol.name, "the name that was asked for", identity.name));
  AgentStart start = make_start();
  Subject agent = subject.as(identity, start);
  CONFORM_TRY(auto session, agent.establish());
  return session.expect_alive();
}

bool holds(ByteView bytes, ByteView part) { return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end(); }

Check nothing_in_the_clear(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  const Bytes frame = enrol_frame(request.ticket, request.enrol);
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(frame);
  CONFORM_TRY(const auto answer, peer.next_frame(now() + limits::kPatience));
  if (!answer) return differ("ENROL_ACK", "nothing");
  CONFORM_TRY(const auto identity, join(subject, request));
  CONFORM_CHECK(require(!holds(answer->bytes, identity.key), "an answer without the agent key", "the agent key"));
  return require(!holds(answer->bytes, request.ticket.token.secret), "an answer without the secret", "the secret");
}

Check versions_up_to_nine(Subject& subject) {
  CONFORM_TRY(auto request, make_request(subject));
  request.enrol.version_max = 9;
  CONFORM_TRY(const auto identity, join(subject, request));
  (void)identity;
  return {};
}

Check any_clock(Subject& subject, std::int64_t timestamp_ms) {
  CONFORM_TRY(const auto request, make_request(subject));
  const Bytes frame = enrol_frame_of(request.ticket, handshake_body(request.enrol, timestamp_ms));
  CONFORM_TRY(const auto ack, ask(subject, request, frame));
  CONFORM_TRY(const auto identity, open_grant(request.ticket, request.enrol, frame, ack));
  (void)identity;
  return {};
}

Check byte_by_byte(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  CONFORM_TRY(auto peer, subject.connect());
  peer.send_in_pieces(enrol_frame(request.ticket, request.enrol), 1);
  CONFORM_TRY(const auto ack, read_enrol_ack(peer, request.ticket, request.enrol));
  return require(ack.code.empty(), "ENROL_ACK with a key", ack.code);
}

// ---- asked again

Check same_holder_again(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  CONFORM_TRY(const auto first, join(subject, request));
  Request again = request;
  again.enrol = make_enrol(request.ticket, request.key);  // another nonce, another name
  CONFORM_TRY(const auto second, join(subject, again));
  CONFORM_CHECK(require_equal("agent", second.agent, first.agent));
  CONFORM_CHECK(require(second.name == first.name, "the same name", second.name));
  return require(second.key == first.key || second.key_epoch != first.key_epoch, "the same key of the same key epoch", "another key");
}

/// The very same bytes, as after a lost answer or from somebody who has recorded them.
Check recorded_again(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  const Bytes frame = enrol_frame(request.ticket, request.enrol);
  CONFORM_TRY(const auto first, ask(subject, request, frame));
  CONFORM_TRY(const auto second, ask(subject, request, frame));
  CONFORM_CHECK(require_equal("agent", second.agent.value, first.agent.value));
  CONFORM_CHECK(require(second.nonce != first.nonce, "a fresh nonce", "the same"));
  return require(second.wrapped_key != first.wrapped_key, "a fresh wrap", "the same");
}

/// The connection closes before the answer can be read.
Check answer_is_lost(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  {
    CONFORM_TRY(auto peer, subject.connect());
    peer.send(enrol_frame(request.ticket, request.enrol));
    peer.socket().reset();
  }
  CONFORM_TRY(const auto first, join(subject, request));
  CONFORM_TRY(const auto second, join(subject, request));
  return require_equal("agent", second.agent, first.agent);
}

Check another_holder(Subject& subject) {
  CONFORM_TRY(auto request, make_request(subject));
  CONFORM_TRY(const auto first, join(subject, request));
  (void)first;
  request.enrol = make_enrol(request.ticket, random_signing_key());
  return refused(subject, request, "token_used");
}

/// Two at once: whoever wins, the other does not, and both are told.
Check two_race(Subject& subject) {
  CONFORM_TRY(const auto one, make_request(subject));
  Request other = one;
  other.enrol = make_enrol(one.ticket, random_signing_key());
  CONFORM_TRY(auto first, subject.connect());
  CONFORM_TRY(auto second, subject.connect());
  first.send(enrol_frame(one.ticket, one.enrol));
  second.send(enrol_frame(other.ticket, other.enrol));
  CONFORM_TRY(const auto ack1, read_enrol_ack(first, one.ticket, one.enrol));
  CONFORM_TRY(const auto ack2, read_enrol_ack(second, other.ticket, other.enrol));
  const bool is_one = ack1.code.empty() != ack2.code.empty();
  const bool is_told = (ack1.code + ack2.code) == "token_used";
  return require(is_one && is_told, "one agent, and `token_used` for the other", "`" + ack1.code + "` and `" + ack2.code + "`");
}

// ---- who gets none

Check reject_is(Peer& peer) {
  CONFORM_TRY(const auto frames, peer.until_closed());
  if (frames.size() != 1) return differ("REJECT `unauthenticated`, then the end", std::to_string(frames.size()) + " frames");
  const auto buffer = wire::open_reject(frames.front().raw());
  if (!buffer) return differ("REJECT", describe(frames.front().header));
  const auto envelope = protocol::open_envelope(*buffer);
  const auto reject = envelope ? protocol::decode_reject(*envelope) : protocol::Decoded<protocol::Reject>{tl::unexpected(envelope.error())};
  if (!reject) return differ("a good Reject", reject.error().detail);
  return require(reject->code == "unauthenticated", "code `unauthenticated`", reject->code);
}
Check rejected(Subject& subject, const Bytes& frame) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(frame);
  return reject_is(peer);
}

Check unknown_token(Subject& subject) {
  const auto ticket = random_ticket();
  return rejected(subject, enrol_frame(ticket, make_enrol(ticket, random_signing_key())));
}
Check wrong_secret(Subject& subject) {
  CONFORM_TRY(auto request, make_request(subject));
  request.ticket.token.secret[0] ^= 1;
  return rejected(subject, enrol_frame(make_ticket(request.ticket.token), request.enrol));
}
Check flipped_mac(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  Bytes frame = enrol_frame(request.ticket, request.enrol);
  frame.back() ^= 1;
  return rejected(subject, frame);
}
Check key_of_the_answer(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  auto key = enrol_ack_key(request.ticket);
  return rejected(subject, seal({enrol_header(request.ticket), handshake_body(request.enrol, 1), {}}, key));
}

Check revoked_token(Subject& subject, bool is_used) {
  CONFORM_TRY(const auto request, make_request(subject));
  if (is_used) {
    CONFORM_TRY(const auto identity, join(subject, request));
    (void)identity;
  }
  CONFORM_CHECK(subject.revoke_token(request.ticket));
  return refused(subject, request, "token_revoked");
}
Check revoked_agent(Subject& subject) {
  CONFORM_TRY(const auto request, make_request(subject));
  CONFORM_TRY(const auto identity, join(subject, request));
  CONFORM_CHECK(subject.revoke(identity));
  return refused(subject, request, "token_revoked");
}
Check expired_token(Subject& subject, bool is_used) {
  constexpr std::int64_t kTtl = 3;
  CONFORM_TRY(const auto request, make_request(subject, kTtl));
  if (is_used) {
    CONFORM_TRY(const auto ack, ask(subject, request));
    if (ack.code == "token_expired") return skip("a scheduler that answers within 3 s");
  }
  sleep_for(std::chrono::seconds{kTtl + 1});
  return refused(subject, request, "token_expired");
}

// ---- names

Check name_taken(Subject& subject) {
  CONFORM_TRY(auto first, make_request(subject));
  CONFORM_TRY(const auto identity, join(subject, first));
  return refused_changed(subject, [&](Request& r) { r.enrol.name = identity.name; }, "name_taken");
}

// ---- order

Check wrong_cell_before_used(Subject& subject) {
  CONFORM_TRY(auto request, make_request(subject));
  CONFORM_TRY(const auto first, join(subject, request));
  (void)first;
  const auto key = random_signing_key();
  request.enrol = make_enrol(request.ticket, key);
  request.enrol.cell[5] ^= 1;
  prove(request.enrol, key);
  return refused(subject, request, "wrong_cell");
}

std::string expected_versions(const protocol::EnrolAck& ack) {
  const bool has_both =
      ack.detail.find('2') != std::string::npos && ack.detail.find('9') != std::string::npos && ack.detail.find('1') != std::string::npos;
  return ack.code == "unsupported_version" && has_both ? "" : "`" + ack.code + "` (" + ack.detail + ")";
}
Check versions_told(Subject& subject) {
  CONFORM_TRY(auto request, make_request(subject));
  request.enrol.version_min = 2;
  request.enrol.version_max = 9;
  CONFORM_TRY(const auto ack, ask(subject, request));
  const auto wrong = expected_versions(ack);
  return require(wrong.empty(), "code `unsupported_version`, with 2 to 9 and 1 in the detail", wrong);
}

}  // namespace

std::vector<SchedulerCase> enrol_cases() {
  const auto changed = [](const char* code, const Change& change) { return [=](Subject& s) { return refused_changed(s, change, code); }; };
  return {
      {"S23.01", "ENROL gets a number and a key with which a session opens", kGoodRow, works},
      {"S23.02", "ENROL_ACK: kind, header, MAC, token, echo; then the end", kShapeRule,
       [](Subject& s) -> Check {
         CONFORM_TRY(const auto request, make_request(s));
         CONFORM_TRY(const auto ack, ask(s, request));
         return require(ack.code.empty(), "no code", ack.code);
       }},
      {"S23.03", "neither the secret nor the agent key is in the answer", kSecretRule, nothing_in_the_clear},
      {"S23.04", "versions 1 to 9", kVersionRow, versions_up_to_nine},
      {"S23.05", "versions 2 to 9: both ranges are named", kVersionRow, versions_told},
      {"S23.06", "ENROL from 1970", kTimeRule, [](Subject& s) { return any_clock(s, 1); }},
      {"S23.07", "ENROL from the far future", kTimeRule, [](Subject& s) { return any_clock(s, std::int64_t{1} << 60); }},
      {"S23.08", "ENROL byte by byte", "A frame that has not arrived whole is no failure: the receiver waits.", byte_by_byte},
      {"S23.09", "the same holder again: the same agent", kAgainRow, same_holder_again},
      {"S23.10", "the same bytes again: the same agent, a fresh nonce and wrap", kAgainRow, recorded_again},
      {"S23.11", "the answer is lost", "**A lost answer locks nobody out**: the agent asks again with the same Ed25519 key",
       answer_is_lost},
      {"S23.12", "another holder of a used token", kUsedRow, another_holder},
      {"S23.13", "two at once with one token", "So of two agents that race for one token one wins", two_race},
      {"S23.14", "a token that nobody made", kUnknownRule, unknown_token},
      {"S23.15", "a wrong secret", kUnknownRule, wrong_secret},
      {"S23.16", "a wrong MAC", kUnknownRule, flipped_mac},
      {"S23.17", "MACed with the key of ENROL_ACK", kMacRule, key_of_the_answer},
      {"S23.18", "another cell", kCellRow, changed("wrong_cell", [](Request& r) { r.enrol.cell[0] ^= 1, prove(r.enrol, r.key); })},
      {"S23.19", "a proof with a changed bit", kProofRow, changed("bad_proof", [](Request& r) { r.enrol.proof[63] ^= 0x10; })},
      {"S23.20", "a proof by another key", kProofRow, changed("bad_proof", [](Request& r) { prove(r.enrol, random_signing_key()); })},
      {"S23.21", "a proof of another nonce: it cannot be recorded", kProofRow,
       changed("bad_proof", [](Request& r) { fill_random(r.enrol.nonce); })},
      {"S23.22", "a proof of another public key", kProofRow,
       changed("bad_proof", [](Request& r) { r.enrol.public_key = wire::public_key_of(random_signing_key()); })},
      {"S23.23", "a proof of another token", kProofRow,
       changed("bad_proof",
               [](Request& r) {
                 auto other = r.enrol;
                 other.token ^= 2;
                 prove(other, r.key);
                 r.enrol.proof = other.proof;
               })},
      {"S23.24", "wrong cell is told before bad proof", kCellRow, changed("wrong_cell", [](Request& r) { r.enrol.cell[31] ^= 1; })},
      {"S23.25", "wrong cell is told before a used token", kCellRow, wrong_cell_before_used},
      {"S23.26", "a revoked token", kRevokedRow, [](Subject& s) { return revoked_token(s, false); }},
      {"S23.27", "a token that was used and then revoked", kRevokedRow, [](Subject& s) { return revoked_token(s, true); }},
      {"S23.28", "its agent was revoked", kRevokedRow, revoked_agent},
      {"S23.29", "an expired token", kExpiredRow, [](Subject& s) { return expired_token(s, false); }},
      {"S23.30", "an expired token, for who has used it, too", kExpiredRow, [](Subject& s) { return expired_token(s, true); }},
      {"S23.31", "a name that is taken; the token stays usable", kNameRow, name_taken},
      {"S23.32", "a name that no agent may have; the token stays usable", kNameRow,
       changed("bad_name", [](Request& r) { r.enrol.name = "no name/at all"; })},
      {"S23.33", "no name; the token stays usable", kNameRow, changed("bad_name", [](Request& r) { r.enrol.name.clear(); })},
      {"S23.34", "nonces of ENROL_ACK are fresh, also in a refusal", kNonceRule,
       [](Subject& s) -> Check {
         CONFORM_TRY(auto request, make_request(s));
         request.enrol.proof[0] ^= 1;
         CONFORM_TRY(const auto first, ask(s, request));
         CONFORM_TRY(const auto second, ask(s, request));
         return require(first.nonce != second.nonce, "another nonce", "the same");
       }},
      {"S23.35", "the connection closes behind a refusal", kCloseRule,
       [](Subject& s) -> Check {
         CONFORM_TRY(auto request, make_request(s));
         request.enrol.proof[0] ^= 1;
         return refused(s, request, "bad_proof");
       }},
  };
}

}  // namespace stint::conform::scheduler
