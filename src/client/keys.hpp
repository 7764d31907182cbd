#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stint::client {

/// A key as a terminal in raw mode sends it.
struct Key {
  enum class Kind { character, up, down, left, right, page_up, page_down, home, end, enter, tab, back_tab, escape, backspace };
  Kind kind = Kind::character;
  std::string text;  ///< of a character: its UTF-8
  bool operator==(const Key&) const = default;
  [[nodiscard]] bool is(char c) const { return kind == Kind::character && text.size() == 1 && text[0] == c; }
};

/// Makes keys of bytes. What comes half is kept: a lone ESC is a key only when nothing follows it.
/// Source: ECMA-48 CSI and SS3 sequences as xterm, Linux console, tmux and screen send them.
class KeyReader {
 public:
  [[nodiscard]] std::vector<Key> feed(std::string_view bytes);
  /// Nothing has followed for a while: a lone ESC is the escape key.
  [[nodiscard]] std::vector<Key> flush();

 private:
  /// Bytes of the first key in `partial_`; 0: not whole yet.
  std::size_t take_key(std::vector<Key>& keys);

  std::string partial_;
};

}  // namespace stint::client
