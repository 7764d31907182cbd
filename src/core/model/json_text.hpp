#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace stint::core {

/// JSON written piece by piece, without a tree of it before: it goes into a row of every job and every event.
class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }

  /// What comes next is the value of this member. Its name is one of our own words: nothing in it is escaped.
  JsonText& key(std::string_view name);

  JsonText& add(std::string_view text);
  JsonText& add(const std::string& text) { return add(std::string_view(text)); }
  JsonText& add(const char* text) { return add(std::string_view(text)); }
  JsonText& add(bool value) { return add_raw(value ? "true" : "false"); }
  JsonText& add(std::integral auto value) { return add_raw(std::to_string(value)); }
  JsonText& add(std::nullptr_t) { return add_raw("null"); }
  /// JSON as it is.
  JsonText& add_raw(std::string_view json);

  template <class Value>
  JsonText& put(std::string_view name, const Value& value) {
    return key(name).add(value);
  }
  /// Of any name.
  JsonText& put_text(std::string_view name, std::string_view text);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  void separate();
  void append_quoted(std::string_view text);

  std::string text_;
  bool is_first_ = true;  ///< nothing stands before in this object or array
};

}  // namespace stint::core
