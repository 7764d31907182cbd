#include "apps/stint-conform/socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "apps/stint-conform/limits.hpp"

namespace stint::conform {
namespace {

std::int64_t read_clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

int remaining_ms(Instant deadline) { return static_cast<int>(std::clamp<std::int64_t>(to_ms(deadline - now()) + 1, 0, 600'000)); }

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::string system_words() { return std::strerror(errno); }  // NOLINT(concurrency-mt-unsafe): glibc's is per thread

}  // namespace

bool wait_for(int fd, short events, Instant deadline) {
  for (;;) {
    pollfd poll_fd{fd, events, 0};
    const int ready = ::poll(&poll_fd, 1, remaining_ms(deadline));
    if (ready > 0) return true;
    if (ready == 0 && now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Instant now() { return Instant{Duration{read_clock_ns(CLOCK_BOOTTIME)}}; }
std::int64_t wall_ms() { return read_clock_ns(CLOCK_REALTIME) / 1'000'000; }

void sleep_for(Duration length) {
  const timespec t{static_cast<time_t>(length.count() / 1'000'000'000), static_cast<long>(length.count() % 1'000'000'000)};
  ::nanosleep(&t, nullptr);
}

namespace {

/// The socket as it is.
class PlainLayer final : public Layer {
 public:
  explicit PlainLayer(int fd) : fd_(fd) {}
  [[nodiscard]] Status send(ByteView bytes) override;
  [[nodiscard]] Got receive(Bytes& out, Instant deadline) override;
  [[nodiscard]] Instant empty_since() const override { return empty_since_; }

 private:
  int fd_;
  Instant empty_since_ = now();
};

Status PlainLayer::send(ByteView bytes) {
  const Instant deadline = now() + limits::kPatience;
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(Errc::unavailable, system_words());
    if (!wait_for(fd_, POLLOUT, deadline)) return fail(Errc::unavailable, "the other side takes no bytes");
  }
  return {};
}

Layer::Got PlainLayer::receive(Bytes& out, Instant deadline) {
  std::array<std::uint8_t, limits::kReadBytes> buffer;
  for (;;) {
    const Instant before = now();
    const auto got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      out.insert(out.end(), buffer.begin(), buffer.begin() + got);
      return Got::bytes;
    }
    if (got == 0) return Got::closed;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Got::closed;  // reset
    empty_since_ = before;
    if (!wait_for(fd_, POLLIN, deadline)) return Got::nothing;
  }
}

}  // namespace

Socket::Socket(int fd) : fd_(fd), layer_(std::make_unique<PlainLayer>(fd)) {}
Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), layer_(std::move(other.layer_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(layer_, other.layer_);
  return *this;
}

Socket::~Socket() { close(); }

Result<Socket> Socket::connect(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return fail(Errc::not_found, host + ": " + ::gai_strerror(error));
  std::string why = "no address";
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, at->ai_addr, at->ai_addrlen) == 0) {
      ::freeaddrinfo(found);
      set_no_delay(fd);
      return Socket{fd};
    }
    why = system_words();
    if (fd >= 0) ::close(fd);
  }
  ::freeaddrinfo(found);
  return fail(Errc::unavailable, host + ":" + port + ": " + why);
}

Status Socket::send(ByteView bytes) {
  if (fd_ < 0) return fail(Errc::unavailable, "closed");
  return layer_->send(bytes);
}

void Socket::end_sending() { ::shutdown(fd_, SHUT_WR); }

void Socket::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

Status Listener::open() {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd_, SOMAXCONN) != 0 ||
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return fail(Errc::io, "cannot listen on 127.0.0.1: " + system_words());
  port_ = ntohs(address.sin_port);
  return {};
}

Result<Socket> Listener::accept(Instant deadline) {
  for (;;) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      set_no_delay(fd);
      return Socket{fd};
    }
    if (!wait_for(fd_, POLLIN, deadline)) return fail(Errc::unavailable, "nobody connected");
  }
}

}  // namespace stint::conform
