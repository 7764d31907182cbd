#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <functional>
#include <map>
#include <memory>

#include "net/async_stream.hpp"
#include "ports/link.hpp"

namespace stint::server {

/// Links over WebSocket, for agents behind proxies that only let HTTP through: binary messages, one frame each.
///
/// Source:  docs/protocol.md "Transport".
/// Thread:  the io_context's, of which there is one.
class WebSocketServer final : public ports::Links {
 public:
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;
  static constexpr std::uint64_t kFirstId = std::uint64_t{1} << 62;  ///< FrameServer counts from 1

  explicit WebSocketServer(std::function<void()> turn);
  ~WebSocketServer() override;

  void set_handler(ports::LinkHandler& handler) { handler_ = &handler; }
  /// Takes over a connection after the request for the upgrade, which is answered here.
  void adopt(net::AsyncStream stream, Request request);

  void wake(ports::LinkId link) override;
  void close(ports::LinkId link) override;
  void shut_down();

 private:
  struct Link;
  void read(const std::shared_ptr<Link>& link);
  void schedule_write(const std::shared_ptr<Link>& link);
  void write(const std::shared_ptr<Link>& link);
  void write_frame(const std::shared_ptr<Link>& link);
  void drop(const std::shared_ptr<Link>& link);

  std::function<void()> turn_;
  ports::LinkHandler* handler_ = nullptr;
  std::map<ports::LinkId, std::shared_ptr<Link>> links_;
  std::uint64_t last_id_ = kFirstId;
};

/// Two servers of links as the one that the daemon knows, by their ids.
class AllLinks final : public ports::Links {
 public:
  AllLinks(ports::Links& frames, ports::Links& web_sockets) : frames_(frames), web_sockets_(web_sockets) {}
  void wake(ports::LinkId link) override { of(link).wake(link); }
  void flush(ports::LinkId link) override { of(link).flush(link); }
  void close(ports::LinkId link) override { of(link).close(link); }

 private:
  ports::Links& of(ports::LinkId link) { return link.value >= WebSocketServer::kFirstId ? web_sockets_ : frames_; }
  ports::Links& frames_;
  ports::Links& web_sockets_;
};

}  // namespace stint::server
