#include "net/tls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <array>

#include "net/test_identity.hpp"

namespace stint::net {
namespace {

/// Two ends of a connection that never leaves the process.
struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0); }
  ~Pair() {
    for (const int fd : fds) ::close(fd);
  }
  void close_first() { ::shutdown(fds[0], SHUT_RDWR); }
  std::array<int, 2> fds{};
};

bool goes_on(const IoResult& result) { return result.what == Io::wants_read || result.what == Io::wants_write; }

struct Outcome {
  IoResult client, server;
};
/// Steps of both in turn, until both have an end.
Outcome shake_hands(ByteStream& client, ByteStream& server) {
  Outcome outcome{{Io::wants_write}, {Io::wants_read}};
  for (int step = 0; step < 20 && (goes_on(outcome.client) || goes_on(outcome.server)); ++step) {
    if (goes_on(outcome.client)) outcome.client = client.handshake();
    if (goes_on(outcome.server)) outcome.server = server.handshake();
  }
  return outcome;
}

TlsServer server_of(const TestIdentity& identity, const std::string& client_ca = "") {
  return std::move(*TlsServer::make({identity.certificate(), identity.key(), client_ca}));
}
TlsClient client_of(Trust trust, std::string_view protocol = kAlpnFrames) {
  return std::move(*TlsClient::make(std::move(trust), protocol));
}
Trust trust_in(const Pin& pin) { return {{pin}, {}, {}, {}}; }

std::string read_text(ByteStream& stream) {
  std::array<std::uint8_t, 100> bytes{};
  const auto got = stream.read(bytes);
  return got.what == Io::done ? std::string(as_text(ByteView(bytes).first(got.bytes))) : "?" + std::to_string(static_cast<int>(got.what));
}

TEST(Tls, CarriesBytesBothWaysToWhomThePinNames) {
  const TestIdentity identity;
  Pair pair;
  const auto server = server_of(identity);
  auto near = client_of(trust_in(identity.pin())).connect(pair.fds[0], "any.name.at.all");
  auto far = server.accept(pair.fds[1]);
  const auto outcome = shake_hands(near, far);
  ASSERT_EQ(outcome.client.what, Io::done) << near.problem();
  ASSERT_EQ(outcome.server.what, Io::done) << far.problem();
  EXPECT_EQ(far.protocol(), "stint/1");
  EXPECT_EQ(near.protocol(), "stint/1");
  EXPECT_EQ(server.pin(), identity.pin());

  EXPECT_EQ(near.peek().what, Io::wants_read);
  EXPECT_EQ(near.write(as_bytes("to the server")).bytes, 13U);
  EXPECT_EQ(far.peek().what, Io::done) << "looks";
  EXPECT_EQ(read_text(far), "to the server") << "and takes nothing";
  const std::array pieces{as_bytes("head and "), as_bytes("body")};
  EXPECT_EQ(far.write(pieces).bytes, 13U) << "small pieces share a record";
  EXPECT_EQ(read_text(near), "head and body");
  near.say_goodbye();
  EXPECT_EQ(far.peek().what, Io::closed);
}

TEST(Tls, TheServerKnowsWithoutAskingWhenNothingIsLeft) {
  const TestIdentity identity;
  Pair pair;
  const auto server = server_of(identity);
  auto near = client_of(trust_in(identity.pin())).connect(pair.fds[0], "localhost");
  auto far = server.accept(pair.fds[1]);
  ASSERT_EQ(shake_hands(near, far).server.what, Io::done);
  EXPECT_EQ(near.write(as_bytes("one record")).bytes, 10U);
  EXPECT_EQ(near.write(as_bytes("another")).bytes, 7U);
  EXPECT_EQ(read_text(far), "one record");
  EXPECT_FALSE(far.is_emptied());
  EXPECT_TRUE(far.holds_bytes()) << "both were taken from the socket, which will not become readable for the second";
  EXPECT_EQ(read_text(far), "another");
  EXPECT_TRUE(far.is_emptied());
  EXPECT_FALSE(far.holds_bytes());
}

TEST(Tls, AnotherKeyThanThePinnedIsRefusedBeforeAByteIsSent) {
  const TestIdentity identity, other;
  Pair pair;
  auto near = client_of(trust_in(other.pin())).connect(pair.fds[0], "localhost");
  auto far = server_of(identity).accept(pair.fds[1]);
  const auto outcome = shake_hands(near, far);
  EXPECT_EQ(outcome.client.what, Io::failed);
  EXPECT_TRUE(near.is_refused());
  EXPECT_NE(near.problem().find("shows key " + to_text(identity.pin()) + ", pinned is " + to_text(other.pin())), std::string::npos)
      << near.problem();
  EXPECT_NE(outcome.server.what, Io::done);
}

TEST(Tls, OneOfSeveralPinsIsEnough) {
  const TestIdentity identity, other;
  Pair pair;
  auto near = client_of({{other.pin(), identity.pin()}, {}, {}, {}}).connect(pair.fds[0], "localhost");
  auto far = server_of(identity).accept(pair.fds[1]);
  EXPECT_EQ(shake_hands(near, far).client.what, Io::done) << near.problem();
}

TEST(Tls, WithoutPinsTheAuthorityAndTheNameCount) {
  const TestIdentity identity({"box7", "10.0.0.1"}), other;
  const auto try_it = [&](const std::string& ca, const std::string& host) {
    Pair pair;
    auto near = client_of({{}, ca, {}, {}}).connect(pair.fds[0], host);
    auto far = server_of(identity).accept(pair.fds[1]);
    return shake_hands(near, far).client.what == Io::done ? std::string("done") : near.problem();
  };
  EXPECT_EQ(try_it(identity.certificate(), "box7"), "done");
  EXPECT_EQ(try_it(identity.certificate(), "10.0.0.1"), "done");
  EXPECT_NE(try_it(identity.certificate(), "box8").find("hostname mismatch"), std::string::npos);
  EXPECT_NE(try_it(identity.certificate(), "10.0.0.2").find("IP address mismatch"), std::string::npos);
  EXPECT_NE(try_it(other.certificate(), "box7").find("self-signed certificate"), std::string::npos);
  EXPECT_NE(try_it("", "box7").find("--cell-pin"), std::string::npos) << "the system's authorities do not know it, and the remedy is said";
}

TEST(Tls, ClientsShowACertificateWhereOneIsAskedFor) {
  const TestIdentity cell, authority, stranger;
  const auto try_it = [&](const TestIdentity* shown) {
    Pair pair;
    Trust trust = trust_in(cell.pin());
    if (shown != nullptr) trust.client_certificate = shown->certificate(), trust.client_key = shown->key();
    auto near = client_of(std::move(trust)).connect(pair.fds[0], "localhost");
    auto far = server_of(cell, authority.certificate()).accept(pair.fds[1]);
    const auto outcome = shake_hands(near, far);
    if (outcome.server.what == Io::done) return std::string("done");
    EXPECT_TRUE(far.is_refused());
    std::array<std::uint8_t, 1> byte{};
    EXPECT_EQ(near.read(byte).what, Io::failed);
    EXPECT_TRUE(near.is_refused());
    return near.problem();
  };
  EXPECT_NE(try_it(nullptr).find("asks for a client certificate"), std::string::npos);
  EXPECT_NE(try_it(&stranger).find("does not trust"), std::string::npos);
}

TEST(Tls, OlderVersionsAreRefused) {
  const TestIdentity identity;
  Pair pair;
  auto far = server_of(identity).accept(pair.fds[1]);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  SSL* old = SSL_new(context);
  SSL_set_fd(old, pair.fds[0]);
  EXPECT_LE(SSL_connect(old), 0);
  EXPECT_EQ(far.handshake().what, Io::failed);
  EXPECT_NE(far.problem().find("unsupported protocol"), std::string::npos) << far.problem();
  SSL_free(old);
  SSL_CTX_free(context);
}

TEST(Tls, WhatIsNoTlsFailsAndSaysSo) {
  const TestIdentity identity;
  for (const char* text : {"\x16garbage that goes on for a while", "GET / HTTP/1.1\r\n\r\n"}) {
    Pair pair;
    auto far = server_of(identity).accept(pair.fds[1]);
    EXPECT_EQ(ByteStream(pair.fds[0]).write(as_bytes(text)).what, Io::done);
    EXPECT_EQ(far.handshake().what, Io::failed);
    EXPECT_NE(far.problem(), "");
  }
  Pair pair;
  auto near = client_of(trust_in(identity.pin())).connect(pair.fds[0], "localhost");
  EXPECT_EQ(near.handshake().what, Io::wants_read);
  EXPECT_EQ(ByteStream(pair.fds[1]).write(as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n")).what, Io::done);
  EXPECT_EQ(near.handshake().what, Io::failed);
  EXPECT_EQ(near.problem(), "it does not speak TLS on this port");
}

TEST(Tls, AWriteThatDoesNotFitGoesOnWhereItStopped) {
  const TestIdentity identity;
  Pair pair;
  auto near = client_of(trust_in(identity.pin())).connect(pair.fds[0], "localhost");
  auto far = server_of(identity).accept(pair.fds[1]);
  ASSERT_EQ(shake_hands(near, far).client.what, Io::done);
  std::string sent;
  for (int i = 0; sent.size() < (std::size_t{3} << 20); ++i) sent += std::to_string(i) + ";";
  std::string heard;
  std::size_t written = 0;
  bool has_waited = false;
  while (heard.size() < sent.size()) {
    while (written < sent.size()) {
      const std::string moved = sent.substr(written);  // lies elsewhere each time
      const auto result = near.write(as_bytes(moved));
      if (result.what != Io::done) has_waited = true;
      if (result.what != Io::done) break;
      written += result.bytes;
    }
    std::array<std::uint8_t, 5000> part{};
    for (auto got = far.read(part); got.what == Io::done; got = far.read(part)) heard += as_text(ByteView(part).first(got.bytes));
  }
  EXPECT_TRUE(has_waited);
  EXPECT_EQ(heard, sent);
}

TEST(Tls, AKeyThatEverybodyMayReadIsRefused) {
  const TestIdentity identity, other;
  ::chmod(identity.key().c_str(), 0644);
  EXPECT_EQ(TlsServer::make({identity.certificate(), identity.key(), ""}).error().code, Errc::forbidden);
  ::chmod(identity.key().c_str(), 0600);
  EXPECT_TRUE(TlsServer::make({identity.certificate(), identity.key(), ""}));
  EXPECT_EQ(TlsServer::make({identity.certificate(), other.key(), ""}).error().code, Errc::invalid_argument) << "the key of another";
  EXPECT_EQ(TlsServer::make({identity.key(), identity.key(), ""}).error().code, Errc::invalid_argument) << "no certificate";
  EXPECT_EQ(TlsServer::make({identity.certificate() + "x", identity.key(), ""}).error().code, Errc::not_found);
}

TEST(PlainBytes, AreTheSameWithoutTls) {
  Pair pair;
  ByteStream near(pair.fds[0]), far(pair.fds[1]);
  EXPECT_EQ(near.handshake().what, Io::done);
  EXPECT_FALSE(near.is_tls());
  const std::array pieces{as_bytes("a"), as_bytes("b")};
  EXPECT_EQ(near.write(pieces).bytes, 2U);
  EXPECT_EQ(far.peek().what, Io::done);
  std::array<std::uint8_t, 1> first{};
  EXPECT_EQ(far.read(first).bytes, 1U);
  EXPECT_FALSE(far.is_emptied());
  EXPECT_EQ(read_text(far), "b");
  EXPECT_TRUE(far.is_emptied());
  EXPECT_EQ(far.peek().what, Io::wants_read);
  pair.close_first();
  EXPECT_EQ(far.peek().what, Io::closed);
  EXPECT_EQ(far.write(as_bytes("x")).what, Io::failed) << "without a signal";
}

}  // namespace
}  // namespace stint::net
