#include "adapters/server/http_connection.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "adapters/server/http_server.hpp"
#include "adapters/server/url.hpp"

namespace stint::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr auto kRequestTime = std::chrono::seconds(30);  ///< from its first byte to its last; of a body that follows, for each chunk
constexpr auto kIdleTime = std::chrono::seconds(75);     ///< between two requests
constexpr auto kWriteTime = std::chrono::seconds(60);    ///< for a reader that takes nothing
constexpr auto kLingerTime = std::chrono::seconds(2);    ///< for what a client still sends after its last answer
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

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

ports::HttpResponse problem(int status, const std::string& code, const std::string& detail) {
  ports::HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = R"({"type":"about:blank","title":")" + std::string(http::obsolete_reason(static_cast<http::status>(status))) +
                  R"(","status":)" + std::to_string(status) + R"(,"code":")" + code + R"(","detail":")" + detail + "\"}\n";
  return response;
}

HttpConnection::HttpConnection(net::AsyncStream stream, HttpServer& server)
    : stream_(std::move(stream)), timer_(stream_.get_executor()), server_(server), connections_(server.connections_) {
  ++*connections_;
  error_code ignored;
  const auto remote = stream_.socket().remote_endpoint(ignored);
  peer_ = ignored ? "unknown" : remote.address().to_string();
  static_cast<void>(stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored));
}

HttpConnection::~HttpConnection() { --*connections_; }

// Requests.

void HttpConnection::read_next() {
  gathered_.reset();
  following_.reset();
  head_.emplace();
  head_->header_limit(static_cast<std::uint32_t>(ports::limits::kHttpHeadMax));
  head_->body_limit(boost::none);  // which limit it is, the method tells
  expect_within(first_ ? kRequestTime : kIdleTime);
  first_ = false;
  http::async_read_header(stream_, buffer_, *head_, [self = shared_from_this()](error_code error, std::size_t) { self->on_head(error); });
}

/// True if there is nothing to go on with: the client was answered, or has gone.
bool HttpConnection::refuse_broken(error_code error) {
  if (!error) return false;
  if (error == http::error::body_limit) {
    turn_away(problem(413, "out_of_range", "the body is over the limit of " + std::to_string(body_limit_) + " bytes"));
  } else if (error == http::error::header_limit) {
    turn_away(problem(431, "out_of_range",
                      "the head of the request is over the limit of " + std::to_string(ports::limits::kHttpHeadMax) + " bytes"));
  } else if (error.category() == http::make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream &&
             error != http::error::partial_message) {
    turn_away(problem(400, "invalid_argument", "not an HTTP/1.1 request: " + error.message()));
  } else {
    close();
  }
  return true;
}

void HttpConnection::on_head(error_code error) {
  if (refuse_broken(error)) return;
  if (is_upgrade()) return upgrade();
  const auto& head = head_->get();
  keep_alive_ = head.keep_alive();
  is_head_ = head.method() == http::verb::head;
  expects_continue_ = beast::iequals(head[http::field::expect], "100-continue");
  const bool follows = head.method() == http::verb::patch;
  body_limit_ = follows ? ports::limits::kHttpPatchMax : ports::limits::kHttpBodyMax;
  if (const auto length = head_->content_length(); length && *length > body_limit_)
    return static_cast<void>(refuse_broken(http::error::body_limit));
  follows ? announce_body() : gather_body();
}

bool HttpConnection::is_upgrade() const {
  const auto& head = head_->get();
  return server_.upgrade_ && head.target() == HttpServer::kWebSocketPath && beast::websocket::is_upgrade(head);
}

void HttpConnection::upgrade() {
  if (buffer_.size() > 0) return turn_away(problem(400, "invalid_argument", "bytes behind a request to upgrade, before its answer"));
  expect_within({});
  server_.upgrade_(std::move(stream_), head_->release());
}

void HttpConnection::gather_body() {
  gathered_.emplace(std::move(*head_));
  gathered_->body_limit(body_limit_);
  continue_if_expected();
  expect_within(kRequestTime);
  http::async_read(stream_, buffer_, *gathered_, [self = shared_from_this()](error_code failed, std::size_t) {
    if (!self->refuse_broken(failed)) self->on_request(false);
  });
}

void HttpConnection::announce_body() {
  following_.emplace(std::move(*head_));
  following_->body_limit(body_limit_);
  on_request(true);
}

/// A client that asks before it sends (RFC 9110, 10.1.1). Written at once: it is small, and nothing else is on its way.
void HttpConnection::continue_if_expected() {
  if (!std::exchange(expects_continue_, false)) return;
  static_cast<void>(stream_.bytes().write(as_bytes(kContinue)));
}

bool HttpConnection::fill_request(ports::HttpRequest& request, const http::fields& head) {
  request.bearer_token = bearer_of(head[http::field::authorization]);
  request.idempotency_key = std::string(head["Idempotency-Key"]);
  request.last_event_id = std::string(head["Last-Event-ID"]);
  request.accept = std::string(head[http::field::accept]);
  request.content_type = std::string(head[http::field::content_type]);
  request.range = std::string(head[http::field::range]);
  request.peer = peer_;
  const auto target = following_ ? following_->get().target() : gathered_->get().target();
  request.method = std::string(following_ ? following_->get().method_string() : gathered_->get().method_string());
  return parse_target({target.data(), target.size()}, request.path, request.query);
}

void HttpConnection::on_request(bool body_follows) {
  ports::HttpRequest request;
  const http::fields& head = body_follows ? static_cast<const http::fields&>(following_->get().base()) : gathered_->get().base();
  if (!fill_request(request, head)) return turn_away(problem(400, "invalid_argument", "the path has a broken percent escape"));
  request.body_follows = body_follows;
  if (body_follows && following_->content_length()) request.body_bytes = *following_->content_length();
  if (!body_follows) request.body = std::move(gathered_->get().body());
  expect_within({});
  server_.on_request(shared_from_this(), std::move(request));
  if (!body_follows) watch_for_close();
}

// Bodies that follow.

void HttpConnection::read_body() {
  if (following_->is_done()) {
    asio::post(stream_.get_executor(), [self = shared_from_this(), asked = id] { self->server_.on_body(asked, {}, true); });
    return;
  }
  continue_if_expected();
  read_chunk();
}

void HttpConnection::read_chunk() {
  chunk_.resize(ports::limits::kHttpChunk);
  auto& body = following_->get().body();
  body.data = chunk_.data();
  body.size = chunk_.size();
  body.more = true;
  expect_within(kRequestTime);
  http::async_read(stream_, buffer_, *following_, [self = shared_from_this()](error_code error, std::size_t) { self->take_chunk(error); });
}

void HttpConnection::take_chunk(error_code error) {
  if (error == http::error::need_buffer) error = {};
  if (refusal_) {
    if (error) return close();
    return following_->is_done() ? write(*std::exchange(refusal_, std::nullopt), keep_alive_) : read_chunk();
  }
  if (error == http::error::body_limit && id) {  // only seen now: it came in chunks
    server_.forget(id);
    return static_cast<void>(refuse_broken(error));
  }
  if (error) return close();
  expect_within({});
  chunk_.resize(chunk_.size() - following_->get().body().size);
  const bool is_last = following_->is_done();
  server_.on_body(id, std::exchange(chunk_, {}), is_last);
  if (is_last) watch_for_close();
}

/// A client that is sending does not listen: what it still sends is thrown away before it is answered.
void HttpConnection::respond(ports::HttpResponse response) {
  if (!following_ || following_->is_done()) return write(response, keep_alive_);
  if (expects_continue_) return write(response, false);  // it was not told to send
  id = {};
  refusal_ = std::move(response);
  read_chunk();
}

// Answers.

template <class Message>
void HttpConnection::write_message(std::shared_ptr<Message> message, bool keep_alive) {
  expect_within(kWriteTime);
  http::async_write(stream_, *message, [self = shared_from_this(), message, keep_alive](error_code error, std::size_t) {
    if (error || !keep_alive) return self->shut();
    self->read_next();
  });
}

void HttpConnection::write(const ports::HttpResponse& response, bool keep_alive) {
  id = {};
  if (is_head_) {
    auto message = std::make_shared<http::response<http::empty_body>>();
    fill_head(*message, response, keep_alive);
    message->content_length(response.content_length.value_or(response.body.size()));
    return write_message(message, keep_alive);
  }
  auto message = std::make_shared<http::response<http::string_body>>();
  fill_head(*message, response, keep_alive);
  message->body() = response.body;
  message->prepare_payload();
  write_message(message, keep_alive);
}

/// While the answer is awaited: notices a client that has gone, so that streams do not outlive their readers.
void HttpConnection::watch_for_close() {
  stream_.socket().async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this(), watched = id](error_code error) {
    if (self->id != watched || !self->id) return;  // answered meanwhile
    if (error) return self->close();
    self->look_for_close(watched);
  });
}

void HttpConnection::look_for_close(ports::RequestId watched) {
  const auto seen = stream_.bytes().peek();
  if (seen.what == net::Io::done) return;  // the next request: it can wait
  if (seen.what != net::Io::wants_read || watched != id) return close();
  watch_for_close();  // what was readable was TLS's own
}

void HttpConnection::begin_stream(const ports::HttpResponse& head) {
  auto message = std::make_shared<http::response<http::empty_body>>();
  fill_head(*message, head, keep_alive_);
  chunked_ = !head.content_length;
  if (chunked_) message->chunked(true);
  if (!chunked_) message->content_length(*head.content_length);
  auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*message);
  expect_within(kWriteTime);
  writing_ = true;
  http::async_write_header(stream_, *serializer,
                           [self = shared_from_this(), message, serializer, first = head.body](error_code error, std::size_t) {
                             self->writing_ = false;
                             if (error) return self->close();
                             if (first.empty()) return self->on_written();
                             self->write_stream(first);
                           });
}

void HttpConnection::write_stream(std::string bytes) {
  auto text = std::make_shared<std::string>(std::move(bytes));
  expect_within(kWriteTime);
  writing_ = true;
  auto written = [self = shared_from_this(), text](error_code error, std::size_t) {
    self->writing_ = false;
    if (error) return self->close();
    self->on_written();
  };
  if (chunked_) return static_cast<void>(asio::async_write(stream_, http::make_chunk(asio::buffer(*text)), std::move(written)));
  asio::async_write(stream_, asio::buffer(*text), std::move(written));
}

void HttpConnection::end_stream() {
  ended_ = true;
  if (!writing_) finish_stream();
}

void HttpConnection::abort_stream() {
  id = {};
  stream_.close();
}

void HttpConnection::on_written() {
  if (ended_) return finish_stream();
  expect_within({});
  server_.on_writable(id);
}

void HttpConnection::finish_stream() {
  id = {};
  if (!chunked_) return on_stream_finished({});
  asio::async_write(stream_, http::make_chunk_last(),
                    [self = shared_from_this()](error_code error, std::size_t) { self->on_stream_finished(error); });
}

void HttpConnection::on_stream_finished(error_code error) {
  ended_ = false;
  if (error || !keep_alive_) return shut();
  read_next();
}

void HttpConnection::shut() {
  error_code ignored;
  stream_.bytes().say_goodbye();
  static_cast<void>(stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored));
  expect_within(kLingerTime);
  linger();
}

/// Closing with unread bytes resets the connection, and the client may lose the answer that it was sent: they are taken first.
void HttpConnection::linger() {
  chunk_.resize(ports::limits::kHttpChunk);
  stream_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](error_code error, std::size_t) {
    if (error) return self->stream_.close();
    self->linger();
  });
}

void HttpConnection::expect_within(std::optional<Duration> time) {
  using Steady = std::chrono::steady_clock;
  deadline_ = time ? Steady::now() + *time : Steady::time_point::max();
  if (time && (!timer_runs_ || deadline_ < timer_.expiry())) watch_deadline();
}

/// One timer for all deadlines, since nearly all of them are met: it looks again when the one that it was set for has passed, and is only
/// set anew for an earlier one.
void HttpConnection::watch_deadline() {
  timer_runs_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([weak = weak_from_this()](error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self) return;
    self->timer_runs_ = false;
    if (self->deadline_ == std::chrono::steady_clock::time_point::max()) return;
    if (self->deadline_ <= std::chrono::steady_clock::now()) return self->stream_.close();
    self->watch_deadline();
  });
}

void HttpConnection::close() {
  stream_.close();
  if (id) server_.on_closed(std::exchange(id, {}));
}

}  // namespace stint::server
