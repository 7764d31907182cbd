#include "adapters/server/listener.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <memory>
#include <utility>

#include "adapters/server/clock.hpp"

namespace stint::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr unsigned kPortsTried = 20;
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

Source source_of(const asio::ip::address& address) {
  if (address.is_v4()) return Source::of_v4(address.to_v4().to_uint());
  return Source::of_v6(address.to_v6().to_bytes());
}

constexpr char kTlsHandshake = 0x16;

}  // namespace

Result<bool> is_loopback(const std::string& address) {
  STINT_TRY(const auto endpoint, parse_address(address));
  return endpoint.address().is_loopback();
}

/// A connection whose first bytes have not come yet.
struct Listener::Newcomer {
  Newcomer(Socket s, std::shared_ptr<std::size_t> c) : socket(std::move(s)), timer(socket.get_executor()), count(std::move(c)) { ++*count; }
  ~Newcomer() { --*count; }
  Newcomer(const Newcomer&) = delete;
  Newcomer& operator=(const Newcomer&) = delete;
  Socket socket;
  asio::steady_timer timer;
  std::shared_ptr<std::size_t> count;
};

Listener::Listener(asio::io_context& io, Takers takers, Log& log, limits::PortLimits limits)
    : acceptor_(io), takers_(std::move(takers)), log_(log), limits_(limits), limiter_(limits.rate, limits.loopback_rate) {}

void Listener::set_tls(net::TlsServer tls, Plaintext plaintext) {
  plaintext_ = plaintext;
  auto& io = static_cast<asio::io_context&>(acceptor_.get_executor().context());
  Handshaker::Callbacks callbacks{[this](net::AsyncStream stream) { take_tls(std::move(stream)); },
                                  [this](const std::string& peer, const std::string& why) { log_.debug("TLS with " + peer + ": " + why); }};
  handshaker_ = std::make_unique<Handshaker>(io, std::move(tls), limits_.handshake_time, counters_, std::move(callbacks));
}

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
    if (admit(socket)) tell_apart(std::move(socket));
    accept();
  });
}

/// A refusal is to cost as little as it can: no byte is read, and the kernel keeps nothing of the connection.
bool Listener::admit(Socket& socket) {
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return false;  // gone already
  const bool is_crowded = *newcomers_ >= limits::kNewcomersMax;
  if (!is_crowded && limiter_.admit(source_of(remote.address()), read_clocks().mono)) {
    ++counters_.accepted;
    return true;
  }
  ++(is_crowded ? counters_.over_number : counters_.over_rate);
  static_cast<void>(socket.set_option(asio::socket_base::linger(true, 0), error));
  log_refusal(remote.address().to_string() + (is_crowded ? ": refused; too many connections have not said what they are"
                                                         : ": refused; it opens more connections than its rate allows"));
  return false;
}

void Listener::log_refusal(const std::string& what) {
  const Instant now = read_clocks().mono;
  if (refusal_logged_at_ != Instant::min() && now - refusal_logged_at_ < limits::kRefusalLogEvery) return;
  refusal_logged_at_ = now;
  log_.warn(what + "; more such are only counted for 10 s (/metrics)");
}

void Listener::tell_apart(Socket socket) {
  auto newcomer = std::make_shared<Newcomer>(std::move(socket), newcomers_);
  newcomer->timer.expires_after(limits_.first_bytes_time);
  newcomer->timer.async_wait([this, newcomer](error_code cancelled) {
    if (cancelled) return;
    ++counters_.silent;
    error_code ignored;
    static_cast<void>(newcomer->socket.close(ignored));
  });
  newcomer->socket.async_wait(Socket::wait_read, [this, newcomer](error_code error) {
    newcomer->timer.cancel();
    if (!error) on_first_bytes(*newcomer);
  });
}

void Listener::on_first_bytes(Newcomer& newcomer) {
  std::array<char, 2> first{};
  const auto got = ::recv(newcomer.socket.native_handle(), first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got <= 0) return;  // gone: the socket closes with its owner
  if (handshaker_ && first[0] == kTlsHandshake) return handshaker_->begin(std::move(newcomer.socket));
  take_plain(std::move(newcomer.socket), first[0] == 'S' && (got == 1 || first[1] == 't'));  // no HTTP method in use starts with S
}

void Listener::take_plain(Socket socket, bool is_frame) {
  net::AsyncStream stream(std::move(socket));
  if (plaintext_ == Plaintext::served) return (is_frame ? takers_.frames : takers_.http)(std::move(stream));
  ++counters_.plaintext_refused;
  if (!is_frame) return takers_.http_on_tls_port(std::move(stream));
  error_code error;
  const auto remote = stream.socket().remote_endpoint(error);
  log_refusal((error ? std::string("an agent") : remote.address().to_string()) +
              ": refused; it speaks frames in the clear, and this port speaks TLS");
}

void Listener::take_tls(net::AsyncStream stream) {
  const bool is_frame = stream.bytes().protocol() == net::kAlpnFrames;
  (is_frame ? takers_.frames : takers_.http)(std::move(stream));
}

}  // namespace stint::server
