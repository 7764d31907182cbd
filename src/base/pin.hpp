#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace stint {

/// A public key by name: the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469). It outlives the certificate, which may be renewed.
struct Pin {
  std::array<std::uint8_t, 32> spki_sha256{};
  /// In a time that does not depend on where they differ.
  bool operator==(const Pin& other) const;
};

/// `sha256:` and 64 hexadecimal digits.
[[nodiscard]] std::string to_text(const Pin& pin);
/// Errors:  invalid_argument  the detail says the form.
[[nodiscard]] Result<Pin> parse_pin(std::string_view text);
/// Several with commas between them; blanks are passed over, an empty text is none. A list of at most kPinsMax.
/// Errors:  invalid_argument, out_of_range.
[[nodiscard]] Result<std::vector<Pin>> parse_pins(std::string_view text);
/// With commas between them.
[[nodiscard]] std::string to_text(const std::vector<Pin>& pins);

inline constexpr std::size_t kPinsMax = 8;  ///< the cell's keys that count at a time: the present one, the next, those of more schedulers

}  // namespace stint
