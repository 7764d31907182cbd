#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace stint::scheduler {

/// Tokens that let an attempt fetch and store blobs: `attempt.<job>.<group>.<index>.<attempt>.<HMAC>`. Nothing is stored of them: the key
/// follows from the cell's key-encryption key, and whether the attempt is live is asked at each use.
class AttemptTokens {
 public:
  explicit AttemptTokens(ByteView key_encryption_key);

  [[nodiscard]] std::string make(const AttemptRef& ref) const;
  /// The attempt that a token of this cell names; nullopt for every other text. In a time that tells nothing of the HMAC.
  [[nodiscard]] std::optional<AttemptRef> check(std::string_view token) const;

 private:
  [[nodiscard]] std::string sign(std::string_view name) const;

  std::array<std::uint8_t, 32> key_{};
};

}  // namespace stint::scheduler
