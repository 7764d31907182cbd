#include "adapters/server/own_addresses.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <memory>

namespace stint::server {
namespace {

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, address, text.data(), text.size()) != nullptr ? text.data() : "";
}

/// Empty: of no use to another machine.
std::string host_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr || (entry.ifa_flags & IFF_UP) == 0 || (entry.ifa_flags & IFF_LOOPBACK) != 0) return {};
  if (entry.ifa_addr->sa_family == AF_INET) return text_of(AF_INET, &reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr);
  if (entry.ifa_addr->sa_family != AF_INET6) return {};
  const auto& address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr;
  return IN6_IS_ADDR_LINKLOCAL(&address) ? std::string{} : "[" + text_of(AF_INET6, &address) + "]";
}

}  // namespace

std::vector<std::string> find_own_addresses(const std::string& address) {
  const auto colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? std::string{} : address.substr(colon);
  const bool is_any6 = host == "[::]";
  if (host != "0.0.0.0" && !is_any6) return {address};
  std::vector<std::string> v4;
  std::vector<std::string> v6;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(first, ::freeifaddrs);
    for (const ifaddrs* entry = all.get(); entry != nullptr; entry = entry->ifa_next)
      if (const auto found = host_of(*entry); !found.empty()) (found.starts_with('[') ? v6 : v4).push_back(found + port);
  }
  if (is_any6) v4.insert(v4.end(), v6.begin(), v6.end());
  return v4.empty() ? std::vector{"127.0.0.1" + port} : v4;
}

}  // namespace stint::server
