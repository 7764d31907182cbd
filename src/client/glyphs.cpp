#include "client/glyphs.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace stint::client {
namespace {

using Range = std::pair<char32_t, char32_t>;

constexpr std::array<Range, 13> kWide{{{0x1100, 0x115F},
                                       {0x231A, 0x231B},
                                       {0x2E80, 0x303E},
                                       {0x3041, 0xA4CF},
                                       {0xA960, 0xA97F},
                                       {0xAC00, 0xD7A3},
                                       {0xF900, 0xFAFF},
                                       {0xFE30, 0xFE6F},
                                       {0xFF01, 0xFF60},
                                       {0xFFE0, 0xFFE6},
                                       {0x1F300, 0x1F64F},
                                       {0x1F680, 0x1FAFF},
                                       {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 7> kNoColumn{
    {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x200B, 0x200D}, {0x20D0, 0x20F0}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}}};
/// C0, DEL, C1, and the marks that turn the direction of writing.
constexpr std::array<Range, 6> kCommands{
    {{0x00, 0x1F}, {0x7F, 0x9F}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFFFD, 0xFFFD}}};

template <std::size_t Size>
bool is_in(const std::array<Range, Size>& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) { return code >= range.first && code <= range.second; });
}

/// What the product itself prints beyond ASCII.
std::string_view ascii_of(char32_t code) {
  switch (code) {
    case U'…': return "~";
    case U'·': return "-";
    case U'›': return ">";
    case U'↑': return "^";
    case U'↓': return "v";
    case U'─': return "-";
    case U'█': return "#";
    case U'░': return ".";
    case U'’': return "'";
    case U'–': return "-";
    default: return "?";
  }
}

}  // namespace

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xC2 && first < 0xE0 ? 2 : 0;
  if (length == 0 || at + length > text.size()) return {0xFFFD, 1};
  char32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {0xFFFD, 1};
    code = code << 6 | (byte(at + i) & 0x3FU);
  }
  const bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool is_none = is_overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);
  return is_none ? Character{0xFFFD, 1} : Character{code, length};
}

std::size_t columns_of(char32_t code) {
  if (code < 0x300) return 1;
  if (is_in(kNoColumn, code)) return 0;
  return is_in(kWide, code) ? 2 : 1;
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    const bool is_space = character.code == '\t' || character.code == '\n' || character.code == '\r';
    if (is_space)
      result += ' ';
    else if (is_in(kCommands, character.code))
      result += '?';
    else
      result += text.substr(at, character.length);
    at += character.length;
  }
  return result;
}

std::string to_ascii(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    if (character.code < 0x80)
      result += static_cast<char>(character.code);
    else
      result += ascii_of(character.code);
    at += character.length;
  }
  return result;
}

}  // namespace stint::client
