#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// SHA-256, HKDF-SHA256 and AES-256-GCM of libcrypto behind signatures that cannot be misused by size. Nothing here draws random numbers:
/// nonces come from the caller. libcrypto running out of memory is an assertion.
namespace stint::wire {

inline constexpr std::size_t kDigestSize = 32;
using Digest = std::array<std::uint8_t, kDigestSize>;

[[nodiscard]] Digest sha256(ByteView data);
/// Of a ‖ b, for transcripts.
[[nodiscard]] Digest sha256(ByteView a, ByteView b);

/// In a time that does not depend on where they differ.
[[nodiscard]] bool equal_in_constant_time(const Digest& a, const Digest& b);

/// Overwrites in a way the optimizer must not remove.
void wipe(std::span<std::uint8_t> secret);

/// 32 secret bytes, wiped at the end of their life. `Tag` keeps a master from being used as a frame key.
template <class Tag>
struct Secret32 {
  std::array<std::uint8_t, 32> bytes{};

  Secret32() = default;
  explicit Secret32(const std::array<std::uint8_t, 32>& value) : bytes(value) {}
  Secret32(const Secret32&) = default;
  Secret32& operator=(const Secret32&) = default;
  ~Secret32() { wipe(bytes); }

  [[nodiscard]] ByteView view() const { return bytes; }
};

/// RFC 5869. `ikm` must not be empty; an empty salt stands for 32 zero bytes.
[[nodiscard]] Secret32<struct PrkTag> hkdf_extract(ByteView salt, ByteView ikm);
/// RFC 5869. `info` is at most 1,024 bytes (libcrypto's limit; ours are below 70).
///
/// Errors:  out_of_range  more than 255 * 32 bytes, or none, asked for.
[[nodiscard]] Status hkdf_expand(ByteView prk, ByteView info, std::span<std::uint8_t> out);

inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kAeadTagSize = 16;
using AeadNonce = std::array<std::uint8_t, kAeadNonceSize>;
using AeadKey = Secret32<struct AeadKeyTag>;

/// AES-256-GCM: ciphertext ‖ tag(16). A nonce must never come twice under one key.
[[nodiscard]] Bytes aead_seal(const AeadKey& key, const AeadNonce& nonce, ByteView associated, ByteView plain);
/// Errors:  unauthenticated  another key, nonce, associated data or ciphertext, or fewer bytes than a tag.
[[nodiscard]] Result<Bytes> aead_open(const AeadKey& key, const AeadNonce& nonce, ByteView associated, ByteView sealed);

// Ed25519 (RFC 8032). A private key is its 32-byte seed, random bytes of the caller.
using SigningKey = Secret32<struct SigningKeyTag>;
using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;
[[nodiscard]] PublicKey public_key_of(const SigningKey& key);
[[nodiscard]] Signature sign(const SigningKey& key, ByteView text);
[[nodiscard]] bool is_signed_by(const PublicKey& key, ByteView text, const Signature& signature);

}  // namespace stint::wire
