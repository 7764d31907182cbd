#include "client/keys.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "client/glyphs.hpp"

namespace stint::client {
namespace {

constexpr std::size_t kSequenceMax = 32;  // longer is no key

std::optional<Key::Kind> kind_of_letter(char letter) {
  switch (letter) {
    case 'A': return Key::Kind::up;
    case 'B': return Key::Kind::down;
    case 'C': return Key::Kind::right;
    case 'D': return Key::Kind::left;
    case 'H': return Key::Kind::home;
    case 'F': return Key::Kind::end;
    case 'Z': return Key::Kind::back_tab;
    default: return std::nullopt;
  }
}

std::optional<Key::Kind> kind_of_number(std::string_view number) {
  if (number == "1" || number == "7") return Key::Kind::home;
  if (number == "4" || number == "8") return Key::Kind::end;
  if (number == "5") return Key::Kind::page_up;
  if (number == "6") return Key::Kind::page_down;
  return std::nullopt;
}

std::optional<Key::Kind> kind_of_control(char c) {
  switch (c) {
    case '\r':
    case '\n': return Key::Kind::enter;
    case '\t': return Key::Kind::tab;
    case '\b':
    case '\x7f': return Key::Kind::backspace;
    default: return std::nullopt;
  }
}

}  // namespace

std::vector<Key> KeyReader::feed(std::string_view bytes) {
  partial_ += bytes;
  std::vector<Key> keys;
  while (!partial_.empty()) {
    const std::size_t taken = take_key(keys);
    if (taken == 0) break;
    partial_.erase(0, taken);
  }
  return keys;
}

std::vector<Key> KeyReader::flush() {
  const std::string rest = std::exchange(partial_, {});
  return rest == "\x1b" ? std::vector<Key>{{Key::Kind::escape, {}}} : std::vector<Key>{};
}

std::size_t KeyReader::take_key(std::vector<Key>& keys) {
  const std::string_view text = partial_;
  if (text[0] == '\x1b') {
    if (text.size() == 1) return 0;
    if (text[1] != '[' && text[1] != 'O') {  // ESC and then another key
      keys.push_back({Key::Kind::escape, {}});
      return 1;
    }
    const std::size_t end = text.find_first_not_of("0123456789;?<", 2);
    if (end == std::string_view::npos) return text.size() > kSequenceMax ? text.size() : 0;
    const std::string_view number = text.substr(2, text.find_first_of(";~", 2) - 2);
    const auto kind = text[end] == '~' ? kind_of_number(number) : kind_of_letter(text[end]);
    if (kind) keys.push_back({*kind, {}});
    return end + 1;
  }
  if (const auto kind = kind_of_control(text[0])) {
    keys.push_back({*kind, {}});
    return 1;
  }
  if (static_cast<unsigned char>(text[0]) < 0x20) return 1;
  const unsigned char first = static_cast<unsigned char>(text[0]);
  const std::size_t wanted = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < wanted) return 0;
  const Character character = character_at(text, 0);
  if (character.code != 0xFFFD) keys.push_back({Key::Kind::character, std::string(text.substr(0, character.length))});
  return character.length;
}

}  // namespace stint::client
