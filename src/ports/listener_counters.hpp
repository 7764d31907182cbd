#pragma once

#include <cstdint>

namespace stint::ports {

/// What became of the connections that came to the scheduler's port, since it started.
struct ListenerCounters {
  std::uint64_t accepted = 0;
  std::uint64_t over_rate = 0;        ///< closed at once: too many from one source
  std::uint64_t over_number = 0;      ///< closed at once: too many that have not said yet what they are
  std::uint64_t silent = 0;           ///< closed: their first bytes did not come in time
  std::uint64_t plaintext_refused = 0;
  std::uint64_t tls_established = 0;
  std::uint64_t tls_failed = 0;
  std::uint64_t tls_late = 0;         ///< the handshake did not end in time
};

}  // namespace stint::ports
