#include "adapters/http_client/beast_http_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "net/async_stream.hpp"
#include "net/test_identity.hpp"

namespace stint::adapters {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A server by script: the n-th connection gets the n-th list of answers, one for each request, written as they are; then it is closed.
class ScriptedServer {
 public:
  using Answers = std::vector<std::string>;
  explicit ScriptedServer(std::vector<Answers> connections) : connections_(std::move(connections)), thread_([this] { serve(); }) {}
  ~ScriptedServer() {
    // Unblocks an accept that nobody answered any more.
    boost::system::error_code ignored;
    tcp::socket knock(context_);
    static_cast<void>(knock.connect({asio::ip::address_v4::loopback(), port()}, ignored));
    static_cast<void>(knock.close(ignored));
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (const Answers& answers : connections_) {
      boost::system::error_code failed;
      tcp::socket socket(context_);
      static_cast<void>(acceptor_.accept(socket, failed));
      for (const std::string& answer : answers) {
        const std::string request = read_request(socket);
        if (request.empty()) break;
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
        }
        asio::write(socket, asio::buffer(answer), failed);
      }
    }
  }

  static std::string read_request(tcp::socket& socket) {
    std::string bytes;
    boost::system::error_code failed;
    const std::size_t head = asio::read_until(socket, asio::dynamic_buffer(bytes), "\r\n\r\n", failed);
    if (failed) return {};
    const std::size_t at = bytes.find("Content-Length: ");
    const std::size_t body = at < head ? std::stoul(bytes.substr(at + 16)) : 0;
    if (bytes.size() < head + body)
      asio::read(socket, asio::dynamic_buffer(bytes), asio::transfer_exactly(head + body - bytes.size()), failed);
    return bytes;
  }

  asio::io_context context_;
  tcp::acceptor acceptor_{context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  const std::uint16_t port_ = acceptor_.local_endpoint().port();
  const std::vector<Answers> connections_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

std::string json_answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
const std::string kChunkedHead = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";

BeastHttpClient::Resolve at_port(std::uint16_t port) {
  return [port] { return HttpEndpoint{"127.0.0.1", port, "secret"}; };
}

ports::HttpCall get(std::string target) {
  ports::HttpCall call;
  call.target = std::move(target);
  return call;
}

/// A port where nobody listens: it was free a moment ago.
std::uint16_t unused_port() {
  asio::io_context context;
  const tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

TEST(BeastHttpClient, SendsWhatTheApiNeedsAndKeepsTheConnection) {
  ScriptedServer server({{json_answer("{\"a\":1}"), json_answer("{\"b\":2}")}});
  BeastHttpClient client(at_port(server.port()));
  const auto first = client.call(get("/v1/info"));
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->content_type, "application/json");
  EXPECT_EQ(first->body, "{\"a\":1}");
  ports::HttpCall post = get("/v1/jobs");
  post.method = "POST";
  post.headers = {{"Idempotency-Key", "k1"}};
  post.body = "{\"tasks\":[]}";
  const auto second = client.call(post);
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->body, "{\"b\":2}");

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U) << "on one connection";
  EXPECT_TRUE(requests[0].starts_with("GET /v1/info HTTP/1.1\r\n"));
  EXPECT_NE(requests[0].find("Authorization: Bearer secret\r\n"), std::string::npos);
  EXPECT_TRUE(requests[1].starts_with("POST /v1/jobs HTTP/1.1\r\n"));
  EXPECT_NE(requests[1].find("Idempotency-Key: k1\r\n"), std::string::npos);
  EXPECT_TRUE(requests[1].ends_with("\r\n\r\n{\"tasks\":[]}"));
}

TEST(BeastHttpClient, NobodyThereMeansNothingWasDone) {
  BeastHttpClient client(at_port(unused_port()));
  EXPECT_EQ(client.call(get("/")).error().code, Errc::unavailable);
  EXPECT_EQ(client.stream(get("/"), [](std::string_view) { return true; }).error().code, Errc::unavailable);
}

TEST(BeastHttpClient, AConnectionThatBreaksBeforeTheAnswerMayHaveDoneIt) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}, {json_answer("{}")}});
  BeastHttpClient client(at_port(server.port()));
  EXPECT_EQ(client.call(get("/")).error().code, Errc::outcome_unknown);
  EXPECT_TRUE(client.call(get("/"))) << "the next call uses a new connection";
}

TEST(BeastHttpClient, AKeptConnectionThatTheServerClosedIsReplaced) {
  ScriptedServer server({{json_answer("1")}, {json_answer("2")}});
  std::uint16_t port = server.port();
  BeastHttpClient client([&port] { return HttpEndpoint{"127.0.0.1", port, ""}; });
  ASSERT_EQ(client.call(get("/"))->body, "1");
  // The server closes after its last answer; a call may meet it before or after the client has seen that.
  auto second = client.call(get("/"));
  if (!second) second = client.call(get("/"));
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->body, "2");
}

TEST(BeastHttpClient, ASchedulerOnAnotherPortIsFound) {
  ScriptedServer before({{json_answer("before")}});
  ScriptedServer after({{json_answer("after")}});
  std::uint16_t port = before.port();
  BeastHttpClient client([&port] { return HttpEndpoint{"127.0.0.1", port, ""}; });
  ASSERT_EQ(client.call(get("/"))->body, "before");
  port = after.port();
  auto answer = client.call(get("/"));
  if (!answer) answer = client.call(get("/"));
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "after");
}

TEST(BeastHttpClient, AStreamGivesItsBodyWithoutTheChunks) {
  ScriptedServer server({{kChunkedHead + "3\r\none\r\n4\r\ntwo\n\r\n0\r\n\r\n"}});
  BeastHttpClient client(at_port(server.port()));
  std::string body;
  const auto answer = client.stream(get("/logs"), [&](std::string_view bytes) {
    body += bytes;
    return true;
  });
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(body, "onetwo\n");
}

TEST(BeastHttpClient, AStreamThatBreaksHasGivenWhatCame) {
  ScriptedServer server({{kChunkedHead + "3\r\none\r\n4\r\nt"}});
  BeastHttpClient client(at_port(server.port()));
  std::string body;
  const auto answer = client.stream(get("/logs"), [&](std::string_view bytes) {
    body += bytes;
    return true;
  });
  EXPECT_EQ(answer.error().code, Errc::outcome_unknown);
  EXPECT_TRUE(body == "one" || body == "onet") << body;
}

TEST(BeastHttpClient, ARefusedStreamHasTheProblemInItsAnswer) {
  ScriptedServer server({{"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: 9\r\n\r\n{\"a\":404}"}});
  BeastHttpClient client(at_port(server.port()));
  std::string body;
  const auto answer = client.stream(get("/logs"), [&](std::string_view bytes) {
    body += bytes;
    return true;
  });
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "{\"a\":404}");
  EXPECT_EQ(body, "") << "a refusal is no body";
}

TEST(BeastHttpClient, AStreamTicksWhileNothingComesAndCallsWorkMeanwhile) {
  ScriptedServer calls({{json_answer("{}")}});
  // An answer that never goes on: its request is answered by a head only, and the connection waits for another request.
  ScriptedServer server({{kChunkedHead, ""}});
  std::uint16_t port = server.port();
  BeastHttpClient client([&port] { return HttpEndpoint{"127.0.0.1", port, ""}; });
  int ticks = 0;
  std::optional<int> status;
  const auto answer = client.stream(get("/events"), [&](std::string_view bytes) {
    EXPECT_TRUE(bytes.empty());
    if (++ticks < 2) return true;
    port = calls.port();
    const auto inner = client.call(get("/v1/info"));
    if (inner) status = inner->status;
    return false;
  });
  EXPECT_TRUE(answer);
  EXPECT_EQ(ticks, 2);
  EXPECT_EQ(status, 200);
}

TEST(BeastHttpClient, WhoIsInterruptedGetsBackAtOnce) {
  ScriptedServer server({{kChunkedHead, ""}});
  bool is_interrupted = false;
  BeastHttpClient client(at_port(server.port()), [&] { return is_interrupted; });
  const auto answer = client.stream(get("/events"), [&](std::string_view) { return is_interrupted = true; });
  EXPECT_FALSE(answer);
  EXPECT_FALSE(client.pause(std::chrono::hours{1}));
}

/// One connection in TLS: answers each request with the next answer.
class TlsServerOnce {
 public:
  TlsServerOnce(const net::TestIdentity& identity, std::vector<std::string> answers)
      : tls_(std::move(*net::TlsServer::make({identity.certificate(), identity.key(), ""}))), answers_(std::move(answers)) {
    thread_ = std::thread([this] {
      stream_ = std::make_unique<net::AsyncStream>(acceptor_.accept());
      stream_->set_bytes(tls_.accept(stream_->socket().native_handle()));
      stream_->async_handshake([this](auto error, std::size_t) {
        if (!error) answer();
      });
      io_.run();
    });
  }
  ~TlsServerOnce() { thread_.join(); }
  TlsServerOnce(const TlsServerOnce&) = delete;
  TlsServerOnce& operator=(const TlsServerOnce&) = delete;
  std::uint16_t port() { return acceptor_.local_endpoint().port(); }
  int requests = 0;

 private:
  void answer() {
    if (answers_.empty()) return;
    asio::async_read_until(*stream_, asio::dynamic_buffer(request_), "\r\n\r\n", [this](auto error, std::size_t size) {
      if (error) return;
      ++requests;
      request_.erase(0, size);
      const std::string text = answers_.front();
      answers_.erase(answers_.begin());
      auto kept = std::make_shared<std::string>(text);
      asio::async_write(*stream_, asio::buffer(*kept), [this, kept](auto, std::size_t) { answer(); });
    });
  }

  net::TlsServer tls_;
  std::vector<std::string> answers_;
  std::string request_;
  asio::io_context io_;
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::unique_ptr<net::AsyncStream> stream_;
  std::thread thread_;
};

BeastHttpClient::Resolve in_tls(std::uint16_t port, const Pin& pin) {
  auto tls = std::make_shared<const net::TlsClient>(std::move(*net::TlsClient::make({{pin}, {}, {}, {}}, net::kAlpnHttp)));
  return [port, tls] { return HttpEndpoint{"127.0.0.1", port, "secret", tls}; };
}

TEST(BeastHttpClient, SpeaksTlsToWhomThePinNames) {
  const net::TestIdentity identity;
  const std::string big(std::size_t{1} << 20, 'x');
  TlsServerOnce server(identity, {json_answer("1"), json_answer(big)});
  BeastHttpClient client(in_tls(server.port(), identity.pin()));
  const auto first = client.call(get("/"));
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->body, "1");
  EXPECT_EQ(client.call(get("/"))->body, big) << "on the same connection";
}

TEST(BeastHttpClient, SendsNothingToAnotherKey) {
  const net::TestIdentity identity, other;
  TlsServerOnce server(identity, {json_answer("1")});
  BeastHttpClient client(in_tls(server.port(), other.pin()));
  const auto answer = client.call(get("/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::forbidden) << "trying again would change nothing";
  EXPECT_NE(answer.error().detail.find("shows key " + to_text(identity.pin())), std::string::npos) << answer.error().detail;
  EXPECT_EQ(server.requests, 0);
}

}  // namespace
}  // namespace stint::adapters
