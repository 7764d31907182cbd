#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/server/handshaker.hpp"
#include "adapters/server/source_limiter.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "net/async_stream.hpp"
#include "ports/listener_counters.hpp"

namespace stint::server {

/// What is done with a connection that says nothing of TLS.
enum class Plaintext { served, refused };

/// One port for everything. The first bytes of a connection tell frames (`St`), TLS (0x16) and HTTP (anything else) apart, within TLS its
/// ALPN. Who comes too often is turned away before a byte is read.
///
/// Thread:  the io_context's.
class Listener {
 public:
  using Adopt = std::function<void(net::AsyncStream)>;
  struct Takers {
    Adopt frames;
    Adopt http;
    Adopt http_on_tls_port;  ///< a request in the clear that must not be served: to be told why
  };
  Listener(boost::asio::io_context& io, Takers takers, Log& log, limits::PortLimits limits = {});

  /// `address` is HOST:PORT with a numeric host. With `try_next`, a port in use is followed by the next ones, a few.
  /// Errors:  invalid_argument, already_exists (in use), io.
  [[nodiscard]] Status listen(const std::string& address, bool try_next);
  /// To be called before the first connection is taken, that is, before the loop runs.
  void set_tls(net::TlsServer tls, Plaintext plaintext);
  /// HOST:PORT as bound.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] const ports::ListenerCounters& counters() const { return counters_; }
  void close();

 private:
  using Socket = boost::asio::ip::tcp::socket;
  struct Newcomer;
  void accept();
  [[nodiscard]] bool admit(Socket& socket);
  void tell_apart(Socket socket);
  void on_first_bytes(Newcomer& newcomer);
  void take_plain(Socket socket, bool is_frame);
  void take_tls(net::AsyncStream stream);
  void log_refusal(const std::string& what);

  boost::asio::ip::tcp::acceptor acceptor_;
  Takers takers_;
  Log& log_;
  limits::PortLimits limits_;
  SourceLimiter limiter_;
  ports::ListenerCounters counters_;
  std::unique_ptr<Handshaker> handshaker_;  ///< none: TLS is not spoken
  Plaintext plaintext_ = Plaintext::served;
  std::shared_ptr<std::size_t> newcomers_ = std::make_shared<std::size_t>(0);
  Instant refusal_logged_at_ = Instant::min();
};

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] Result<bool> is_loopback(const std::string& address);

}  // namespace stint::server
