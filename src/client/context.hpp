#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/pin.hpp"
#include "base/result.hpp"

namespace stint::client {

inline constexpr std::uint16_t kDefaultPort = 7464;

/// Where a scheduler listens.
struct ServerAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = kDefaultPort;
  bool tls = false;
  bool operator==(const ServerAddress&) const = default;
};

/// `https://host:port`, `http://host:port`, `host:port`, `host`, `[::1]:7464`. Without a scheme what never leaves the machine goes plain, and
/// the rest in TLS. Errors: invalid_argument.
[[nodiscard]] Result<ServerAddress> parse_server(std::string_view text);
[[nodiscard]] std::string to_url(const ServerAddress& address);

/// The context file that a scheduler writes into its state directory: where it is and with which token it is spoken to.
struct Context {
  std::string server;
  std::string token;
  std::vector<Pin> tls_pins;  ///< of the key that the server shows where it speaks TLS
  bool operator==(const Context&) const = default;
};
/// Errors: invalid_argument, saying what the file must hold.
[[nodiscard]] Result<Context> parse_context(std::string_view json);
[[nodiscard]] std::string to_json(const Context& context);

}  // namespace stint::client
