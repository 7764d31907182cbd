#include "adapters/server/http_server.hpp"

#include <utility>

#include "adapters/server/clock.hpp"
#include "adapters/server/http_connection.hpp"

namespace stint::server {

HttpServer::HttpServer(std::function<void()> turn) : turn_(std::move(turn)) {}
HttpServer::~HttpServer() = default;

void HttpServer::turn_away_plaintext(net::AsyncStream stream) {
  std::make_shared<HttpConnection>(std::move(stream), *this)
      ->turn_away(problem(400, "invalid_argument", "this port speaks TLS: use https://"));
}

void HttpServer::adopt(net::AsyncStream stream) {
  auto connection = std::make_shared<HttpConnection>(std::move(stream), *this);
  if (*connections_ > ports::limits::kHttpConnectionsMax)
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

void HttpServer::on_body(ports::RequestId id, std::string bytes, bool is_last) {
  if (waiting_.count(id) > 0) handler_->on_body(id, std::move(bytes), is_last, read_clocks());
}

void HttpServer::forget(ports::RequestId id) {
  if (waiting_.erase(id) > 0) handler_->on_request_closed(id, read_clocks());
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
  if (auto found = waiting_.extract(id)) found.mapped()->respond(std::move(response));
}

void HttpServer::read_body(ports::RequestId id) {
  if (auto it = waiting_.find(id); it != waiting_.end()) it->second->read_body();
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

void HttpServer::abort_stream(ports::RequestId id) {
  if (auto found = waiting_.extract(id)) found.mapped()->abort_stream();
}

}  // namespace stint::server
