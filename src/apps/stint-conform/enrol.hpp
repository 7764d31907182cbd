#pragma once

#include <string>

#include "apps/stint-conform/handshake.hpp"
#include "protocol/enrol_token.hpp"

/// Both frames of an enrolment, for either side.
namespace stint::conform {

/// A token with what its secret gives.
struct Ticket {
  protocol::EnrolToken token;
  wire::EnrolPrk prk;
};
[[nodiscard]] Ticket make_ticket(const protocol::EnrolToken& token);
/// A token that nobody has made, of a cell with this pin; zero bytes: it has none.
[[nodiscard]] Ticket random_ticket(const wire::Digest& cell = {});

[[nodiscard]] wire::MacKey enrol_key(const Ticket& ticket);      ///< of ENROL
[[nodiscard]] wire::MacKey enrol_ack_key(const Ticket& ticket);  ///< of ENROL_ACK

/// A good request of the holder of `key`, with a fresh nonce.
[[nodiscard]] protocol::Enrol make_enrol(const Ticket& ticket, const wire::SigningKey& key);
/// The proof again, after something that it covers has changed.
void prove(protocol::Enrol& enrol, const wire::SigningKey& key);
[[nodiscard]] wire::SigningKey random_signing_key();

[[nodiscard]] wire::Header enrol_header(const Ticket& ticket);
[[nodiscard]] Bytes enrol_frame(const Ticket& ticket, const protocol::Enrol& enrol, Edit edit = {});
/// An ENROL with any body.
[[nodiscard]] Bytes enrol_frame_of(const Ticket& ticket, Bytes body);

// ---- the agent's part, which we play
/// ENROL_ACK as the scheduler must make it: kind, header, MAC, token, echo. With or without a code.
[[nodiscard]] Checked<protocol::EnrolAck> read_enrol_ack(Peer& peer, const Ticket& ticket, const protocol::Enrol& enrol);
/// The key in it opens, and this is who we are with it.
[[nodiscard]] Checked<Identity> open_grant(const Ticket& ticket, const protocol::Enrol& enrol, ByteView enrol_frame,
                                           const protocol::EnrolAck& ack);

// ---- the scheduler's part, which we play
struct Asked {
  Peer peer;
  protocol::Enrol enrol;
  Frame frame;
};
/// The agent's ENROL, which must be a good one: header, MAC, token, cell, range of versions, proof.
[[nodiscard]] Checked<Asked> read_enrol(Peer peer, const Ticket& ticket);
/// The answer that makes it `identity`.
[[nodiscard]] protocol::EnrolAck make_enrol_ack(const Asked& asked, const Ticket& ticket, const Identity& identity);
[[nodiscard]] Bytes enrol_ack_frame(const Ticket& ticket, const protocol::EnrolAck& ack, Edit edit = {});

}  // namespace stint::conform
