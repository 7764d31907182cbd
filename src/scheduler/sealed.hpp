#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ports/entropy.hpp"

namespace stint::scheduler {

/// Made at the first start and kept beside the database: what is secret there is sealed under it.
using KekBytes = std::array<std::uint8_t, 32>;

/// What a sealed secret is, so that no row can be put in another's place.
struct SealedAs {
  std::string_view label;
  std::uint64_t id = 0;
};

/// nonce(12) ‖ AES-256-GCM(key-encryption key, nonce, associated data = label ‖ id u64, secret) ‖ tag(16).
[[nodiscard]] Bytes seal_secret(const KekBytes& kek, const SealedAs& as, ByteView secret, ports::Entropy& entropy);
/// Errors:  corrupt  sealed under another key-encryption key, as something else, of another size, or changed since.
[[nodiscard]] Result<std::array<std::uint8_t, 32>> open_secret(const KekBytes& kek, const SealedAs& as, ByteView sealed);

}  // namespace stint::scheduler
