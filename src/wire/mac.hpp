#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "wire/frame.hpp"

namespace stint::wire {

/// HMAC-SHA256 under one key, the key schedule done once: fetching and keying per message would cost more than the MAC of a small frame.
/// The key is wiped with the object. Tags are never truncated.
///
/// Thread:  one at a time; give each session and direction its own.
class MacKey {
 public:
  explicit MacKey(ByteView key);  ///< 32 bytes in frames; any length but 0
  MacKey(MacKey&&) noexcept = default;
  MacKey& operator=(MacKey&&) noexcept = default;

  /// The tag of a ‖ b.
  void tag(ByteView a, ByteView b, std::span<std::uint8_t, kTagSize> out);
  /// The same of a message that comes in pieces: begin, update …, finish.
  void begin();
  void update(ByteView piece);
  void finish(std::span<std::uint8_t, kTagSize> out);

  /// Compares in constant time.
  [[nodiscard]] bool check(ByteView a, ByteView b, std::span<const std::uint8_t, kTagSize> tag);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const;
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

}  // namespace stint::wire
