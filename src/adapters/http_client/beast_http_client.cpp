#include "adapters/http_client/beast_http_client.hpp"

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>

#include "net/async_stream.hpp"

namespace stint::adapters {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;
using HttpRequest = http::request<http::string_body>;

constexpr auto kTick = std::chrono::milliseconds{100};
constexpr std::size_t kAnswerMax = std::size_t{256} << 20;     // a page of 1,000 tasks is under a megabyte; explain of a big cell a few
constexpr std::size_t kHeadMax = std::size_t{64} << 10;
constexpr std::size_t kChunk = std::size_t{64} << 10;

std::string content_type_of(const http::response_header<>& head) { return std::string(head[http::field::content_type]); }

}  // namespace

/// One TCP connection, on an event loop of its own so that a stream's callback can use another.
class BeastHttpClient::Connection {
 public:
  Connection(HttpEndpoint endpoint, const IsInterrupted& is_interrupted)
      : endpoint_(std::move(endpoint)), is_interrupted_(is_interrupted) {}

  const HttpEndpoint& endpoint() const { return endpoint_; }
  std::string address() const { return endpoint_.host + ":" + std::to_string(endpoint_.port); }

  Status open(Steady::time_point deadline) {
    asio::ip::tcp::resolver resolver(context_);
    error_code failed;
    const auto addresses = resolver.resolve(endpoint_.host, std::to_string(endpoint_.port), failed);
    if (failed) return fail(Errc::unavailable, "scheduler " + address() + ": " + failed.message());
    const error_code outcome = wait(deadline, {}, [&](auto done) {
      asio::async_connect(socket(), addresses, [done](error_code ec, const asio::ip::tcp::endpoint&) { done(ec); });
    });
    if (outcome) return fail(Errc::unavailable, "scheduler " + address() + ": " + outcome.message());
    static_cast<void>(socket().set_option(asio::ip::tcp::no_delay(true), failed));
    keep_alive();
    return begin_tls(deadline);
  }

  /// False if the server has closed a connection that was kept open: nothing was sent on it yet, so another can take its place.
  bool is_usable() { return stream_.bytes().peek().what == net::Io::wants_read; }

  /// What went wrong, as an error of the call that was under way.
  tl::unexpected<Error> lost(const error_code& why) const {
    const auto& bytes = stream_.bytes();
    if (bytes.is_refused()) return fail(Errc::forbidden, "scheduler " + address() + ": " + bytes.problem());
    return fail(Errc::outcome_unknown, "scheduler " + address() + ": no answer: " + why.message());
  }

  error_code send(const HttpRequest& request, Steady::time_point deadline) {
    return wait(deadline, {}, [&](auto done) { http::async_write(stream_, request, [done](error_code ec, std::size_t) { done(ec); }); });
  }
  template <class Parser>
  error_code read_head(Parser& parser, Steady::time_point deadline) {
    return wait(deadline, {},
                [&](auto done) { http::async_read_header(stream_, buffer_, parser, [done](error_code ec, std::size_t) { done(ec); }); });
  }
  template <class Parser>
  error_code read_rest(Parser& parser, Steady::time_point deadline) {
    return wait(deadline, {},
                [&](auto done) { http::async_read(stream_, buffer_, parser, [done](error_code ec, std::size_t) { done(ec); }); });
  }
  /// Waits for more bytes for as long as it takes; `on_tick` may end it (operation_aborted).
  template <class Parser>
  error_code read_some(Parser& parser, const std::function<bool()>& on_tick) {
    return wait(Steady::time_point::max(), on_tick,
                [&](auto done) { http::async_read_some(stream_, buffer_, parser, [done](error_code ec, std::size_t) { done(ec); }); });
  }

 private:
  asio::ip::tcp::socket& socket() { return stream_.socket(); }

  /// Also makes the socket non-blocking, which the plain stream needs as well.
  Status begin_tls(Steady::time_point deadline) {
    error_code failed;
    static_cast<void>(socket().non_blocking(true, failed));
    if (failed) return fail(Errc::unavailable, "scheduler " + address() + ": " + failed.message());
    const int fd = socket().native_handle();
    stream_.set_bytes(endpoint_.tls ? endpoint_.tls->connect(fd, endpoint_.host) : net::ByteStream(fd));
    const error_code outcome =
        wait(deadline, {}, [&](auto done) { stream_.async_handshake([done](error_code ec, std::size_t) { done(ec); }); });
    if (!outcome) return {};
    const auto& bytes = stream_.bytes();
    return fail(bytes.is_refused() ? Errc::forbidden : Errc::unavailable,
                "scheduler " + address() + ": " + (bytes.is_refused() ? bytes.problem() : outcome.message()));
  }

  /// A stream may be silent for hours; a machine that has vanished meanwhile must be noticed: after 30 s of silence, three probes 10 s
  /// apart.
  void keep_alive() {
    using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
    using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
    using Count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
    error_code ignored;  // without them the connection works as well
    static_cast<void>(socket().set_option(asio::socket_base::keep_alive(true), ignored));
    static_cast<void>(socket().set_option(Idle(30), ignored));
    static_cast<void>(socket().set_option(Interval(10), ignored));
    static_cast<void>(socket().set_option(Count(3), ignored));
  }

  /// Starts one operation and runs the loop until it is done. Errors: timed_out, operation_aborted (interrupted), or the operation's own.
  template <class Start>
  error_code wait(Steady::time_point deadline, const std::function<bool()>& on_tick, Start start) {
    bool is_done = false;
    error_code outcome;
    start([&](error_code ec) {
      is_done = true;
      outcome = ec;
    });
    error_code given_up;
    context_.restart();
    while (!is_done) {
      context_.run_one_until(std::min(deadline, Steady::now() + kTick));
      if (is_done) break;
      if (Steady::now() >= deadline) given_up = asio::error::timed_out;
      if (is_interrupted_() || (on_tick && !on_tick())) given_up = asio::error::operation_aborted;
      if (!given_up) continue;
      // The handler refers to this frame: it must have run before we leave.
      stream_.close();
      while (!is_done && context_.run_one() > 0) {
      }
      return given_up;
    }
    return outcome;
  }

  HttpEndpoint endpoint_;
  const IsInterrupted& is_interrupted_;
  asio::io_context context_{1};
  net::AsyncStream stream_{asio::ip::tcp::socket(context_)};
  beast::flat_buffer buffer_{kAnswerMax};
};

namespace {

HttpRequest make_request(const ports::HttpCall& call, const HttpEndpoint& endpoint) {
  HttpRequest request(http::string_to_verb(call.method), call.target, 11);
  request.set(http::field::host, endpoint.host + ":" + std::to_string(endpoint.port));
  request.set(http::field::user_agent, "stint/" STINT_VERSION);
  if (!endpoint.bearer_token.empty()) request.set(http::field::authorization, "Bearer " + endpoint.bearer_token);
  if (!call.body.empty()) request.set(http::field::content_type, "application/json");
  for (const auto& [name, value] : call.headers) request.set(name, value);
  request.body() = call.body;
  request.prepare_payload();
  return request;
}

}  // namespace

BeastHttpClient::BeastHttpClient(Resolve resolve, IsInterrupted is_interrupted)
    : resolve_(std::move(resolve)), is_interrupted_(std::move(is_interrupted)) {}
BeastHttpClient::~BeastHttpClient() = default;

Result<std::unique_ptr<BeastHttpClient::Connection>> BeastHttpClient::connect(Duration timeout) {
  STINT_TRY(HttpEndpoint endpoint, resolve_());
  auto connection = std::make_unique<Connection>(std::move(endpoint), is_interrupted_);
  STINT_TRY_VOID(connection->open(Steady::now() + timeout));
  return connection;
}

Result<ports::HttpAnswer> BeastHttpClient::call(const ports::HttpCall& call) {
  auto connection = std::move(idle_);
  if (!connection || !connection->is_usable()) {
    STINT_TRY(connection, connect(call.timeout));
  }
  auto answer = call_on(*connection, call);
  if (answer) idle_ = std::move(connection);
  return answer;
}

Result<ports::HttpAnswer> BeastHttpClient::call_on(Connection& connection, const ports::HttpCall& call) {
  const auto deadline = Steady::now() + call.timeout;
  const HttpRequest request = make_request(call, connection.endpoint());
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerMax);
  parser.header_limit(static_cast<std::uint32_t>(kHeadMax));
  if (const error_code failed = connection.send(request, deadline)) return connection.lost(failed);
  if (const error_code failed = connection.read_rest(parser, deadline)) return connection.lost(failed);
  auto response = parser.release();
  return ports::HttpAnswer{static_cast<int>(response.result_int()), content_type_of(response.base()), std::move(response.body())};
}

Result<ports::HttpAnswer> BeastHttpClient::stream(const ports::HttpCall& call, const OnBytes& on_bytes) {
  STINT_TRY(const auto connection, connect(call.timeout));
  const auto deadline = Steady::now() + call.timeout;
  const HttpRequest request = make_request(call, connection->endpoint());
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  parser.header_limit(static_cast<std::uint32_t>(kHeadMax));
  if (const error_code failed = connection->send(request, deadline)) return connection->lost(failed);
  if (const error_code failed = connection->read_head(parser, deadline)) return connection->lost(failed);

  ports::HttpAnswer answer{static_cast<int>(parser.get().result_int()), content_type_of(parser.get().base()), {}};
  const bool is_refused = answer.status < 200 || answer.status > 299;
  std::array<char, kChunk> chunk;
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    parser.get().body().more = true;
    bool wants_more = true;
    error_code failed = connection->read_some(parser, [&] { return wants_more = is_refused || on_bytes({}); });
    if (!wants_more) return answer;
    const std::size_t size = chunk.size() - parser.get().body().size;
    const std::string_view bytes(chunk.data(), size);
    if (is_refused && size > 0) answer.body.append(bytes);
    if (!is_refused && size > 0 && !on_bytes(bytes)) return answer;
    if (failed && failed != http::error::need_buffer) return connection->lost(failed);
    if (answer.body.size() > kAnswerMax) return fail(Errc::out_of_range, "an error of more than 256 MiB");
  }
  return answer;
}

bool BeastHttpClient::pause(Duration duration) {
  const auto end = Steady::now() + duration;
  while (!is_interrupted_()) {
    const auto left = end - Steady::now();
    if (left <= Steady::duration::zero()) return true;
    std::this_thread::sleep_for(std::min<Steady::duration>(left, kTick));
  }
  return false;
}

}  // namespace stint::adapters
