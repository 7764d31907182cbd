#include "net/tcp_pace.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>  // has tcpi_delivery_rate, which <netinet/tcp.h> of glibc 2.36 lacks; the two cannot be included together
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace stint::net {
namespace {

std::uint64_t rest(std::uint64_t limit, std::uint64_t used) { return limit - std::min(limit, used); }

/// The rate that was delivered when there was last enough to send, or a window in a round trip, which knows of a queue on the way.
std::uint64_t rate_of(const tcp_info& info, std::uint64_t window) {
  if (info.tcpi_rtt == 0) return info.tcpi_delivery_rate;
  return std::min<std::uint64_t>(info.tcpi_delivery_rate, window * 1'000'000 / info.tcpi_rtt);
}

}  // namespace

std::size_t send_room(const TcpQueue& queue) {
  const auto second = std::clamp<std::uint64_t>(queue.delivery_rate, kKernelQueueMin, kKernelQueueMax);
  const auto window = std::max<std::uint64_t>(queue.window, kKernelQueueMin);
  return static_cast<std::size_t>(std::min(rest(second, queue.waiting), rest(window, queue.unsent)));
}

std::size_t send_room(int socket) {
  TcpQueue queue;
  int waiting = 0;
  if (::ioctl(socket, SIOCOUTQ, &waiting) == 0) queue.waiting = static_cast<std::uint64_t>(std::max(waiting, 0));
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
      size >= offsetof(tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate) {
    queue.unsent = info.tcpi_notsent_bytes;
    queue.window = std::uint64_t{info.tcpi_snd_cwnd} * info.tcpi_snd_mss;
    queue.delivery_rate = rate_of(info, queue.window);
  }
  return send_room(queue);
}

}  // namespace stint::net
