#pragma once

#include <string>

#include "base/result.hpp"

namespace stint::agent_host {

inline constexpr const char* kDefaultPort = "7464";

struct Address {
  std::string host;
  std::string port;
  [[nodiscard]] std::string text() const { return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port; }
};

/// `host`, `host:port`, `[::1]:port`, with or without `http://` in front (people copy it from the browser).
[[nodiscard]] Result<Address> parse_address(std::string text);

/// 127.0.0.0/8, ::1 and `localhost`: bytes to these never leave the machine.
[[nodiscard]] bool is_loopback(const Address& address);

}  // namespace stint::agent_host
