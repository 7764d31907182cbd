#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/time.hpp"
#include "net/async_stream.hpp"
#include "net/tls.hpp"
#include "ports/listener_counters.hpp"

namespace stint::server {

/// TLS handshakes, on a thread of their own that gives way to the loop's: a signature and a key exchange cost as much as twenty frames, and
/// whoever comes may ask for them.
///
/// Errors:  a handshake that fails or is late closes the connection and is counted; `on_failed` gets the peer and the words.
/// Thread:  begin and the callbacks on `home`'s.
class Handshaker {
 public:
  using OnDone = std::function<void(net::AsyncStream)>;
  using OnFailed = std::function<void(const std::string& peer, const std::string& why)>;
  struct Callbacks {
    OnDone on_done;
    OnFailed on_failed;
  };
  Handshaker(boost::asio::io_context& home, net::TlsServer tls, Duration time, ports::ListenerCounters& counters, Callbacks callbacks);
  ~Handshaker();
  Handshaker(const Handshaker&) = delete;
  Handshaker& operator=(const Handshaker&) = delete;

  void begin(boost::asio::ip::tcp::socket socket);

 private:
  struct Greeting;
  enum class Ending { done, failed, late };
  void greet(const std::shared_ptr<Greeting>& greeting);
  void send_home(const std::shared_ptr<Greeting>& greeting, Ending ending, std::string why);
  void come_home(int fd, boost::asio::ip::tcp protocol, net::ByteStream bytes);

  boost::asio::io_context& home_;
  net::TlsServer tls_;
  Duration time_;
  ports::ListenerCounters& counters_;
  Callbacks callbacks_;
  std::size_t under_way_ = 0;  ///< home's
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace stint::server
