#include "core/model/json_fields.hpp"

#include <algorithm>
#include <limits>

#include "core/model/similar_word.hpp"

namespace stint::core {

namespace json = boost::json;

namespace {

constexpr std::size_t kKeysMost = 32;  ///< a task's
constexpr std::int64_t kLargestMs = std::numeric_limits<std::int64_t>::max() / 1'000'000;

std::string shown(const json::value& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = json::serialize(value);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "…";
}

}  // namespace

Fields::Fields(const json::value& value, std::string path, std::optional<Error>& problem) : path_(std::move(path)), problem_(problem) {
  object_ = value.if_object();
  known_.reserve(kKeysMost);
  if (object_ == nullptr) report(path_, "expected an object, got " + shown(value));
}

std::string Fields::text(std::string_view key, std::string fallback) {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* string = value->if_string()) return std::string(*string);
  report_kind(key, "a string", *value);
  return fallback;
}

std::int64_t Fields::integer(std::string_view key, std::int64_t low, std::int64_t high, std::int64_t fallback) {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  json::error_code failed;
  const auto number = value->is_double() ? 0 : value->to_number<std::int64_t>(failed);
  if (!value->is_double() && !failed && number >= low && number <= high) return number;
  report_kind(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high), *value);
  return fallback;
}

std::uint32_t Fields::count(std::string_view key, std::uint32_t fallback) {
  return static_cast<std::uint32_t>(integer(key, 0, std::numeric_limits<std::uint32_t>::max(), fallback));
}

std::int64_t Fields::amount(std::string_view key, std::int64_t fallback) {
  return integer(key, 0, std::numeric_limits<std::int64_t>::max(), fallback);
}

Duration Fields::duration(std::string_view key, Duration fallback) { return from_ms(integer(key, 0, kLargestMs, to_ms(fallback))); }

bool Fields::flag(std::string_view key, bool fallback) {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_bool()) return value->get_bool();
  report_kind(key, "true or false", *value);
  return fallback;
}

std::vector<std::string> Fields::texts(std::string_view key) {
  std::vector<std::string> result;
  const json::array* items = list(key);
  if (items == nullptr) return result;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto* string = (*items)[i].if_string();
    if (string == nullptr) report(item_path(key, i), "expected a string, got " + shown((*items)[i]));
    result.emplace_back(string != nullptr ? std::string(*string) : std::string());
  }
  return result;
}

Pairs Fields::pairs(std::string_view key) {
  Pairs result;
  const json::value* value = find(key);
  if (value == nullptr) return result;
  const auto* object = value->if_object();
  if (object == nullptr) {
    report_kind(key, "an object of strings", *value);
    return result;
  }
  for (const auto& [name, item] : *object) {
    const auto* string = item.if_string();
    if (string == nullptr) report(key_path(key) + "." + std::string(name), "expected a string, got " + shown(item));
    result.emplace_back(std::string(name), string != nullptr ? std::string(*string) : std::string());
  }
  std::sort(result.begin(), result.end());
  return result;
}

const json::array* Fields::list(std::string_view key) {
  const json::value* value = find(key);
  if (value == nullptr) return nullptr;
  const auto* array = value->if_array();
  if (array == nullptr) report_kind(key, "a list", *value);
  return array;
}

const json::value* Fields::find(std::string_view key) {
  known_.push_back(key);
  if (object_ == nullptr) return nullptr;
  const json::value* value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string Fields::key_path(std::string_view key) const { return path_.empty() ? std::string(key) : path_ + "." + std::string(key); }
std::string Fields::item_path(std::string_view key, std::size_t index) const { return key_path(key) + "[" + std::to_string(index) + "]"; }

void Fields::report_kind(std::string_view key, const std::string& expected, const json::value& got) {
  report(key_path(key), "expected " + expected + ", got " + shown(got));
}

void Fields::report(const std::string& path, const std::string& what) {
  if (!problem_) problem_ = Error{Errc::invalid_argument, (path.empty() ? "job" : path) + ": " + what};
}

void Fields::finish() {
  if (object_ == nullptr) return;
  for (const auto& [key, value] : *object_) {
    const std::string_view name(key.data(), key.size());
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) report(key_path(name), "unknown key" + suggestion(name, known_));
  }
}

}  // namespace stint::core
