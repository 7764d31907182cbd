#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"

/// The words of a scenario's line, and what they say one by one.
namespace stint::sim::scenario {

/// What a scenario may last, and anything in it.
inline constexpr Duration kLongest = std::chrono::hours{24 * 3650};

struct Word {
  std::string text;
  std::size_t column = 1;
};

/// A line that cannot be read: which word, and why. Thrown by what reads words, caught where a line is played; it leaves no folder.
struct BadText : std::runtime_error {
  BadText(const Word& bad, const std::string& why) : std::runtime_error(why), word(bad) {}
  Word word;
};

[[nodiscard]] std::vector<Word> split_words(std::string_view line);
/// Pieces between separators, none of them empty, with their columns.
[[nodiscard]] std::vector<Word> split_at(const Word& word, char separator);

[[nodiscard]] std::uint64_t read_number(const Word& word);
[[nodiscard]] std::uint32_t read_count(const Word& word);
/// Of either sign.
[[nodiscard]] std::int32_t read_integer(const Word& word);
/// `8Gi`, `500m` (thousandths of `unit`), `2`.
[[nodiscard]] std::int64_t read_quantity(const Word& word, std::int64_t unit = 1);
/// `10ms`, `90s`, `15m`, `2h`, `3d`; at most kLongest.
[[nodiscard]] Duration read_duration(const Word& word);

/// `name=value` words of a line, in order. Asking for one by name marks it as understood; refuse_rest() says which was not.
class Options {
 public:
  Options(std::span<const Word> words, std::vector<std::string_view> known);

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The value with its place; nullptr: not given.
  [[nodiscard]] const Word* find(std::string_view name) const;
  /// Pieces of a list, `a,b`; empty: not given.
  [[nodiscard]] std::vector<Word> list(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, Word>>& all() const { return options_; }

 private:
  std::vector<std::pair<std::string, Word>> options_;
};

}  // namespace stint::sim::scenario
