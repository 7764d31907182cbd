#include "client/context.hpp"

#include <boost/json.hpp>
#include <charconv>

#include "base/loopback.hpp"

namespace stint::client {

namespace json = boost::json;

Result<ServerAddress> parse_server(std::string_view text) {
  const std::string_view whole = text;
  const auto wrong = [&](const char* why) {
    return fail(Errc::invalid_argument,
                "server \"" + std::string(whole) + "\": " + why + "; expected https://HOST:PORT or http://HOST:PORT");
  };
  ServerAddress address;
  address.tls = text.starts_with("https://");
  const bool is_plain = text.starts_with("http://");
  text.remove_prefix(address.tls ? 8 : is_plain ? 7 : 0);
  if (text.ends_with('/')) text.remove_suffix(1);

  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("the bracket is not closed");
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    address.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (address.host.empty() || address.host.find_first_of("/@? ") != std::string::npos) return wrong("no host");
  if (!address.tls && !is_plain) address.tls = !is_loopback(address.host);
  if (port.empty()) return address;
  if (!port.starts_with(':')) return wrong("no port after the host");
  port.remove_prefix(1);
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (failed != std::errc() || end != port.data() + port.size() || address.port == 0) return wrong("the port is no number from 1 to 65535");
  return address;
}

std::string to_url(const ServerAddress& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return (address.tls ? "https://" : "http://") + (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<Context> parse_context(std::string_view text) {
  json::error_code failed;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), failed);
  const auto string_of = [&](std::string_view key) -> const json::string* {
    const json::value* value =
        !failed && document.is_object() ? document.get_object().if_contains(json::string_view(key.data(), key.size())) : nullptr;
    return value != nullptr ? value->if_string() : nullptr;
  };
  const json::string* server = string_of("server");
  const json::string* token = string_of("token");
  if (server == nullptr || token == nullptr)
    return fail(Errc::invalid_argument, "a context file holds {\"server\": \"http://HOST:PORT\", \"token\": \"...\"}");
  Context context{std::string(*server), std::string(*token), {}};
  if (const json::string* pins = string_of("tls_pin")) {
    auto read = parse_pins(std::string_view(pins->data(), pins->size()));
    if (!read) return fail(read.error().code, "tls_pin: " + read.error().detail);
    context.tls_pins = std::move(*read);
  }
  return context;
}

std::string to_json(const Context& context) {
  json::object object{{"server", context.server}, {"token", context.token}};
  if (!context.tls_pins.empty()) object["tls_pin"] = to_text(context.tls_pins);
  return json::serialize(object);
}

}  // namespace stint::client
