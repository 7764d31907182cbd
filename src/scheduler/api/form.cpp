#include "scheduler/api/form.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kItem = "$item";

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

/// One `$item` or `$item.KEY` in a text.
struct Reference {
  std::size_t begin = 0, end = 0;
  std::string_view key;  ///< empty: the item itself
};

std::optional<Reference> find_reference(std::string_view text, std::size_t from) {
  for (auto begin = text.find(kItem, from); begin != std::string_view::npos; begin = text.find(kItem, begin + 1)) {
    std::size_t end = begin + kItem.size();
    if (end < text.size() && is_word(text[end])) continue;  // `$items` is another word
    if (end + 1 >= text.size() || text[end] != '.' || !is_word(text[end + 1])) return Reference{begin, end, {}};
    const std::size_t key = ++end;
    while (end < text.size() && is_word(text[end])) ++end;
    return Reference{begin, end, text.substr(key, end - key)};
  }
  return std::nullopt;
}

class Filler {
 public:
  Filler(const json::value& item, std::size_t most_bytes) : item_(item), left_(most_bytes) {}

  [[nodiscard]] json::value fill(const json::value& value) {  // as deep as the parser let it be
    if (const auto* text = value.if_string()) return fill_text(std::string_view(*text));
    if (const auto* list = value.if_array()) {
      json::array filled;
      for (const auto& element : *list) filled.push_back(fill(element));
      return filled;
    }
    if (const auto* object = value.if_object()) {
      json::object filled;
      for (const auto& [key, element] : *object) filled[key] = fill(element);
      return filled;
    }
    return value;
  }

 private:
  json::value fill_text(std::string_view text) {
    const auto first = find_reference(text, 0);
    if (!first) return json::string(text);
    if (first->begin == 0 && first->end == text.size()) {
      const json::value* meant = find_meant(first->key);
      return meant != nullptr && take(json::serialize(*meant).size()) ? *meant : json::value(text);
    }
    std::string filled;
    std::size_t at = 0;
    for (auto reference = first; reference; reference = find_reference(text, at)) {
      filled += text.substr(at, reference->begin - at);
      const json::value* meant = find_meant(reference->key);
      const std::string words = meant == nullptr ? std::string() : words_of(*meant);
      const bool is_filled = meant != nullptr && take(words.size());
      filled += is_filled ? std::string_view(words) : text.substr(reference->begin, reference->end - reference->begin);
      at = reference->end;
    }
    return json::string(filled.append(text.substr(at)));
  }

  /// nullptr: the reference means nothing here.
  const json::value* find_meant(std::string_view key) const {
    static const json::value kNothing = nullptr;
    if (key.empty()) return &item_;
    const auto* object = item_.if_object();
    if (object == nullptr) return nullptr;
    const auto* value = object->if_contains(key);
    return value == nullptr ? &kNothing : value;
  }

  static std::string words_of(const json::value& value) {
    if (value.is_null()) return {};
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  }

  bool take(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

  const json::value& item_;
  std::size_t left_;
};

}  // namespace

json::value fill_form(const json::value& form, const json::value& item, std::size_t most_bytes) {
  return Filler(item, most_bytes).fill(form);
}

}  // namespace stint::scheduler::api
