#include "adapters/agent_host/tcp_pace.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>  // has tcpi_delivery_rate, which <netinet/tcp.h> of glibc 2.36 lacks; the two cannot be included together
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>

#include "adapters/agent_host/limits.hpp"

namespace stint::agent_host {

std::size_t send_allowance(int socket) {
  int queued = 0;  // sent and not acknowledged, and not sent
  if (ioctl(socket, SIOCOUTQ, &queued) != 0) queued = 0;
  std::int64_t room = limits::kQueuedMin;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
      size >= offsetof(tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate)
    room = std::max(room, static_cast<std::int64_t>(std::min<std::uint64_t>(info.tcpi_delivery_rate, INT64_MAX)));
  return static_cast<std::size_t>(std::max<std::int64_t>(room - queued, 0));
}

}  // namespace stint::agent_host
