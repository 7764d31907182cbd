#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "wire/crypto.hpp"

namespace stint::wire {

// The key schedule. All HKDF-SHA256 (RFC 5869); numbers little-endian; labels ASCII without a terminator; outputs 32 bytes.
//
//   key        derivation                                      info                                                     bytes of info
//   agent key  Expand(master of the key epoch)                 "stint agent" ‖ agent number u64 ‖ generation u32          11 + 8 + 4
//   hello a2s  Expand(agent key)                               "stint hello a2s"                                          15
//   hello s2a  Expand(agent key)                               "stint hello s2a"                                          15
//   prk        Extract(salt = nonce_c ‖ nonce_s, agent key)
//   k_a2s      Expand(prk)                                     "stint session a2s" ‖ SHA-256(HELLO ‖ HELLO_ACK frames)    17 + 32
//   k_s2a      Expand(prk)                                     "stint session s2a" ‖ the same                             17 + 32
//
//   enrol prk  Extract(salt = token id u64, secret of the token)
//   enrol a2s  Expand(enrol prk)                               "stint enrol a2s"                                          15
//   enrol s2a  Expand(enrol prk)                               "stint enrol s2a"                                          15
//   enrol wrap Expand(Extract(salt = nonce_c ‖ nonce_s, enrol prk))   "stint enrol wrap" ‖ SHA-256(ENROL frame)            16 + 32
//   rekey wrap Expand(Extract(salt = nonce, agent key))        "stint rekey wrap"                                         16
//
// a2s: agent to scheduler; s2a: back. No label is a prefix of another with the same key, so no two derivations can meet.
// Source: docs/protocol.md "Key schedule".

using MasterKey = Secret32<struct MasterKeyTag>;  ///< one per key epoch; never leaves the scheduler
using AgentKey = Secret32<struct AgentKeyTag>;    ///< one per agent, key epoch and generation
using FrameKey = Secret32<struct FrameKeyTag>;    ///< what a MacKey is made of

inline constexpr std::size_t kNonceSize = 32;
using Nonce = std::array<std::uint8_t, kNonceSize>;

/// One key per direction, so that no frame can be sent back to its sender.
struct DirectionKeys {
  FrameKey a2s;
  FrameKey s2a;
};

/// Raising an agent's generation makes its old keys worthless: that is how one agent is revoked.
[[nodiscard]] AgentKey derive_agent_key(const MasterKey& master, AgentNumber agent, std::uint32_t generation);

/// Keys of HELLO (a2s) and HELLO_ACK (s2a).
[[nodiscard]] DirectionKeys derive_hello_keys(const AgentKey& key);

/// Over whole frames, header to tag: both sides have seen the same handshake or share no key.
[[nodiscard]] Digest handshake_transcript(ByteView hello_frame, ByteView hello_ack_frame);

/// Keys of the DATA frames of one session.
[[nodiscard]] DirectionKeys derive_session_keys(const AgentKey& key, const Nonce& nonce_c, const Nonce& nonce_s, const Digest& transcript);

// ---- enrolment and rotation

/// Of a token's secret; what the scheduler keeps of it.
using EnrolPrk = Secret32<struct EnrolPrkTag>;
/// `secret` is at least 16 bytes.
[[nodiscard]] EnrolPrk derive_enrol_prk(std::uint64_t token, ByteView secret);
/// Keys of ENROL (a2s) and ENROL_ACK (s2a).
[[nodiscard]] DirectionKeys derive_enrol_keys(const EnrolPrk& prk);
/// `enrol`: SHA-256 of the whole ENROL frame, header to tag.
[[nodiscard]] AeadKey derive_enrol_wrap_key(const EnrolPrk& prk, const Nonce& nonce_c, const Nonce& nonce_s, const Digest& enrol);
/// For one Rekey: `key` is the agent key of the session that carries it, `nonce` fresh.
[[nodiscard]] AeadKey derive_rekey_wrap_key(const AgentKey& key, const Nonce& nonce);

/// Whose key, of which master and generation: what a wrapped key is bound to.
struct AgentKeyAddress {
  AgentNumber agent;
  KeyEpoch epoch;
  std::uint32_t generation = 0;
};
inline constexpr std::size_t kWrappedKeySize = 32 + kAeadTagSize;
using WrappedKey = std::array<std::uint8_t, kWrappedKeySize>;

/// `wrap` must be used for nothing else: the AEAD nonce is zero.
[[nodiscard]] WrappedKey wrap_agent_key(const AeadKey& wrap, const AgentKeyAddress& address, const AgentKey& key);
/// Errors:  unauthenticated  another wrap key or address, or changed on the way.
[[nodiscard]] Result<AgentKey> unwrap_agent_key(const AeadKey& wrap, const AgentKeyAddress& address, const WrappedKey& wrapped);

/// What an agent signs to show that it holds the private half of the key it enrols with:
/// "stint enrol proof" ‖ token id u64 ‖ nonce(32) ‖ public key(32) ‖ cell(32).
[[nodiscard]] Bytes enrol_proof_text(std::uint64_t token, const Nonce& nonce, const PublicKey& key, const Digest& cell);

}  // namespace stint::wire
