#pragma once

#include <cstddef>
#include <cstdint>

namespace stint::net {

inline constexpr std::size_t kKernelQueueMin = std::size_t{16} << 10;
inline constexpr std::size_t kKernelQueueMax = std::size_t{4} << 20;

/// What the kernel holds of one connection's output, and what it knows of its path. In bytes.
struct TcpQueue {
  std::uint64_t waiting = 0;        ///< sent and not acknowledged, and not sent
  std::uint64_t unsent = 0;         ///< of these
  std::uint64_t window = 0;         ///< that the path holds: the congestion window
  std::uint64_t delivery_rate = 0;  ///< a second
};

/// How many more bytes may be handed to the kernel now. A frame's time stamp is made when it is handed over, and the receiver judges it
/// within five seconds: so what waits there stays below one second of what the path delivers. That rate is of when there was last enough
/// to send; on a path that has become slow since, it is an old promise. So no more than one window waits unsent, either.
///
/// Source:  docs/protocol.md "Session time and the five-second rule".
[[nodiscard]] std::size_t send_room(const TcpQueue& queue);

/// The same, of a connected socket as the kernel sees it now.
[[nodiscard]] std::size_t send_room(int socket);

}  // namespace stint::net
