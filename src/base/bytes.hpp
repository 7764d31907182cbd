#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stint {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

[[nodiscard]] std::string to_hex(ByteView bytes);
/// False if `text` is not an even number of hexadecimal digits.
[[nodiscard]] bool from_hex(std::string_view text, Bytes& out);

/// RFC 4648 with padding.
[[nodiscard]] std::string to_base64(ByteView bytes);

/// Little-endian loads and stores, for headers and journals; `p` needs no alignment.
template <class T>
[[nodiscard]] T load_le(const std::uint8_t* p) {
  T value{};
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(static_cast<T>(p[i]) << (8 * i)));
  return value;
}
template <class T>
void store_le(std::uint8_t* p, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) p[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace stint
