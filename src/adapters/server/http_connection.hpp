#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <string>

#include "net/async_stream.hpp"
#include "ports/http.hpp"

namespace stint::server {

class HttpServer;

/// A problem document of the server itself. `detail` must need no escape in JSON.
[[nodiscard]] ports::HttpResponse problem(int status, const std::string& code, const std::string& detail);

/// One client: reads a request, waits for its answer, writes it, and reads the next. Bodies of PATCH are read as the handler asks for them;
/// all others are gathered first.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(net::AsyncStream stream, HttpServer& server);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void read_next();
  void read_body();
  /// An answer that ends the connection, for clients that never were let in.
  void turn_away(const ports::HttpResponse& response) { write(response, false); }
  void respond(ports::HttpResponse response);
  void begin_stream(const ports::HttpResponse& head);
  void write_stream(std::string bytes);
  /// After what is being written.
  void end_stream();
  void abort_stream();

  ports::RequestId id;

 private:
  using error_code = boost::beast::error_code;

  void on_head(error_code error);
  [[nodiscard]] bool is_upgrade() const;
  void upgrade();
  void gather_body();
  void announce_body();
  void on_request(bool body_follows);
  [[nodiscard]] bool fill_request(ports::HttpRequest& request, const boost::beast::http::fields& head);
  [[nodiscard]] bool refuse_broken(error_code error);
  void continue_if_expected();
  void read_chunk();
  void take_chunk(error_code error);
  void write(const ports::HttpResponse& response, bool keep_alive);
  template <class Message>
  void write_message(std::shared_ptr<Message> message, bool keep_alive);
  void watch_for_close();
  void look_for_close(ports::RequestId watched);
  void on_written();
  void finish_stream();
  void on_stream_finished(error_code error);
  void shut();
  void linger();
  void close();
  /// What is under way fails when it is not done by then; none: no limit.
  void expect_within(std::optional<Duration> time);
  void watch_deadline();

  net::AsyncStream stream_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  bool timer_runs_ = false;
  HttpServer& server_;
  std::shared_ptr<std::size_t> connections_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::empty_body>> head_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> gathered_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::buffer_body>> following_;
  std::string chunk_;  ///< of a following body
  std::optional<ports::HttpResponse> refusal_;  ///< waits for the rest of the body to be thrown away
  std::string peer_;
  std::size_t body_limit_ = 0;
  bool first_ = true;
  bool keep_alive_ = true;
  bool is_head_ = false;  ///< HEAD: the answer has no body
  bool expects_continue_ = false;
  bool chunked_ = true;  ///< the stream
  bool writing_ = false;
  bool ended_ = false;
};

}  // namespace stint::server
