#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "wire/crypto.hpp"

namespace stint::protocol {

inline constexpr std::size_t kEnrolSecretSize = 16;

/// The one word that `stint agent join` takes: `st1_` and the base64url of these bytes, 84 characters in all.
///
///   off size field
///     0    8 id      of the token, little-endian, not 0
///     8   16 secret
///    24   32 cell    SHA-256 of the cell's public key
///    56    4 check   the first bytes of the SHA-256 of those before: one wrong letter is told as such
///
/// Source: docs/protocol.md "Enrolment".
struct EnrolToken {
  std::uint64_t id = 0;
  std::array<std::uint8_t, kEnrolSecretSize> secret{};
  wire::Digest cell{};

  EnrolToken() = default;
  EnrolToken(const EnrolToken&) = default;
  EnrolToken& operator=(const EnrolToken&) = default;
  ~EnrolToken() { wire::wipe(secret); }
  bool operator==(const EnrolToken&) const = default;
};

[[nodiscard]] std::string to_text(const EnrolToken& token);
/// Errors:  invalid_argument  not such a word, cut, or mistyped: the detail says which, and never the word.
[[nodiscard]] Result<EnrolToken> parse_enrol_token(std::string_view text);

/// A token's id for people, logs and paths: 16 hexadecimal digits.
[[nodiscard]] std::string enrol_token_name(std::uint64_t id);

}  // namespace stint::protocol
