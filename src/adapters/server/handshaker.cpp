#include "adapters/server/handshaker.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "adapters/server/limits.hpp"

namespace stint::server {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Between two event loops a connection is only a number that somebody must close.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  OwnedFd& operator=(OwnedFd&&) = delete;
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace

struct Handshaker::Greeting {
  Greeting(tcp::socket socket, net::ByteStream bytes, tcp p)
      : stream(std::move(socket), std::move(bytes)), timer(stream.get_executor()), protocol(p) {}
  net::AsyncStream stream;
  asio::steady_timer timer;
  tcp protocol;
  std::string peer;
  bool is_late = false;
};

Handshaker::Handshaker(asio::io_context& home, net::TlsServer tls, Duration time, ports::ListenerCounters& counters, Callbacks callbacks)
    : home_(home),
      tls_(std::move(tls)),
      time_(time),
      counters_(counters),
      callbacks_(std::move(callbacks)),
      work_(io_.get_executor()),
      thread_([this] {
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), limits::kHandshakeNice);  // of this thread alone, on Linux
        io_.run();
      }) {}

Handshaker::~Handshaker() {
  io_.stop();
  thread_.join();
}

void Handshaker::begin(tcp::socket socket) {
  if (under_way_ >= limits::kHandshakesMax) {
    ++counters_.over_number;
    return;  // closes with its owner
  }
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  const auto local = socket.local_endpoint(error);
  const int fd = error ? -1 : socket.release(error);
  if (error) return;
  ++under_way_;
  auto greeting = std::make_shared<Greeting>(tcp::socket(io_, local.protocol(), fd), tls_.accept(fd), local.protocol());
  greeting->peer = remote.address().to_string();
  asio::post(io_, [this, greeting] { greet(greeting); });
}

void Handshaker::greet(const std::shared_ptr<Greeting>& greeting) {
  greeting->timer.expires_after(time_);
  greeting->timer.async_wait([greeting](error_code cancelled) {
    if (cancelled) return;
    greeting->is_late = true;
    greeting->stream.close();
  });
  greeting->stream.async_handshake([this, greeting](error_code error, std::size_t) {
    greeting->timer.cancel();
    if (greeting->is_late) return send_home(greeting, Ending::late, "the handshake was not done in time");
    if (error) return send_home(greeting, Ending::failed, greeting->stream.bytes().problem());
    send_home(greeting, Ending::done, {});
  });
}

void Handshaker::send_home(const std::shared_ptr<Greeting>& greeting, Ending ending, std::string why) {
  if (ending != Ending::done) {
    greeting->stream.close();
    asio::post(home_, [this, ending, peer = greeting->peer, why = std::move(why)] {
      --under_way_;
      ++(ending == Ending::late ? counters_.tls_late : counters_.tls_failed);
      callbacks_.on_failed(peer, why);
    });
    return;
  }
  error_code error;
  OwnedFd fd(greeting->stream.socket().release(error));
  asio::post(home_, [this, fd = std::move(fd), protocol = greeting->protocol, bytes = std::move(greeting->stream.bytes())]() mutable {
    --under_way_;
    ++counters_.tls_established;
    come_home(fd.release(), protocol, std::move(bytes));
  });
}

void Handshaker::come_home(int fd, tcp protocol, net::ByteStream bytes) {
  error_code error;
  tcp::socket socket(home_);
  static_cast<void>(socket.assign(protocol, fd, error));
  if (error) {
    ::close(fd);
    return;
  }
  callbacks_.on_done(net::AsyncStream(std::move(socket), std::move(bytes)));
}

}  // namespace stint::server
