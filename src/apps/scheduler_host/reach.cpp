#include "apps/scheduler_host/reach.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stint::apps {
namespace {

constexpr std::size_t kNamesMax = 64;  ///< of a certificate: a machine may have hundreds of container networks

std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

/// Those that others can use; not those that only mean something on one network interface.
std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0 || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (at->ifa_addr->sa_family == AF_INET) {
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, text.data(), text.size());
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      const auto& address = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
      if (!IN6_IS_ADDR_LINKLOCAL(&address)) ::inet_ntop(AF_INET6, &address, text.data(), text.size());
    }
    if (text[0] != '\0') found.emplace_back(text.data());
  }
  ::freeifaddrs(list);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Reach find_reach(const std::string& bound, const std::string& advertise) {
  const std::string host = host_of(bound), port = bound.substr(bound.rfind(':'));
  const bool is_everywhere = host == "0.0.0.0" || host == "::";
  Reach reach;
  reach.local = host == "0.0.0.0" ? "127.0.0.1" + port : host == "::" ? "[::1]" + port : bound;
  reach.advertised = !advertise.empty() ? advertise : is_everywhere ? host_name() + port : bound;
  reach.names = {"localhost", "127.0.0.1", "::1", host_name(), host_of(reach.advertised)};
  if (is_everywhere) {
    const auto own = own_addresses();
    reach.names.insert(reach.names.end(), own.begin(), own.end());
  } else {
    reach.names.push_back(host);
  }
  std::vector<std::string> once;
  for (const std::string& name : reach.names)
    if (once.size() < kNamesMax && std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  reach.names = std::move(once);
  return reach;
}

}  // namespace stint::apps
