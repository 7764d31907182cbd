#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "adapters/http_client/beast_http_client.hpp"
#include "staging/staging_world.hpp"

/// The transfers through the real HTTP client: what a server reads of them, and what they make of its bytes.
namespace stint::staging {
namespace {

using namespace staging::testing;

/// A thread for each connection; answers what FakeScheduler answers.
class TinyServer {
 public:
  explicit TinyServer(FakeScheduler& scheduler) : scheduler_(scheduler), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 8);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TinyServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::uint16_t port = 0;

 private:
  void serve() {
    std::vector<std::thread> connections;
    for (;;) {
      Fd socket{::accept(listener_.get(), nullptr, nullptr)};
      if (!socket) break;
      connections.emplace_back([this, fd = socket.release()] {
        const Fd own{fd};
        std::string in;
        while (serve_one(own, in)) {
        }
      });
    }
    for (auto& connection : connections) connection.join();
  }
  static std::string header(const std::string& head, const std::string& name) {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  bool fill(const Fd& socket, std::string& in, std::size_t size) {
    std::string chunk(1 << 16, '\0');
    while (in.size() < size) {
      const auto got = ::recv(socket.get(), chunk.data(), chunk.size(), 0);
      if (got <= 0) return false;
      in.append(chunk, 0, static_cast<std::size_t>(got));
    }
    return true;
  }
  bool serve_one(const Fd& socket, std::string& in) {
    std::size_t end = 0;
    while ((end = in.find("\r\n\r\n")) == std::string::npos)
      if (!fill(socket, in, in.size() + 1)) return false;
    const auto head = in.substr(0, end + 2);
    const auto length = header(head, "Content-Length");
    const auto body = length.empty() ? 0 : std::stoul(length);
    if (!fill(socket, in, end + 4 + body)) return false;
    ports::HttpCall call;
    call.method = head.substr(0, head.find(' '));
    call.target = head.substr(call.method.size() + 1, head.find(' ', call.method.size() + 1) - call.method.size() - 1);
    call.headers = {{"Range", header(head, "Range")}};
    call.body = in.substr(end + 4, body);
    in.erase(0, end + 4 + body);
    const auto token = header(head, "Authorization");
    const auto answer = scheduler_.read([&](FakeScheduler& s) {
      return token == "Bearer attempt.1" ? s.answer(call, token) : json_answer(403, R"({"detail":"no such token"})");
    });
    const auto out = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\nContent-Type: " + answer.content_type +
                     "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
    for (std::size_t sent = 0; sent < out.size();) {
      const auto now = ::send(socket.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += static_cast<std::size_t>(now);
    }
    return true;
  }

  FakeScheduler& scheduler_;
  Fd listener_;
  std::thread thread_;
};

TEST(OverHttp, BlobsGoBothWays) {
  FakeScheduler scheduler;
  TinyServer server{scheduler};
  TemporaryDir dir;
  std::string big(9'000'000, 'x');
  for (std::size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
  const auto resolve = [&]() -> Result<adapters::HttpEndpoint> { return adapters::HttpEndpoint{"127.0.0.1", server.port, "attempt.1"}; };
  {
    client::AttemptBlobs client{std::make_unique<adapters::BeastHttpClient>(resolve), {}};
    const auto read_big = [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
      return big.substr(static_cast<std::size_t>(offset), size);
    };
    ASSERT_TRUE(client.upload(hash(big), big.size(), read_big));
    ASSERT_TRUE(client.upload(hash(""), 0, [](std::uint64_t, std::size_t) -> Result<std::string> { return std::string{}; }));
    EXPECT_EQ(scheduler.get(hash(big)), big);
    EXPECT_EQ(scheduler.get(hash("")), "");
    EXPECT_EQ(client.find_missing({hash(big), hash("z")}).value(), std::vector{hash("z")});
    Cache cache{dir.path(), 1 << 30};
    const auto pin = cache.get(hash(big), std::nullopt, client);
    ASSERT_TRUE(pin) << pin.error().detail;
    EXPECT_EQ(read_text(pin->path()), big);
    EXPECT_TRUE(cache.get(hash(""), 0, client));
    ASSERT_TRUE(client.tell_checkpoint(ref(3, 2), hash(big)));
    EXPECT_EQ(scheduler.checkpoints.at("/v1/attempts/12.0.3.2/checkpoint"), "{\"manifest\":\"" + to_hex(hash(big)) + "\"}");
    const auto unknown = client.download(hash("z"), 0, [](std::string_view) -> Status { return {}; });
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Errc::not_found);
  }
}

TEST(OverHttp, NobodyThereIsUnavailable) {
  const auto resolve = []() -> Result<adapters::HttpEndpoint> { return adapters::HttpEndpoint{"127.0.0.1", 1, "attempt.1"}; };
  client::BlobTransfer::Options options;
  options.patience = 10ms;
  client::AttemptBlobs client{std::make_unique<adapters::BeastHttpClient>(resolve), std::move(options)};
  const auto missing = client.find_missing({hash("z")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace stint::staging
