#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace stint::agent_host {

inline constexpr const char* kDefaultPort = "7464";

enum class Transport : std::uint8_t {
  unsaid,  ///< no scheme was written: choose_transport decides
  plain,   ///< http://
  tls,     ///< https://
};

struct Address {
  std::string host;
  std::string port;
  Transport transport = Transport::unsaid;
  [[nodiscard]] std::string text() const { return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port; }
};

/// `host`, `host:port`, `[::1]:port`, with or without `https://` or `http://` in front (people copy it from the browser).
[[nodiscard]] Result<Address> parse_address(std::string text);

enum class Insecure { refused, allowed };
/// What is spoken to the address: without a scheme, plain where bytes never leave the machine or it is allowed, else TLS.
/// Errors:  forbidden  plain text beyond this machine that nobody allowed.
[[nodiscard]] Result<Transport> choose_transport(const Address& address, Insecure plaintext);

}  // namespace stint::agent_host
