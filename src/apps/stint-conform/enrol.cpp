#include "apps/stint-conform/enrol.hpp"

#include <algorithm>

#include "apps/stint-conform/process.hpp"
#include "wire/frame_reader.hpp"

namespace stint::conform {
namespace {

std::string end_of(const Peer& peer) { return peer.closed() ? "the connection closed" : "nothing"; }

/// A frame of an enrolment of this kind, authentic, with an envelope that opens.
Checked<protocol::Envelope> open_frame_of(const Frame& frame, wire::FrameKind kind, const Ticket& ticket, wire::MacKey key) {
  const auto& header = frame.header;
  const bool is_right = header.kind == kind && header.key_epoch == 0 && header.sequence == 0 && header.flags == 0 &&
                        header.principal == ticket.token.id && header.body_length <= wire::limits::kBodyBeforeHandshake;
  if (!is_right)
    return differ(std::string(kind == wire::FrameKind::enrol ? "ENROL" : "ENROL_ACK") + " of at most 4,096 bytes, key epoch 0, principal " +
                      std::to_string(ticket.token.id) + ", sequence 0, flags 0",
                  describe(header));
  wire::AlignedBuffer plain;
  const auto buffer = wire::open_frame(frame.raw(), key, 0, plain);
  if (!buffer) return differ("the MAC of the token's key", to_string(buffer.error()));
  auto envelope = protocol::open_envelope(*buffer);
  if (!envelope) return differ("a good envelope", envelope.error().detail);
  return *envelope;
}

}  // namespace

Ticket make_ticket(const protocol::EnrolToken& token) { return {token, wire::derive_enrol_prk(token.id, token.secret)}; }

Ticket random_ticket(const wire::Digest& cell) {
  protocol::EnrolToken token;
  std::array<std::uint8_t, 8> id{};
  fill_random(id);
  token.id = load_le<std::uint64_t>(id.data()) | 1;
  fill_random(token.secret);
  token.cell = cell;
  return make_ticket(token);
}

wire::MacKey enrol_key(const Ticket& ticket) { return wire::MacKey(wire::derive_enrol_keys(ticket.prk).a2s.view()); }
wire::MacKey enrol_ack_key(const Ticket& ticket) { return wire::MacKey(wire::derive_enrol_keys(ticket.prk).s2a.view()); }

wire::SigningKey random_signing_key() {
  wire::SigningKey key;
  fill_random(key.bytes);
  return key;
}

void prove(protocol::Enrol& enrol, const wire::SigningKey& key) {
  enrol.proof = wire::sign(key, wire::enrol_proof_text(enrol.token, enrol.nonce, enrol.public_key, enrol.cell));
}

protocol::Enrol make_enrol(const Ticket& ticket, const wire::SigningKey& key) {
  protocol::Enrol enrol;
  enrol.token = ticket.token.id;
  fill_random(enrol.nonce);
  enrol.public_key = wire::public_key_of(key);
  enrol.cell = ticket.token.cell;
  std::array<std::uint8_t, 6> name{};
  fill_random(name);
  enrol.name = "conform-" + to_hex(name);
  enrol.host = "conform";
  prove(enrol, key);
  return enrol;
}

wire::Header enrol_header(const Ticket& ticket) { return {wire::FrameKind::enrol, 0, 0, 0, 0, ticket.token.id, 0}; }

Bytes enrol_frame(const Ticket& ticket, const protocol::Enrol& enrol, Edit edit) {
  auto key = enrol_key(ticket);
  return seal({enrol_header(ticket), handshake_body(enrol, wall_ms()), std::move(edit)}, key);
}

Bytes enrol_frame_of(const Ticket& ticket, Bytes body) {
  auto key = enrol_key(ticket);
  return seal({enrol_header(ticket), std::move(body), {}}, key);
}

Checked<protocol::EnrolAck> read_enrol_ack(Peer& peer, const Ticket& ticket, const protocol::Enrol& enrol) {
  CONFORM_TRY(const auto frame, peer.next_frame(now() + limits::kPatience));
  if (!frame) return differ("ENROL_ACK", end_of(peer));
  CONFORM_TRY(const auto envelope, open_frame_of(*frame, wire::FrameKind::enrol_ack, ticket, enrol_ack_key(ticket)));
  const auto ack = protocol::decode_enrol_ack(envelope);
  if (!ack) return differ("a good EnrolAck", ack.error().detail);
  if (ack->token != ticket.token.id) return differ("the token of the header in EnrolAck", std::to_string(ack->token));
  if (ack->nonce_echo != enrol.nonce) return differ("the nonce of ENROL in EnrolAck", to_hex(ack->nonce_echo));
  return *ack;
}

Checked<Identity> open_grant(const Ticket& ticket, const protocol::Enrol& enrol, ByteView frame, const protocol::EnrolAck& ack) {
  if (!ack.code.empty()) return differ("ENROL_ACK with a key", "code `" + ack.code + "` (" + ack.detail + ")");
  if (ack.version != 1) return differ("version 1", std::to_string(ack.version));
  const auto wrap = wire::derive_enrol_wrap_key(ticket.prk, enrol.nonce, ack.nonce, wire::sha256(frame));
  const auto key = wire::unwrap_agent_key(wrap, {ack.agent, ack.key_epoch, ack.generation}, ack.wrapped_key);
  if (!key) return differ("a key that opens under *enrol wrap*", "one that does not");
  return Identity{ack.agent.value, ack.key_epoch.value, key->bytes, ack.name};
}

Checked<Asked> read_enrol(Peer peer, const Ticket& ticket) {
  CONFORM_TRY(auto frame, peer.next_frame(now() + limits::kPatience));
  if (!frame) return differ("ENROL", end_of(peer));
  CONFORM_TRY(const auto envelope, open_frame_of(*frame, wire::FrameKind::enrol, ticket, enrol_key(ticket)));
  auto enrol = protocol::decode_enrol(envelope);
  if (!enrol) return differ("a good Enrol", enrol.error().detail);
  if (enrol->token != ticket.token.id) return differ("the token of the header in Enrol", std::to_string(enrol->token));
  if (enrol->cell != ticket.token.cell) return differ("the cell of the token in Enrol", to_hex(enrol->cell));
  if (enrol->version_min > 1 || enrol->version_max < 1)
    return differ("1 within its versions", std::to_string(enrol->version_min) + " to " + std::to_string(enrol->version_max));
  const auto text = wire::enrol_proof_text(enrol->token, enrol->nonce, enrol->public_key, enrol->cell);
  if (!wire::is_signed_by(enrol->public_key, text, enrol->proof)) return differ("a proof by `public_key`", "one that is not");
  return Asked{std::move(peer), *std::move(enrol), *std::move(frame)};
}

protocol::EnrolAck make_enrol_ack(const Asked& asked, const Ticket& ticket, const Identity& identity) {
  protocol::EnrolAck ack;
  ack.token = ticket.token.id;
  fill_random(ack.nonce);
  ack.nonce_echo = asked.enrol.nonce;
  ack.version = 1;
  ack.agent = AgentNumber{identity.agent};
  ack.key_epoch = KeyEpoch{identity.key_epoch};
  ack.name = identity.name;
  const auto wrap = wire::derive_enrol_wrap_key(ticket.prk, asked.enrol.nonce, ack.nonce, wire::sha256(asked.frame.bytes));
  ack.wrapped_key = wire::wrap_agent_key(wrap, {ack.agent, ack.key_epoch, ack.generation}, wire::AgentKey(identity.key));
  return ack;
}

Bytes enrol_ack_frame(const Ticket& ticket, const protocol::EnrolAck& ack, Edit edit) {
  auto key = enrol_ack_key(ticket);
  return seal({{wire::FrameKind::enrol_ack, 0, 0, 0, 0, ticket.token.id, 0}, handshake_body(ack, wall_ms()), std::move(edit)}, key);
}

}  // namespace stint::conform
