#include "adapters/server/listener.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <memory>
#include <utility>

namespace stint::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr unsigned kPortsTried = 20;
constexpr auto kFirstBytesTime = std::chrono::seconds(10);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  ///< when the process has no more descriptors

Result<tcp::endpoint> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  unsigned port = 0;
  const char* end = text.data() + text.size();
  if (colon == std::string::npos || std::from_chars(text.data() + colon + 1, end, port).ptr != end || colon + 1 == text.size() ||
      port > 65535)
    return fail(Errc::invalid_argument, "address \"" + text + "\": expected HOST:PORT, such as 127.0.0.1:7464 or [::1]:7464");
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return fail(Errc::invalid_argument, "address \"" + text + "\": \"" + host + "\" is not a numeric address");
  return tcp::endpoint(address, static_cast<unsigned short>(port));
}

/// A connection whose first bytes have not come yet.
struct Newcomer {
  explicit Newcomer(tcp::socket s) : socket(std::move(s)), timer(socket.get_executor()) {}
  tcp::socket socket;
  asio::steady_timer timer;
};

void wait_for_bytes(const std::shared_ptr<Newcomer>& newcomer, const Listener::Adopt& frames, const Listener::Adopt& http) {
  newcomer->socket.async_wait(tcp::socket::wait_read, [newcomer, &frames, &http](error_code error) {
    std::array<char, 2> first{};
    const auto got = error ? -1 : ::recv(newcomer->socket.native_handle(), first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0 && !(got < 0 && !error && (errno == EAGAIN || errno == EINTR))) {
      newcomer->timer.cancel();
      return;  // gone, or timed out: the socket closes with its owner
    }
    newcomer->timer.cancel();
    const bool is_frame = got >= 1 && first[0] == 'S' && (got == 1 || first[1] == 't');  // no HTTP method in use starts with S
    (is_frame ? frames : http)(std::move(newcomer->socket));
  });
}

}  // namespace

Result<bool> is_loopback(const std::string& address) {
  STINT_TRY(const auto endpoint, parse_address(address));
  return endpoint.address().is_loopback();
}

Listener::Listener(asio::io_context& io, Adopt frames, Adopt http) : acceptor_(io), frames_(std::move(frames)), http_(std::move(http)) {}

Status Listener::listen(const std::string& address, bool try_next) {
  STINT_TRY(auto endpoint, parse_address(address));
  error_code error;
  for (unsigned tried = 0; tried < (try_next ? kPortsTried : 1); ++tried) {
    if (tried > 0) endpoint.port(static_cast<unsigned short>(endpoint.port() + 1));
    acceptor_ = tcp::acceptor(acceptor_.get_executor());
    static_cast<void>(acceptor_.open(endpoint.protocol(), error));
    if (!error) static_cast<void>(acceptor_.set_option(tcp::acceptor::reuse_address(true), error));
    if (!error) static_cast<void>(acceptor_.bind(endpoint, error));
    if (!error) static_cast<void>(acceptor_.listen(4096, error));
    if (!error) {
      accept();
      return {};
    }
    if (error != asio::error::address_in_use) return fail(Errc::io, address + ": " + error.message());
  }
  return fail(Errc::already_exists, address + ": the port is in use" +
                                        (try_next ? ", and the " + std::to_string(kPortsTried - 1) + " after it" : std::string()) +
                                        ": choose another with --listen");
}

std::string Listener::address() const {
  error_code ignored;
  const auto endpoint = acceptor_.local_endpoint(ignored);
  const auto host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

void Listener::close() {
  error_code ignored;
  static_cast<void>(acceptor_.close(ignored));
}

void Listener::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {
      auto timer = std::make_shared<asio::steady_timer>(acceptor_.get_executor(), kAcceptPause);
      timer->async_wait([this, timer](error_code cancelled) {
        if (!cancelled && acceptor_.is_open()) accept();
      });
      return;
    }
    tell_apart(std::move(socket));
    accept();
  });
}

void Listener::tell_apart(tcp::socket socket) {
  auto newcomer = std::make_shared<Newcomer>(std::move(socket));
  newcomer->timer.expires_after(kFirstBytesTime);
  newcomer->timer.async_wait([newcomer](error_code cancelled) {
    error_code ignored;
    if (!cancelled) static_cast<void>(newcomer->socket.close(ignored));
  });
  wait_for_bytes(newcomer, frames_, http_);
}

}  // namespace stint::server
