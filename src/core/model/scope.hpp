#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace stint::core {

/// What the holder of a token may do. docs/access.md says which route needs which.
enum class Scope : std::uint8_t {
  read,     ///< look
  submit,   ///< submit jobs, cancel one's own
  work,     ///< claim tasks and answer them
  operate,  ///< agents, and the jobs of others
  admin,    ///< tokens, and all the rest
};
inline constexpr std::array kScopes{Scope::read, Scope::submit, Scope::work, Scope::operate, Scope::admin};

[[nodiscard]] std::string_view to_string(Scope scope);
[[nodiscard]] std::optional<Scope> parse_scope(std::string_view word);

/// A set of scopes as given; what they imply is asked for with allow().
class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }
  [[nodiscard]] static constexpr Scopes from_bits(std::uint8_t bits) {
    Scopes scopes;
    scopes.bits_ = bits;
    return scopes;
  }
  constexpr void add(Scope scope) { bits_ = static_cast<std::uint8_t>(bits_ | bit(scope)); }
  [[nodiscard]] constexpr bool holds(Scope scope) const { return (bits_ & bit(scope)) != 0; }
  /// admin implies all, every scope implies read.
  [[nodiscard]] constexpr bool allow(Scope scope) const {
    return holds(scope) || holds(Scope::admin) || (scope == Scope::read && !empty());
  }
  [[nodiscard]] constexpr bool allow_any(Scopes wanted) const {
    for (const Scope scope : kScopes)
      if (wanted.holds(scope) && allow(scope)) return true;
    return false;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint8_t bits() const { return bits_; }
  friend constexpr bool operator==(Scopes, Scopes) = default;

 private:
  static constexpr std::uint8_t bit(Scope scope) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(scope)); }
  std::uint8_t bits_ = 0;
};

/// `read, submit`: as errors say it.
[[nodiscard]] std::string to_string(Scopes scopes);
/// `read,submit`: what a user types and the store keeps. The detail of an error names the word and all that are known.
[[nodiscard]] Result<Scopes> parse_scopes(std::string_view text);

}  // namespace stint::core
