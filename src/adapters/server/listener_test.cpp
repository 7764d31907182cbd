#include "adapters/server/listener.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <mutex>

#include "adapters/server/frame_server.hpp"
#include "adapters/server/http_server.hpp"
#include "net/test_identity.hpp"

namespace stint::server {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr int kPatienceMs = 20'000;  // only bounds a failing test

class SilentLog final : public Log {
 public:
  void write(LogLevel, std::string) override {}
};

/// Answers every request with its method, path and body, or with as many bytes as `/big` is asked for.
class Echo final : public ports::HttpHandler {
 public:
  explicit Echo(HttpServer& server) : server_(server) {}
  void on_request(ports::HttpRequest request, Now) override {
    ++requests;
    ports::HttpResponse response;
    response.content_type = "text/plain";
    response.body =
        request.path == "/big" ? std::string(std::size_t{3} << 20, 'b') : request.method + " " + request.path + " " + request.body;
    server_.respond(request.id, std::move(response));
  }
  void on_body(ports::RequestId, std::string, bool, Now) override {}
  void on_stream_writable(ports::RequestId, Now) override {}
  void on_request_closed(ports::RequestId, Now) override {}
  std::atomic<int> requests = 0;

 private:
  HttpServer& server_;
};

/// Sends back what comes, upside down in case.
class Mirror final : public ports::LinkHandler {
 public:
  explicit Mirror(FrameServer& server) : server_(server) {}
  void on_link_open(ports::LinkId, std::string, Now) override { ++links; }
  void on_link_bytes(ports::LinkId link, ByteView bytes, Now now, Instant empty_since) override {
    EXPECT_LE(empty_since, now.mono);
    for (const auto byte : bytes) output_.push_back(byte ^ 0x20);
    if (!flushes) return server_.wake(link);
    server_.flush(link);
    most_left_by_flush = std::max<std::size_t>(most_left_by_flush, output_.size());
  }
  void on_link_closed(ports::LinkId, Now) override {}
  void take_link_output(ports::LinkId, Now, std::size_t budget, Bytes& out) override {
    const auto end = output_.begin() + static_cast<std::ptrdiff_t>(std::min(budget, output_.size()));
    out.assign(output_.begin(), end);
    output_.erase(output_.begin(), end);
  }
  [[nodiscard]] bool has_link_output(ports::LinkId) const override { return !output_.empty(); }
  std::atomic<int> links = 0;
  std::atomic<bool> flushes = false;
  std::atomic<std::size_t> most_left_by_flush = 0;

 private:
  FrameServer& server_;
  Bytes output_;
};

/// A client that waits, for tests only. In TLS after begin_tls.
class Client {
 public:
  explicit Client(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), bytes_(fd_) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1))));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    EXPECT_EQ(::fcntl(fd_, F_SETFL, O_NONBLOCK), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  net::Io begin_tls(const net::TestIdentity& identity, std::string_view protocol) {
    tls_ = std::move(*net::TlsClient::make({{identity.pin()}, {}, {}, {}}, protocol));
    bytes_ = tls_->connect(fd_, "localhost");
    return wait([&] { return bytes_.handshake(); }).what;
  }
  net::Io write(std::string_view text) {
    while (!text.empty()) {
      const auto sent = wait([&] { return bytes_.write(as_bytes(text)); });
      if (sent.what != net::Io::done) return sent.what;
      text.remove_prefix(sent.bytes);
    }
    return net::Io::done;
  }
  /// Until `size` bytes have come, or the end.
  std::string read(std::size_t size) {
    std::string text;
    while (text.size() < size) {
      std::array<std::uint8_t, 16384> part{};
      const auto wanted = std::min(part.size(), size - text.size());
      const auto got = wait([&] { return bytes_.read(std::span(part).first(wanted)); });
      if (got.what != net::Io::done) break;
      text += as_text(ByteView(part).first(got.bytes));
    }
    return text;
  }
  std::string read_all() { return read(std::string::npos); }
  /// The body of the answer to one request on a connection that stays open.
  std::string ask(const std::string& request) {
    if (write(request) != net::Io::done) return "not sent";
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
      const std::string byte = read(1);
      if (byte.empty()) return "closed";
      text += byte;
    }
    const auto at = text.find("Content-Length: ");
    return at == std::string::npos ? text : read(std::stoul(text.substr(at + 16)));
  }

 private:
  template <class Step>
  net::IoResult wait(Step step) {
    for (;;) {
      const net::IoResult result = step();
      if (result.what != net::Io::wants_read && result.what != net::Io::wants_write) return result;
      pollfd ready{fd_, static_cast<short>(result.what == net::Io::wants_read ? POLLIN : POLLOUT), 0};
      if (::poll(&ready, 1, kPatienceMs) != 1) return {net::Io::failed};
    }
  }

  int fd_;
  std::optional<net::TlsClient> tls_;
  net::ByteStream bytes_;
};

class ListenerTest : public testing::Test {
 public:
  ~ListenerTest() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { io_.stop(); });
    thread_.join();
  }

 protected:
  void start(Plaintext plaintext, limits::PortLimits limits = {}) {
    listener_.emplace(
        io_,
        Listener::Takers{[this](auto stream) { frames.adopt(std::move(stream)); }, [this](auto stream) { http.adopt(std::move(stream)); },
                         [this](auto stream) { http.turn_away_plaintext(std::move(stream)); }},
        log_, limits);
    frames.set_handler(mirror);
    http.set_handler(echo);
    ASSERT_TRUE(listener_->listen("127.0.0.1:0", false));
    listener_->set_tls(std::move(*net::TlsServer::make({identity.certificate(), identity.key(), ""})), plaintext);
    address = listener_->address();
    thread_ = std::thread([this] { io_.run(); });
  }
  /// As the loop's thread sees them.
  ports::ListenerCounters counters() {
    std::promise<ports::ListenerCounters> seen;
    asio::post(io_, [&] { seen.set_value(listener_->counters()); });
    return seen.get_future().get();
  }
  /// Looks until it holds: what the client sees may come before what the server counts.
  bool eventually(const std::function<bool(const ports::ListenerCounters&)>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (std::chrono::steady_clock::now() < until)
      if (holds(counters())) return true;
    return false;
  }

  net::TestIdentity identity;
  std::string address;
  asio::io_context io_{1};
  FrameServer frames{io_, [] {}};
  HttpServer http{[] {}};
  Mirror mirror{frames};
  Echo echo{http};

 private:
  SilentLog log_;
  std::optional<Listener> listener_;
  std::thread thread_;
};

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(ListenerTest, AlpnTellsFramesFromHttpWithinTls) {
  start(Plaintext::refused);
  Client agent(address);
  ASSERT_EQ(agent.begin_tls(identity, net::kAlpnFrames), net::Io::done);
  const std::string sent(std::size_t{3} << 20, 'x');
  ASSERT_EQ(agent.write(sent), net::Io::done);
  EXPECT_EQ(agent.read(sent.size()), std::string(sent.size(), 'X'));
  Client user(address);
  ASSERT_EQ(user.begin_tls(identity, net::kAlpnHttp), net::Io::done);
  EXPECT_EQ(user.ask(kGet), "GET /a ");
  EXPECT_EQ(user.ask("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"), "POST /b abc") << "on the same connection";
  EXPECT_EQ(user.ask("GET /big HTTP/1.1\r\nHost: h\r\n\r\n").size(), std::size_t{3} << 20);
  EXPECT_EQ(mirror.links, 1);
  EXPECT_EQ(counters().tls_established, 2U);
}

TEST_F(ListenerTest, WhatIsFlushedLeavesAtOnceAndAllOfItInOrder) {
  start(Plaintext::served);
  mirror.flushes = true;
  Client plain(address), secret(address);
  ASSERT_EQ(secret.begin_tls(identity, net::kAlpnFrames), net::Io::done);
  ASSERT_EQ(plain.write("Stint"), net::Io::done);
  EXPECT_EQ(plain.read(5), "sTINT");
  EXPECT_EQ(mirror.most_left_by_flush, 0U);
  for (auto* agent : {&plain, &secret}) {
    std::string sent;
    while (sent.size() < std::size_t{3} << 20) sent += "in order " + std::to_string(sent.size());
    std::string upside_down = sent;
    for (char& c : upside_down) c = static_cast<char>(c ^ 0x20);
    ASSERT_EQ(agent->write(sent), net::Io::done);
    EXPECT_EQ(agent->read(sent.size()), upside_down);
  }
}

/// More than one turn reads, and taken from the socket together.
TEST_F(ListenerTest, ABurstOfSmallRecordsIsReadToItsEnd) {
  start(Plaintext::refused);
  Client agent(address);
  ASSERT_EQ(agent.begin_tls(identity, net::kAlpnFrames), net::Io::done);
  constexpr std::size_t kRecords = 500;
  for (int burst = 0; burst < 10; ++burst) {
    for (std::size_t i = 0; i < kRecords; ++i) ASSERT_EQ(agent.write("x"), net::Io::done);
    ASSERT_EQ(agent.read(kRecords), std::string(kRecords, 'X'));
  }
}

TEST_F(ListenerTest, PlaintextOnATlsPortIsToldSoAndNeverHandled) {
  start(Plaintext::refused);
  Client user(address);
  EXPECT_EQ(user.write("POST /secret HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: 3\r\n\r\nabc"), net::Io::done);
  const std::string answer = user.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("this port speaks TLS"), std::string::npos);
  Client agent(address);
  EXPECT_EQ(agent.write("St and more"), net::Io::done);
  EXPECT_EQ(agent.read_all(), "");
  EXPECT_EQ(echo.requests, 0);
  EXPECT_EQ(mirror.links, 0);
  EXPECT_EQ(counters().plaintext_refused, 2U);
}

TEST_F(ListenerTest, WherePlaintextIsServedTlsIsTooOnTheSamePort) {
  start(Plaintext::served);
  Client plain(address), agent(address), tls(address);
  EXPECT_EQ(plain.ask(kGet), "GET /a ");
  EXPECT_EQ(agent.write("Stint"), net::Io::done);
  EXPECT_EQ(agent.read(5), "sTINT");
  ASSERT_EQ(tls.begin_tls(identity, net::kAlpnHttp), net::Io::done);
  EXPECT_EQ(tls.ask(kGet), "GET /a ");
}

TEST_F(ListenerTest, GarbageThatBeginsLikeTlsClosesThatConnectionOnly) {
  start(Plaintext::served);
  Client user(address);
  EXPECT_EQ(user.ask(kGet), "GET /a ");
  for (int i = 0; i < 20; ++i) {
    Client hostile(address);
    EXPECT_EQ(hostile.write("\x16\x03\x01\xff\xff garbage"), net::Io::done);
    const std::string alert = hostile.read_all();
    EXPECT_TRUE(alert.empty() || alert[0] == 0x15) << "nothing but an alert";
  }
  EXPECT_EQ(user.ask(kGet), "GET /a ");
  EXPECT_TRUE(eventually([](const auto& counted) { return counted.tls_failed == 20; }));
}

TEST_F(ListenerTest, AHandshakeThatStopsHalfwayIsCut) {
  limits::PortLimits limits;
  limits.handshake_time = 50ms;
  start(Plaintext::served, limits);
  Client slow(address);
  EXPECT_EQ(slow.write("\x16\x03\x01"), net::Io::done);
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_TRUE(eventually([](const auto& counted) { return counted.tls_late == 1; }));
}

TEST_F(ListenerTest, WhoSaysNothingIsCut) {
  limits::PortLimits limits;
  limits.first_bytes_time = 50ms;
  start(Plaintext::served, limits);
  Client silent(address);
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_TRUE(eventually([](const auto& counted) { return counted.silent == 1; }));
}

TEST_F(ListenerTest, HandshakesThatHangHoldNobodyUp) {
  start(Plaintext::refused);
  std::vector<std::unique_ptr<Client>> hanging;
  for (int i = 0; i < 100; ++i) {
    hanging.push_back(std::make_unique<Client>(address));
    EXPECT_EQ(hanging.back()->write("\x16\x03\x01"), net::Io::done);
  }
  Client user(address);
  ASSERT_EQ(user.begin_tls(identity, net::kAlpnHttp), net::Io::done);
  EXPECT_EQ(user.ask(kGet), "GET /a ");
}

TEST_F(ListenerTest, AFloodOfConnectionsIsTurnedAwayAndThoseThatAreThereGoOn) {
  limits::PortLimits limits;
  limits.loopback_rate = {1, 10};
  start(Plaintext::refused, limits);
  Client user(address);
  ASSERT_EQ(user.begin_tls(identity, net::kAlpnHttp), net::Io::done);
  int served = 0;
  for (int i = 0; i < 50; ++i) {
    Client one(address);
    if (one.begin_tls(identity, net::kAlpnHttp) == net::Io::done && one.ask(kGet) == "GET /a ") ++served;
  }
  EXPECT_GE(served, 9);
  EXPECT_LT(served, 40) << "a burst, and one a second after it";
  EXPECT_EQ(user.ask(kGet), "GET /a ");
  EXPECT_EQ(counters().over_rate, 50U - static_cast<unsigned>(served));
}

}  // namespace
}  // namespace stint::server
