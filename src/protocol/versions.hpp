#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

/// Versions of the protocol, as HELLO and ENROL name them.
/// Source:  docs/protocol.md "Versions".
namespace stint::protocol {

/// Both ends included.
struct VersionRange {
  std::uint16_t min = 1;
  std::uint16_t max = 1;
  [[nodiscard]] bool holds(std::uint16_t version) const { return min <= version && version <= max; }
};

inline constexpr VersionRange kVersions{1, 1};  ///< that this program speaks

/// The highest that is in both.
[[nodiscard]] inline std::optional<std::uint16_t> choose_version(VersionRange offered, VersionRange spoken) {
  const std::uint16_t highest = std::min(offered.max, spoken.max);
  if (!offered.holds(highest) || !spoken.holds(highest)) return std::nullopt;
  return highest;
}

[[nodiscard]] inline std::string to_text(VersionRange range) { return std::to_string(range.min) + " to " + std::to_string(range.max); }

/// Why there is no common one.
[[nodiscard]] inline std::string name_both(VersionRange offered, VersionRange spoken) {
  return "versions " + to_text(offered) + " offered, " + to_text(spoken) + " spoken";
}

/// Why an answer is refused that chose one which was not offered.
[[nodiscard]] inline std::string name_chosen(std::uint16_t chosen, VersionRange offered) {
  return "chose version " + std::to_string(chosen) + ", versions " + to_text(offered) + " offered";
}

}  // namespace stint::protocol
