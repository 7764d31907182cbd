#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "net/async_stream.hpp"
#include "ports/http.hpp"

namespace stint::server {

class HttpConnection;

/// HTTP/1.1 on Beast: requests to the handler, its answers back, streams chunk by chunk. Bodies, heads, connections and silence have limits
/// (ports/http.hpp); what is over one is answered with a problem document and closed.
///
/// Thread:  the io_context's, of which there is one.
class HttpServer final : public ports::HttpReplies {
 public:
  explicit HttpServer(std::function<void()> turn);
  ~HttpServer() override;

  void set_handler(ports::HttpHandler& handler) { handler_ = &handler; }
  /// Takes over a connection whose first bytes are still unread.
  void adopt(net::AsyncStream stream);
  using Upgrade = std::function<void(net::AsyncStream, boost::beast::http::request<boost::beast::http::empty_body>)>;
  /// Who takes connections that ask for a WebSocket at kWebSocketPath. Without one they are requests like others.
  void set_upgrade(Upgrade upgrade) { upgrade_ = std::move(upgrade); }
  static constexpr std::string_view kWebSocketPath = "/v1/agent";
  /// Answers 400 whatever it asks, and handles nothing: it came in the clear to a port that speaks TLS.
  void turn_away_plaintext(net::AsyncStream stream);

  void respond(ports::RequestId id, ports::HttpResponse response) override;
  void read_body(ports::RequestId id) override;
  void begin_stream(ports::RequestId id, ports::HttpResponse head) override;
  void write_stream(ports::RequestId id, std::string bytes) override;
  void end_stream(ports::RequestId id) override;
  void abort_stream(ports::RequestId id) override;

 private:
  friend class HttpConnection;
  ports::RequestId next_id() { return ports::RequestId{++last_id_}; }
  void on_request(const std::shared_ptr<HttpConnection>& connection, ports::HttpRequest request);
  void on_body(ports::RequestId id, std::string bytes, bool is_last);
  /// The connection answers by itself.
  void forget(ports::RequestId id);
  void on_writable(ports::RequestId id);
  void on_closed(ports::RequestId id);

  std::function<void()> turn_;
  Upgrade upgrade_;
  ports::HttpHandler* handler_ = nullptr;
  std::map<ports::RequestId, std::shared_ptr<HttpConnection>> waiting_;  ///< requests that have no whole answer yet
  std::shared_ptr<std::size_t> connections_ = std::make_shared<std::size_t>(0);  ///< they may outlive the server by a moment
  std::uint64_t last_id_ = 0;
};

}  // namespace stint::server
