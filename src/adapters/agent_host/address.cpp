#include "adapters/agent_host/address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <string_view>

namespace stint::agent_host {
namespace {

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65'535;
}

}  // namespace

Result<Address> parse_address(std::string text) {
  const auto wrong = [given = text](const std::string& why) {
    return fail(Errc::invalid_argument, "server address '" + given + "': " + why + "; expected HOST or HOST:PORT");
  };
  if (text.starts_with("http://")) text.erase(0, 7);
  if (text.starts_with("https://")) return wrong("this version speaks plain TCP only");
  if (text.ends_with('/')) text.pop_back();

  Address address{text, kDefaultPort};
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string::npos) return wrong("']' is missing");
    address.host = text.substr(1, end - 1);
    text.erase(0, end + 1);
    if (!text.empty() && text[0] != ':') return wrong("':' expected behind ']'");
    if (!text.empty()) address.port = text.substr(1);
  } else if (const auto colon = text.find(':'); colon != std::string::npos && colon == text.rfind(':')) {
    address.host = text.substr(0, colon);
    address.port = text.substr(colon + 1);
  }
  if (address.host.empty()) return wrong("the host is missing");
  if (!is_port(address.port)) return wrong("the port must be a number from 1 to 65535");
  return address;
}

bool is_loopback(const Address& address) {
  if (address.host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, address.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace stint::agent_host
