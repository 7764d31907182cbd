#pragma once

#include <string>
#include <vector>

namespace stint::server {

/// HOST:PORT under which other machines may find what listens on `address`: that address, or for 0.0.0.0 and [::] those of this machine's
/// interfaces that are up, without loopback, IPv4 first. Loopback if there are no others.
[[nodiscard]] std::vector<std::string> find_own_addresses(const std::string& address);

}  // namespace stint::server
