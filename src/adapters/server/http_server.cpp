#include "adapters/server/http_server.hpp"

#include <sys/socket.h>

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

#include "adapters/server/clock.hpp"
#include "adapters/server/url.hpp"

namespace stint::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using beast::error_code;

namespace {

constexpr auto kRequestTime = std::chrono::seconds(30);  ///< from its first byte to its last
constexpr auto kIdleTime = std::chrono::seconds(75);     ///< between two requests
constexpr auto kWriteTime = std::chrono::seconds(60);    ///< for a reader that takes nothing

ports::HttpResponse problem(int status, const std::string& code, const std::string& detail) {
  ports::HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = R"({"type":"about:blank","title":")" + std::string(http::obsolete_reason(static_cast<http::status>(status))) +
                  R"(","status":)" + std::to_string(status) + R"(,"code":")" + code + R"(","detail":")" + detail + "\"}\n";
  return response;
}

std::string bearer_of(beast::string_view authorization) {
  static constexpr beast::string_view kScheme = "Bearer ";
  if (authorization.size() <= kScheme.size() || !beast::iequals(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return std::string(authorization.substr(kScheme.size()));
}

template <class Body>
void fill_head(http::response<Body>& out, const ports::HttpResponse& in, bool keep_alive) {
  out.result(static_cast<unsigned>(in.status));
  out.version(11);
  out.set(http::field::server, "stint");
  out.set(http::field::content_type, in.content_type);
  for (const auto& [name, value] : in.headers) out.set(name, value);
  out.keep_alive(keep_alive);
}

}  // namespace

/// One client: reads a request, waits for its answer, writes it, and reads the next.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(asio::ip::tcp::socket socket, HttpServer& server) : stream_(std::move(socket)), server_(server) {
    ++server_.connections_;
    error_code ignored;
    const auto remote = stream_.socket().remote_endpoint(ignored);
    peer_ = ignored ? "unknown" : remote.address().to_string();
    static_cast<void>(stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored));
  }
  ~HttpConnection() { --server_.connections_; }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void read_next() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(ports::limits::kHttpHeadMax));
    parser_->body_limit(ports::limits::kHttpBodyMax);
    stream_.expires_after(first_ ? kRequestTime : kIdleTime);
    first_ = false;
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
  }

  /// An answer that ends the connection, for clients that never were let in.
  void turn_away(const ports::HttpResponse& response) { write(response, false); }

  void respond(const ports::HttpResponse& response) { write(response, keep_alive_); }

  void begin_stream(const ports::HttpResponse& head) {
    auto message = std::make_shared<http::response<http::empty_body>>();
    fill_head(*message, head, true);
    message->chunked(true);
    auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*message);
    stream_.expires_after(kWriteTime);
    writing_ = true;
    http::async_write_header(stream_, *serializer,
                             [self = shared_from_this(), message, serializer, first = head.body](error_code error, std::size_t) {
                               self->writing_ = false;
                               if (error) return self->close();
                               if (first.empty()) return self->on_written();
                               self->write_stream(first);
                             });
  }

  void write_stream(std::string bytes) {
    auto text = std::make_shared<std::string>(std::move(bytes));
    stream_.expires_after(kWriteTime);
    writing_ = true;
    asio::async_write(stream_, http::make_chunk(asio::buffer(*text)), [self = shared_from_this(), text](error_code error, std::size_t) {
      self->writing_ = false;
      if (error) return self->close();
      self->on_written();
    });
  }

  /// After what is being written.
  void end_stream() {
    ended_ = true;
    if (!writing_) finish_stream();
  }

  ports::RequestId id;

 private:
  void on_read(error_code error) {
    if (error == http::error::body_limit)
      return turn_away(
          problem(413, "out_of_range", "the body is over the limit of " + std::to_string(ports::limits::kHttpBodyMax) + " bytes"));
    if (error == http::error::header_limit)
      return turn_away(problem(431, "out_of_range",
                               "the head of the request is over the limit of " + std::to_string(ports::limits::kHttpHeadMax) + " bytes"));
    if (error && error.category() == http::make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream &&
        error != http::error::partial_message)
      return turn_away(problem(400, "invalid_argument", "not an HTTP/1.1 request: " + error.message()));
    if (error) return close();
    const auto& message = parser_->get();
    ports::HttpRequest request;
    request.method = std::string(message.method_string());
    if (!parse_target({message.target().data(), message.target().size()}, request.path, request.query))
      return turn_away(problem(400, "invalid_argument", "the path has a broken percent escape"));
    request.bearer_token = bearer_of(message[http::field::authorization]);
    request.idempotency_key = std::string(message["Idempotency-Key"]);
    request.last_event_id = std::string(message["Last-Event-ID"]);
    request.accept = std::string(message[http::field::accept]);
    request.content_type = std::string(message[http::field::content_type]);
    request.peer = peer_;
    keep_alive_ = message.keep_alive();
    request.body = std::move(parser_->get().body());
    stream_.expires_never();
    server_.on_request(shared_from_this(), std::move(request));
    watch_for_close();
  }

  /// While the answer is awaited: notices a client that has gone, so that streams do not outlive their readers.
  void watch_for_close() {
    stream_.socket().async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this(), watched = id](error_code error) {
      if (self->id != watched || !self->id) return;  // answered meanwhile
      char byte = 0;
      const auto got = error ? -1 : ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (error || got == 0) self->close();
    });
  }

  void write(const ports::HttpResponse& response, bool keep_alive) {
    id = {};
    auto message = std::make_shared<http::response<http::string_body>>();
    fill_head(*message, response, keep_alive);
    message->body() = response.body;
    message->prepare_payload();
    stream_.expires_after(kWriteTime);
    http::async_write(stream_, *message, [self = shared_from_this(), message, keep_alive](error_code error, std::size_t) {
      if (error || !keep_alive) return self->shut();
      self->read_next();
    });
  }

  void on_written() {
    if (ended_) return finish_stream();
    stream_.expires_never();
    server_.on_writable(id);
  }

  void finish_stream() {
    id = {};
    asio::async_write(stream_, http::make_chunk_last(), [self = shared_from_this()](error_code error, std::size_t) {
      self->ended_ = false;
      if (error || !self->keep_alive_) return self->shut();
      self->read_next();
    });
  }

  void shut() {
    error_code ignored;
    static_cast<void>(stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored));
    stream_.close();
  }

  void close() {
    stream_.close();
    if (id) server_.on_closed(std::exchange(id, {}));
  }

  beast::tcp_stream stream_;
  HttpServer& server_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string peer_;
  bool first_ = true;
  bool keep_alive_ = true;
  bool writing_ = false;
  bool ended_ = false;
};

HttpServer::HttpServer(std::function<void()> turn) : turn_(std::move(turn)) {}
HttpServer::~HttpServer() = default;

void HttpServer::adopt(asio::ip::tcp::socket socket) {
  auto connection = std::make_shared<HttpConnection>(std::move(socket), *this);
  if (connections_ > ports::limits::kHttpConnectionsMax)
    return connection->turn_away(
        problem(503, "unavailable", "over the limit of " + std::to_string(ports::limits::kHttpConnectionsMax) + " connections"));
  connection->read_next();
}

void HttpServer::on_request(const std::shared_ptr<HttpConnection>& connection, ports::HttpRequest request) {
  request.id = next_id();
  connection->id = request.id;
  waiting_[request.id] = connection;
  handler_->on_request(std::move(request), read_clocks());
  turn_();
}

void HttpServer::on_writable(ports::RequestId id) {
  if (waiting_.count(id) == 0) return;
  handler_->on_stream_writable(id, read_clocks());
  turn_();
}

void HttpServer::on_closed(ports::RequestId id) {
  if (waiting_.erase(id) == 0) return;
  handler_->on_request_closed(id, read_clocks());
  turn_();
}

void HttpServer::respond(ports::RequestId id, ports::HttpResponse response) {
  if (auto found = waiting_.extract(id)) found.mapped()->respond(response);
}

void HttpServer::begin_stream(ports::RequestId id, ports::HttpResponse head) {
  if (auto it = waiting_.find(id); it != waiting_.end()) it->second->begin_stream(head);
}

void HttpServer::write_stream(ports::RequestId id, std::string bytes) {
  if (auto it = waiting_.find(id); it != waiting_.end()) it->second->write_stream(std::move(bytes));
}

void HttpServer::end_stream(ports::RequestId id) {
  if (auto found = waiting_.extract(id)) found.mapped()->end_stream();
}

}  // namespace stint::server
