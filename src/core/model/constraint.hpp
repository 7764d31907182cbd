#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace stint::core {

/// What an agent's label must be like.
enum class ConstraintOp : std::uint8_t { equal, not_equal, in, not_in, exists, not_exists, less, less_or_equal, greater, greater_or_equal };

/// `zone != b`, `zone in (a, b)`, `zone exists`, `speed >= 5`. A label that is absent satisfies `!=`, `not in` and `not exists` only.
/// The four comparisons are of decimal numbers; a label that is none does not satisfy them.
struct Constraint {
  std::string label;
  ConstraintOp op = ConstraintOp::equal;
  std::vector<std::string> values;  ///< one; several for `in` and `not in`; none for `exists` and `not exists`
  auto operator<=>(const Constraint&) const = default;
};

/// Errors:  invalid_argument  the detail shows the text, what is wrong with it and the forms that are accepted.
[[nodiscard]] Result<Constraint> parse_constraint(std::string_view text);
/// As parse_constraint reads it again.
[[nodiscard]] std::string to_string(const Constraint& constraint);
[[nodiscard]] bool is_met(const Constraint& constraint, const std::vector<std::pair<std::string, std::string>>& labels);

}  // namespace stint::core
