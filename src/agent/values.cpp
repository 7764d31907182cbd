#include "agent/values.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace stint::agent {
namespace {

constexpr std::string_view kOpen = "${{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kItemPrefix = "item.";
constexpr std::size_t kShown = 100;  // of an item, in a message for people

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string shown(std::string_view item) {
  if (item.size() <= kShown) return std::string{item};
  return std::string{item.substr(0, kShown)} + "…";
}

}  // namespace

Result<std::string> Values::find(std::string_view name) const {
  if (name == "index") return std::to_string(index_);
  if (extra_ != nullptr) {
    const auto& values = extra_->values;
    const auto known = std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == name; });
    if (known != values.end()) return known->second;
    if (name == "item" && !extra_->is_batch) return extra_->item;
    if (name.starts_with(kItemPrefix) && !extra_->is_batch) return find_in_item(name.substr(kItemPrefix.size()));
    if (extra_->is_batch && name.starts_with("item"))
      return fail(Errc::invalid_argument,
                  "${{ " + std::string{name} + " }}: this attempt has a batch of items; $STINT_ITEM names their file");
  }
  return fail(Errc::invalid_argument, "${{ " + std::string{name} + " }} stands for nothing in this attempt");
}

Result<std::string> Values::find_in_item(std::string_view path) const {
  boost::system::error_code error;
  const auto parsed = boost::json::parse(extra_->item, error);
  const auto* value = error ? nullptr : &parsed;
  for (auto rest = path; value != nullptr && !rest.empty();) {
    const auto dot = std::min(rest.find('.'), rest.size());
    const auto* object = value->if_object();
    value = object == nullptr ? nullptr : object->if_contains(rest.substr(0, dot));
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  if (value == nullptr)
    return fail(Errc::invalid_argument,
                "${{ item." + std::string{path} + " }}: the item is no JSON object with it: " + shown(extra_->item));
  if (const auto* text = value->if_string()) return std::string{*text};
  return boost::json::serialize(*value);
}

Result<std::string> fill_in(std::string_view text, const Values& values) {
  std::string filled;
  for (auto at = text.find(kOpen); at != std::string_view::npos; at = text.find(kOpen)) {
    const auto end = text.find(kClose, at);
    if (end == std::string_view::npos) return fail(Errc::invalid_argument, "'" + shown(text.substr(at)) + "': }} is missing");
    STINT_TRY(const auto value, values.find(trim(text.substr(at + kOpen.size(), end - at - kOpen.size()))));
    filled += text.substr(0, at);
    filled += value;
    text.remove_prefix(end + kClose.size());
  }
  filled += text;
  return filled;
}

}  // namespace stint::agent
