#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace stint {

/// Names bytes by their SHA-256. All zero: no blob.
struct BlobId {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const BlobId&) const = default;
  explicit operator bool() const { return *this != BlobId{}; }
};

/// 64 hexadecimal digits, lower case.
[[nodiscard]] std::string to_hex(const BlobId& id);
/// Exactly 64 hexadecimal digits, nothing else; nullopt otherwise.
[[nodiscard]] std::optional<BlobId> parse_blob_id(std::string_view text);

}  // namespace stint

template <>
struct std::hash<stint::BlobId> {
  std::size_t operator()(const stint::BlobId& id) const noexcept {  // the digest is spread evenly already
    std::size_t value = 0;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
