#include "core/model/json_text.hpp"

#include <algorithm>

namespace stint::core {
namespace {

bool is_escaped(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

void append_escape(std::string& text, char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"':
    case '\\': text.append({'\\', c}); return;
    case '\n': text += "\\n"; return;
    case '\r': text += "\\r"; return;
    case '\t': text += "\\t"; return;
    default: text.append("\\u00").append({kDigits[static_cast<unsigned char>(c) >> 4U], kDigits[static_cast<unsigned char>(c) & 15U]});
  }
}

}  // namespace

void JsonText::separate() {
  if (!std::exchange(is_first_, false)) text_ += ',';
}

JsonText& JsonText::open(char bracket) {
  separate();
  text_ += bracket;
  is_first_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  text_ += bracket;
  is_first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  text_.append("\"").append(name).append("\":");
  is_first_ = true;  // its value needs no comma
  return *this;
}

JsonText& JsonText::put_text(std::string_view name, std::string_view text) {
  separate();
  append_quoted(name);
  text_ += ':';
  append_quoted(text);
  return *this;
}

JsonText& JsonText::add(std::string_view text) {
  separate();
  append_quoted(text);
  return *this;
}

JsonText& JsonText::add_raw(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

void JsonText::append_quoted(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_escaped) - text.begin());
    text_.append(text.substr(0, plain));
    if (plain < text.size()) append_escape(text_, text[plain]);
    text.remove_prefix(std::min(plain + 1, text.size()));
  }
  text_ += '"';
}

}  // namespace stint::core
