#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/async_stream.hpp"
#include "ports/link.hpp"

namespace stint::server {

/// Connections that speak frames: sockets in, bytes to the handler, its output to the kernel.
///
/// Memory:  a connection that says nothing costs its socket and its map entry: all read into one buffer, and write from one.
/// Source:  docs/protocol.md "Time": a frame is stamped when it is handed to the kernel, and handed over only while little waits there.
/// Thread:  the io_context's, of which there is one.
class FrameServer final : public ports::Links {
 public:
  /// `turn` is called after anything that may have changed the daemon.
  FrameServer(boost::asio::io_context& io, std::function<void()> turn);
  ~FrameServer() override;

  void set_handler(ports::LinkHandler& handler) { handler_ = &handler; }
  /// Takes over a connection whose first bytes are still unread.
  void adopt(net::AsyncStream stream);

  void wake(ports::LinkId link) override;
  void flush(ports::LinkId link) override;
  void close(ports::LinkId link) override;
  /// Writes what can be written now, then closes everything.
  void shut_down();

 private:
  struct Link;
  void wait_to_read(const std::shared_ptr<Link>& link, net::Io what);
  void read_all(const std::shared_ptr<Link>& link);
  void schedule_flush(const std::shared_ptr<Link>& link);
  void flush(const std::shared_ptr<Link>& link);
  [[nodiscard]] bool take_output(const std::shared_ptr<Link>& link);
  static void keep_rest(Link& link, ByteView bytes, std::size_t taken);
  void wait_to_write(const std::shared_ptr<Link>& link, net::Io what);
  void drop(const std::shared_ptr<Link>& link);

  boost::asio::io_context& io_;
  std::function<void()> turn_;
  ports::LinkHandler* handler_ = nullptr;
  std::unordered_map<ports::LinkId, std::shared_ptr<Link>> links_;
  std::uint64_t last_id_ = 0;
  Bytes read_buffer_;
  Bytes write_buffer_;  ///< of the link being flushed
};

}  // namespace stint::server
