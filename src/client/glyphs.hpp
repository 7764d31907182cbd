#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// What a terminal makes of text: how wide it is, what it must not be sent, and what is left of it without UTF-8.
namespace stint::client {

/// What the terminal's locale can show.
enum class Charset { utf8, ascii };

/// One character of UTF-8 at `at`; `length` is 1 and `code` 0xFFFD where the bytes are none.
struct Character {
  char32_t code = 0;
  std::size_t length = 1;
};
[[nodiscard]] Character character_at(std::string_view text, std::size_t at);

/// Columns that it takes: 0 for combining marks, 2 for East Asian wide characters and emoji.
/// Source: the ranges of Unicode 15 EastAsianWidth W and F, blocks merged.
[[nodiscard]] std::size_t columns_of(char32_t code);

/// `text` without what would command the terminal instead of being shown: control characters, marks that turn the direction of
/// writing, broken UTF-8. Each becomes `?`, tabs and line breaks a space. Text of users' programs goes through here.
[[nodiscard]] std::string printable(std::string_view text);

/// Only ASCII: the marks that the product itself uses become their likes (`…` two dots, bars `#`), everything else `?`.
[[nodiscard]] std::string to_ascii(std::string_view text);

}  // namespace stint::client
