#pragma once

#include <cstddef>

namespace stint::server {

inline constexpr std::size_t kKernelQueueMin = std::size_t{16} << 10;
inline constexpr std::size_t kKernelQueueMax = std::size_t{4} << 20;

/// How many bytes may be handed to the kernel now: what waits there, sent or not, is to stay below one second of what the path delivers.
/// Source:  docs/protocol.md "Time".
[[nodiscard]] std::size_t kernel_room(int fd);

}  // namespace stint::server
