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

}  // namespace stint::wire
