#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace stint::server {

/// One port for everything: the first bytes of a connection tell frames (`St`) from HTTP.
class Listener {
 public:
  using Adopt = std::function<void(boost::asio::ip::tcp::socket)>;
  Listener(boost::asio::io_context& io, Adopt frames, Adopt http);

  /// `address` is HOST:PORT with a numeric host. With `try_next`, a port in use is followed by the next ones, a few.
  /// Errors:  invalid_argument, already_exists (in use), io.
  [[nodiscard]] Status listen(const std::string& address, bool try_next);
  /// HOST:PORT as bound.
  [[nodiscard]] std::string address() const;
  void close();

 private:
  void accept();
  void tell_apart(boost::asio::ip::tcp::socket socket);

  boost::asio::ip::tcp::acceptor acceptor_;
  Adopt frames_, http_;
};

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] Result<bool> is_loopback(const std::string& address);

}  // namespace stint::server
