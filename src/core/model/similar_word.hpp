#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stint::core {

/// The word of `known` that `word` was most likely meant to be: fewest insertions, deletions, replacements and swaps of neighbours;
/// at most one of them for every three letters. The first of equals. For "did you mean".
[[nodiscard]] std::optional<std::string_view> find_similar_word(std::string_view word, std::span<const std::string_view> known);

/// `; did you mean "memory"?`, or nothing if no word comes close.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace stint::core
