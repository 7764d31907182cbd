#include "client/key_views.hpp"

#include <boost/json.hpp>

namespace stint::client {
namespace {

namespace json = boost::json;

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint64_t number(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  boost::system::error_code problem;
  const auto result = value != nullptr && value->is_number() ? value->to_number<std::uint64_t>(problem) : 0;
  return problem ? 0 : result;
}

template <class Read>
void each(const json::object& object, std::string_view key, const Read& read) {
  const auto* list = object.if_contains(key);
  if (list == nullptr || !list->is_array()) return;
  for (const auto& item : list->get_array())
    if (item.is_object()) read(item.get_object());
}

}  // namespace

Result<KeysView> parse_keys_view(std::string_view bytes) {
  boost::system::error_code problem;
  const auto value = json::parse(bytes, problem);
  if (problem || !value.is_object() || !value.get_object().contains("current"))
    return fail(Errc::corrupt, "the scheduler's answer is no JSON object of keys: " + std::string(bytes.substr(0, 80)));
  const auto& object = value.get_object();
  KeysView keys;
  keys.current = number(object, "current");
  keys.next_rotation_at = text(object, "next_rotation_at");
  each(object, "items", [&](const json::object& item) {
    keys.epochs.push_back({number(item, "key_epoch"), text(item, "state"), number(item, "agents"), text(item, "installed_at"),
                           text(item, "retire_at"), text(item, "retired_at"), text(item, "removed_at")});
  });
  each(object, "behind", [&](const json::object& item) {
    const auto* connected = item.if_contains("connected");
    keys.behind.push_back({text(item, "agent"), number(item, "key_epoch"), text(item, "key_state"),
                           connected != nullptr && connected->is_bool() && connected->get_bool(), text(item, "last_seen_at")});
  });
  return keys;
}

}  // namespace stint::client
