#include "apps/scheduler_host/reach.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "adapters/server/own_addresses.hpp"

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

}  // namespace

Reach find_reach(const std::string& bound, const std::string& advertise) {
  const std::string host = host_of(bound), port = bound.substr(bound.rfind(':'));
  const bool is_everywhere = host == "0.0.0.0" || host == "::";
  Reach reach;
  reach.local = host == "0.0.0.0" ? "127.0.0.1" + port : host == "::" ? "[::1]" + port : bound;
  reach.advertised = !advertise.empty() ? advertise : is_everywhere ? host_name() + port : bound;
  reach.addresses = advertise.empty() ? server::find_own_addresses(bound) : std::vector{advertise};
  reach.names = {"localhost", "127.0.0.1", "::1", host_name(), host_of(reach.advertised)};
  if (is_everywhere) {
    for (const std::string& own : server::find_own_addresses(bound)) reach.names.push_back(host_of(own));
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
