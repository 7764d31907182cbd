#pragma once

#include <string>
#include <vector>

/// Under which names the scheduler is reached, from the address that it is bound to.
namespace stint::apps {

struct Reach {
  std::string advertised;          ///< HOST:PORT for agents on other machines
  std::string local;               ///< HOST:PORT for commands on this one
  std::vector<std::string> addresses;  ///< HOST:PORT under which other machines find it, the likeliest first
  std::vector<std::string> names;  ///< hosts and addresses for its certificate
};
/// `bound` is HOST:PORT, with a numeric host. `advertise`: HOST:PORT as configured; empty: what is bound, or this machine's name if that is
/// every address.
[[nodiscard]] Reach find_reach(const std::string& bound, const std::string& advertise);

}  // namespace stint::apps
