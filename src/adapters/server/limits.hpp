#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of the scheduler's port, by name. Those of HTTP are in ports/http.hpp.
namespace stint::server::limits {

inline constexpr Duration kFirstBytesTime = std::chrono::seconds{10};  ///< from accept to the bytes that tell what a connection speaks
inline constexpr Duration kHandshakeTime = std::chrono::seconds{5};    ///< of TLS
inline constexpr std::size_t kNewcomersMax = 4096;                     ///< connections that have not said what they are
inline constexpr std::size_t kHandshakesMax = 512;                     ///< under way at a time
inline constexpr int kHandshakeNice = 5;                               ///< their thread gives way to the loop's

/// New connections of one source: an IPv4 address, or 64 bits of an IPv6 one, for whoever has one of those has them all.
struct SourceRate {
  std::uint32_t per_second;
  std::uint32_t burst;
};
inline constexpr SourceRate kRate{50, 500};                ///< a burst: a rack of agents behind one address, back after a restart
inline constexpr SourceRate kLoopbackRate{
    500, 10'000};    ///< a thousand agents and scripts of one machine; whoever is on it has better ways to slow it down
inline constexpr std::size_t kSourcesMax = 65'536;         ///< remembered; those beyond share one rate
inline constexpr Duration kRefusalLogEvery = std::chrono::seconds{10};

/// Those that a test wants shorter.
struct PortLimits {
  SourceRate rate = kRate;
  SourceRate loopback_rate = kLoopbackRate;
  Duration first_bytes_time = kFirstBytesTime;
  Duration handshake_time = kHandshakeTime;
};

}  // namespace stint::server::limits
