#include "adapters/agent_host/address.hpp"

#include <charconv>
#include <string_view>

#include "base/loopback.hpp"

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
  auto transport = Transport::unsaid;
  if (text.starts_with("http://")) text.erase(0, 7), transport = Transport::plain;
  if (text.starts_with("https://")) text.erase(0, 8), transport = Transport::tls;
  if (text.ends_with('/')) text.pop_back();

  Address address{text, kDefaultPort, transport};
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

Result<Transport> choose_transport(const Address& address, Insecure plaintext) {
  if (address.transport == Transport::tls) return Transport::tls;
  if (is_loopback(address.host) || plaintext == Insecure::allowed) return Transport::plain;
  if (address.transport == Transport::unsaid) return Transport::tls;
  return fail(Errc::forbidden, "server http://" + address.text() +
                                   " is not on this machine: everybody on the way could read tokens, commands and output (not change "
                                   "commands: frames are signed). Say https://, or accept it with --insecure-plaintext");
}

}  // namespace stint::agent_host
