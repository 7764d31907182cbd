#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace stint {

/// `2026-11-22T08:40:00.000Z` (RFC 3339).
[[nodiscard]] std::string format_utc(UnixMillis at);
/// The same, with or without the fraction of three digits; nullopt for anything else, other time zones too.
[[nodiscard]] std::optional<UnixMillis> parse_utc(std::string_view text);

}  // namespace stint
