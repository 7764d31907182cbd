#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/agent_host/address.hpp"
#include "base/bytes.hpp"
#include "base/log.hpp"
#include "net/async_stream.hpp"
#include "net/tls.hpp"
#include "ports/link_client.hpp"

namespace stint::agent_host {

/// The agent's one thread: a connection that it dials, plain or in TLS, file descriptors of drivers, signals and a timer, all turned into
/// calls of a LinkClient. An agent with a second line has a second loop on the same thread, and each is told when the other had something
/// to do.
///
/// Units:   deadlines run on CLOCK_BOOTTIME (timerfd), as leases do: a machine that slept knows it.
/// Thread:  the one that runs `io`.
class AgentLoop {
 public:
  struct Options {
    std::vector<Address> servers;  ///< tried in turn; each says its transport
    std::vector<int> driver_fds;  ///< readable when a driver has events; not owned
    std::function<void(const Address&)> on_connected{};  ///< which of the servers answered; may be empty
    bool takes_signals = true;
    std::function<void()> after_turn{};  ///< what this line did may be the other's business; may be empty
    /// For an address with TLS, asked at each dial: pins may have changed. May be empty if there is no such address.
    std::function<Result<std::shared_ptr<const net::TlsClient>>()> tls{};
  };
  AgentLoop(boost::asio::io_context& io, ports::LinkClient& client, Options options, Log& log);
  ~AgentLoop();
  AgentLoop(const AgentLoop&) = delete;
  AgentLoop& operator=(const AgentLoop&) = delete;

  /// Dials and watches; `io.run()` then runs until the client is finished.
  void start();
  /// Something has happened elsewhere: looks, soon, at what the client wants.
  void look_soon();

 private:
  using Tcp = boost::asio::ip::tcp;
  enum class Link { none, dialing, open };

  void turn();
  void look();
  void dial();
  void on_dialed(const boost::system::error_code& error, const Address& server);
  void shake_hands(const Address& server);
  void on_ready();
  void fail_dial(const std::string& why);
  void watch_socket(net::Io what = net::Io::wants_read);
  [[nodiscard]] net::Io read_socket();
  void write_socket();
  void wait_to_write(net::Io what);
  void finish_link();
  void close_link();
  void watch_driver(boost::asio::posix::stream_descriptor& fd);
  void watch_signals();
  void watch_timer();
  void arm_timer();

  boost::asio::io_context& io_;
  ports::LinkClient& client_;
  Options options_;
  Log& log_;

  Link link_ = Link::none;
  std::uint64_t generation_ = 0;  ///< of dials: what still comes back from an earlier one is ignored
  std::size_t next_server_ = 0;
  Tcp::resolver resolver_;
  net::AsyncStream stream_;
  boost::asio::steady_timer dial_timer_;
  boost::asio::steady_timer pace_timer_;
  boost::asio::steady_timer linger_timer_;
  boost::asio::steady_timer leave_timer_;
  boost::asio::signal_set signals_;
  boost::asio::posix::stream_descriptor timer_;
  std::vector<boost::asio::posix::stream_descriptor> drivers_;

  Bytes in_;
  Bytes out_;
  std::size_t written_ = 0;  ///< of out_
  bool waits_for_write_ = false;
  bool waits_for_pace_ = false;
  bool is_lingering_ = false;
  bool will_look_ = false;
  std::string unheard_;  ///< a server beyond this machine, spoken to in the clear, that has not said a byte; empty: it has, or is none
  Instant empty_since_{};
  Instant armed_ = Instant::max();
};

}  // namespace stint::agent_host
