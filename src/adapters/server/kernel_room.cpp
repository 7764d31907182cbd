#include "adapters/server/kernel_room.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdint>

namespace stint::server {

std::size_t kernel_room(int fd) {
  int queued = 0;
  if (::ioctl(fd, SIOCOUTQ, &queued) != 0) return 0;
  struct Info {  // the head of the kernel's tcp_info up to tcpi_delivery_rate, which glibc 2.36 does not declare
    tcp_info known;
    std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    std::uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    std::uint64_t delivery_rate;
  } info{};
  socklen_t size = sizeof info;
  std::size_t limit = kKernelQueueMin;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size >= sizeof info)
    limit = std::clamp(static_cast<std::size_t>(info.delivery_rate), kKernelQueueMin, kKernelQueueMax);
  const auto waiting = static_cast<std::size_t>(std::max(queued, 0));
  return waiting >= limit ? 0 : limit - waiting;
}

}  // namespace stint::server
