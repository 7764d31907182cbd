#include "adapters/agent_host/agent_loop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <memory>

#include "adapters/agent_host/system.hpp"
#include "net/test_identity.hpp"

namespace stint::agent_host {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

/// Does what the test says and remembers what it was told. Finished when the test says so; the loop then stops.
class ScriptedClient final : public ports::LinkClient {
 public:
  bool wants_link(Now now) const override { return !is_open && !is_dialing && !finished && now.mono >= dial_at; }
  void on_link_dialing() override { is_dialing = true; }
  void on_link_open(Now /*now*/) override {
    is_dialing = false;
    is_open = true;
    ++opens;
  }
  void on_link_failed(const std::string& why, Now /*now*/) override {
    is_dialing = false;
    failures.push_back(why);
    if (finish_when_failed) finished = true;
  }
  void on_link_bytes(ByteView bytes, Now now, Instant empty_since) override {
    EXPECT_LE(empty_since, now.mono);
    input += as_text(bytes);
    if (input.ends_with("close")) closing = true;
    if (input.ends_with("finish")) finished = true;
  }
  void on_link_closed(Now /*now*/) override {
    is_open = false;
    closing = false;
    ++closes;
    if (finish_when_closed) finished = true;
  }
  bool has_link_output() const override { return taken < output.size(); }
  void take_link_output(Now /*now*/, std::size_t budget, Bytes& out) override {
    largest_budget = std::max(largest_budget, budget);
    const auto part = as_bytes(std::string_view{output}.substr(taken, budget));
    out.insert(out.end(), part.begin(), part.end());
    taken += part.size();
  }
  bool wants_close() const override { return closing; }
  void on_driver_events(Now /*now*/) override {
    if (on_driver) on_driver();
  }
  void on_timer(Now now) override {
    EXPECT_GE(now.mono, deadline);
    deadline = Instant::max();
    ++timers;
    if (finish_on_timer) finished = true;
  }
  Instant next_deadline() const override { return deadline; }
  void leave(Now /*now*/) override { finished = true, signals += "T"; }
  void drain(Now /*now*/) override {
    signals += "I";
    if (signals == "I") std::raise(SIGINT);
    if (signals == "II") std::raise(SIGTERM);
  }
  bool is_finished() const override { return finished; }

  bool is_open = false, is_dialing = false, closing = false, finished = false;
  bool finish_when_closed = false, finish_when_failed = false, finish_on_timer = false;
  int opens = 0, closes = 0, timers = 0;
  std::vector<std::string> failures;
  std::string input, output, signals;
  std::size_t taken = 0, largest_budget = 0;
  Instant dial_at = Instant::min();
  Instant deadline = Instant::max();
  std::function<void()> on_driver;
};

class SilentLog final : public Log {
 public:
  void write(LogLevel /*level*/, std::string /*message*/) override {}
};

class AgentLoopTest : public testing::Test {
 protected:
  AgentLoopTest() : acceptor(io, Tcp::endpoint{asio::ip::address_v4::loopback(), 0}) {}
  Address address() const { return {"127.0.0.1", std::to_string(acceptor.local_endpoint().port()), Transport::plain}; }
  void run(std::vector<Address> servers, std::vector<int> fds = {}) {
    AgentLoop loop{io, client, {.servers = std::move(servers), .driver_fds = std::move(fds), .tls = [this] { return tls; }}, log};
    loop.start();
    io.run();
  }
  asio::io_context io;
  Tcp::acceptor acceptor;
  ScriptedClient client;
  std::shared_ptr<const net::TlsClient> tls;
  SilentLog log;
};

TEST_F(AgentLoopTest, CarriesBytesBothWaysAndClosesWhenAsked) {
  client.output = "hello";
  client.finish_when_closed = true;
  std::string heard(5, '\0');
  bool saw_end = false;
  char rest = 0;
  Tcp::socket peer{io};
  acceptor.async_accept(peer, [&](auto error) {
    ASSERT_FALSE(error);
    asio::async_read(peer, asio::buffer(heard), [&](auto read_error, std::size_t) {
      ASSERT_FALSE(read_error);
      asio::write(peer, asio::buffer(std::string{"please close"}));
    });
  });
  run({address()});
  boost::system::error_code error;
  peer.read_some(asio::buffer(&rest, 1), error);
  saw_end = error == asio::error::eof;
  EXPECT_EQ(heard, "hello");
  EXPECT_EQ(client.input, "please close");
  EXPECT_TRUE(saw_end);
  EXPECT_EQ(client.opens, 1);
  EXPECT_EQ(client.closes, 1);
}

TEST_F(AgentLoopTest, TriesTheNextServerWhenOneRefuses) {
  Tcp::acceptor closed{io, Tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  const Address refused{"127.0.0.1", std::to_string(closed.local_endpoint().port()), Transport::plain};
  closed.close();
  Tcp::socket peer{io};
  acceptor.async_accept(peer, [&](auto /*error*/) { asio::write(peer, asio::buffer(std::string{"finish"})); });
  run({refused, address()});
  ASSERT_EQ(client.failures.size(), 1U);
  EXPECT_NE(client.failures[0].find(refused.text()), std::string::npos);
  EXPECT_EQ(client.opens, 1);
}

TEST_F(AgentLoopTest, HandsOverMuchOutputInPortionsAndAllOfItArrives) {
  for (int i = 0; client.output.size() < (std::size_t{8} << 20); ++i) client.output += std::to_string(i) + ";";
  std::string heard(client.output.size(), '\0');
  Tcp::socket peer{io};
  acceptor.async_accept(peer, [&](auto /*error*/) {
    asio::async_read(peer, asio::buffer(heard),
                     [&](auto /*read_error*/, std::size_t) { asio::write(peer, asio::buffer(std::string{"finish"})); });
  });
  run({address()});
  EXPECT_EQ(heard, client.output);
  EXPECT_LE(client.largest_budget, std::size_t{512} << 10);
}

/// The scheduler's end of a TLS connection that `acceptor` takes: `then` gets it after the handshake, or the error.
class TlsPeer {
 public:
  TlsPeer(asio::io_context& io, Tcp::acceptor& acceptor, const net::TestIdentity& identity)
      : tls_(std::move(*net::TlsServer::make({identity.certificate(), identity.key(), ""}))), stream(Tcp::socket(io)) {
    acceptor.async_accept(stream.socket(), [this](auto error) {
      ASSERT_FALSE(error);
      stream.socket().non_blocking(true);
      stream.set_bytes(tls_.accept(stream.socket().native_handle()));
      stream.async_handshake([this](auto failure, std::size_t) { failure ? stream.close() : then(); });
    });
  }

 private:
  net::TlsServer tls_;

 public:
  net::AsyncStream stream;
  std::function<void()> then = [] {};
};

std::shared_ptr<const net::TlsClient> trusting(const Pin& pin) {
  return std::make_shared<const net::TlsClient>(std::move(*net::TlsClient::make({{pin}, {}, {}, {}}, net::kAlpnFrames)));
}

TEST_F(AgentLoopTest, CarriesBytesInTls) {
  const net::TestIdentity identity;
  tls = trusting(identity.pin());
  for (int i = 0; client.output.size() < (std::size_t{2} << 20); ++i) client.output += std::to_string(i) + ";";
  client.finish_when_closed = true;
  std::string heard(client.output.size(), '\0');
  TlsPeer peer(io, acceptor, identity);
  peer.then = [&] {
    asio::async_read(peer.stream, asio::buffer(heard), [&](auto error, std::size_t) {
      ASSERT_FALSE(error) << error.message();
      asio::async_write(peer.stream, asio::buffer(std::string_view("please close")), [](auto, std::size_t) {});
    });
  };
  Address where = address();
  where.transport = Transport::tls;
  run({where});
  EXPECT_EQ(heard, client.output);
  EXPECT_EQ(client.input, "please close");
  EXPECT_EQ(client.opens, 1);
}

TEST_F(AgentLoopTest, AnotherKeyThanThePinnedIsAFailedDial) {
  const net::TestIdentity identity, other;
  tls = trusting(other.pin());
  client.finish_when_failed = true;
  TlsPeer peer(io, acceptor, identity);
  Address where = address();
  where.transport = Transport::tls;
  run({where});
  EXPECT_EQ(client.opens, 0);
  ASSERT_EQ(client.failures.size(), 1U);
  EXPECT_NE(client.failures[0].find("shows key " + to_text(identity.pin())), std::string::npos) << client.failures[0];
}

TEST_F(AgentLoopTest, AClosedPeerIsDialledAgain) {
  Tcp::socket first{io};
  Tcp::socket second{io};
  acceptor.async_accept(first, [&](auto /*error*/) {
    first.close();
    acceptor.async_accept(second, [&](auto /*again*/) { asio::write(second, asio::buffer(std::string{"finish"})); });
  });
  run({address()});
  EXPECT_EQ(client.opens, 2);
  EXPECT_EQ(client.closes, 1);
}

TEST_F(AgentLoopTest, WakesForDriversAndDeadlines) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  ASSERT_EQ(::write(pipe[1], "x", 1), 1);
  client.dial_at = Instant::max();
  client.on_driver = [&] {
    char byte = 0;
    EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
    client.deadline = read_now().mono + std::chrono::milliseconds{1};
    client.finish_on_timer = true;
  };
  run({address()}, {pipe[0]});
  EXPECT_EQ(client.timers, 1);
  EXPECT_EQ(::close(pipe[0]), 0) << "the loop does not own it";
  ::close(pipe[1]);
}

TEST_F(AgentLoopTest, AnInterruptDrainsAndATerminationLeaves) {
  client.dial_at = Instant::max();
  asio::post(io, [] { std::raise(SIGINT); });
  run({address()});
  EXPECT_EQ(client.signals, "IIT");
}

TEST(Address, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_address("box")->text(), "box:7464");
  EXPECT_EQ(parse_address("box:80")->port, "80");
  EXPECT_EQ(parse_address("http://127.0.0.1:7464/")->text(), "127.0.0.1:7464");
  EXPECT_EQ(parse_address("https://box/")->text(), "box:7464");
  EXPECT_EQ(parse_address("[::1]:9")->host, "::1");
  EXPECT_EQ(parse_address("::1")->port, "7464");
  for (const auto* bad : {"", ":80", "box:0", "box:65536", "box:http", "[::1", "[::1]x"}) EXPECT_FALSE(parse_address(bad)) << bad;
}

TEST(Address, OnlyWhatStaysOnThisMachineIsSpokenToInTheClear) {
  const auto choose = [](const char* text, Insecure plaintext) { return choose_transport(*parse_address(text), plaintext); };
  for (const auto* local : {"127.0.0.1", "localhost:1", "http://[::1]:9"})
    EXPECT_EQ(*choose(local, Insecure::refused), Transport::plain) << local;
  EXPECT_EQ(*choose("https://127.0.0.1", Insecure::refused), Transport::tls);
  EXPECT_EQ(*choose("box:80", Insecure::refused), Transport::tls);
  EXPECT_EQ(choose("http://box:80", Insecure::refused).error().code, Errc::forbidden);
  EXPECT_EQ(*choose("box:80", Insecure::allowed), Transport::plain);
  EXPECT_EQ(*choose("http://box:80", Insecure::allowed), Transport::plain);
  EXPECT_EQ(*choose("https://box:80", Insecure::allowed), Transport::tls);
}

}  // namespace
}  // namespace stint::agent_host
