#include "bench/agent/frame_tap.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "wire/frame.hpp"
#include "wire/limits.hpp"

namespace stint::bench {
namespace {

constexpr int kPollMs = 100;  ///< how often the thread looks whether it shall end

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

Error system_error(const char* what) { return {Errc::io, std::string(what) + ": " + std::strerror(errno)}; }

bool send_all(int fd, const std::uint8_t* bytes, std::size_t size) {
  for (std::size_t sent = 0; sent < size;) {
    const auto n = ::send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<FrameTap>> FrameTap::start(const std::string& target) {
  const auto colon = target.rfind(':');
  if (colon == std::string::npos) return fail(Errc::invalid_argument, target + ": expected HOST:PORT");
  std::unique_ptr<FrameTap> tap(new FrameTap);
  tap->listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto here = address_of("127.0.0.1", 0);
  socklen_t size = sizeof here;
  if (tap->listener_ < 0 || ::bind(tap->listener_, reinterpret_cast<sockaddr*>(&here), size) != 0 || ::listen(tap->listener_, 1) != 0 ||
      ::getsockname(tap->listener_, reinterpret_cast<sockaddr*>(&here), &size) != 0)
    return tl::unexpected<Error>(system_error("relay"));
  tap->port_ = ntohs(here.sin_port);
  tap->thread_ =
      std::thread(&FrameTap::work, tap.get(), target.substr(0, colon), static_cast<std::uint16_t>(std::stoul(target.substr(colon + 1))));
  return tap;
}

FrameTap::~FrameTap() {
  stops_ = true;
  if (thread_.joinable()) thread_.join();
  if (listener_ >= 0) ::close(listener_);
}

std::vector<std::size_t> FrameTap::frame_sizes() const {
  const std::lock_guard lock(mutex_);
  return sizes_;
}

void FrameTap::work(std::string host, std::uint16_t port) {
  pollfd waiting{listener_, POLLIN, 0};
  while (!stops_ && ::poll(&waiting, 1, kPollMs) == 0) {
  }
  if (stops_) return;
  const int agent = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  const int scheduler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto there = address_of(host, port);
  const int on = 1;
  for (const int fd : {agent, scheduler}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bool is_open = ::connect(scheduler, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
  while (is_open && !stops_) {
    std::array<pollfd, 2> sides{{{agent, POLLIN, 0}, {scheduler, POLLIN, 0}}};
    if (::poll(sides.data(), sides.size(), kPollMs) <= 0) continue;
    if (sides[0].revents != 0) is_open = pass(agent, scheduler, true);
    if (is_open && sides[1].revents != 0) is_open = pass(scheduler, agent, false);
  }
  ::close(agent);
  ::close(scheduler);
}

bool FrameTap::pass(int from, int to, bool is_agents) {
  std::array<std::uint8_t, 16 * 1024> part;
  const auto got = ::recv(from, part.data(), part.size(), 0);
  if (got <= 0) return false;
  if (is_agents) note(part.data(), static_cast<std::size_t>(got));
  return send_all(to, part.data(), static_cast<std::size_t>(got));
}

void FrameTap::note(const std::uint8_t* bytes, std::size_t size) {
  unread_.insert(unread_.end(), bytes, bytes + size);
  while (unread_.size() >= wire::kHeaderSize) {
    wire::Header header;
    const auto bytes_of_header = std::span<const std::uint8_t, wire::kHeaderSize>(unread_.data(), wire::kHeaderSize);
    if (wire::parse_header(bytes_of_header, wire::limits::kBodyMax, wire::limits::kBodyMax, header) != wire::FrameError::ok) return;
    if (unread_.size() < header.frame_size()) return;
    {
      const std::lock_guard lock(mutex_);
      sizes_.push_back(header.frame_size());
    }
    unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(header.frame_size()));
  }
}

}  // namespace stint::bench
