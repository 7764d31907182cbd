#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <thread>
#include <utility>

#include "apps/stint-conform/tls.hpp"
#include "apps/stint-conform/web_socket.hpp"

namespace stint::conform {
namespace {

std::pair<Socket, Socket> make_pair_of_sockets() {
  std::signal(SIGPIPE, SIG_IGN);  // as main() does: one end may be gone when the other has something to say
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {Socket{ends[0]}, Socket{ends[1]}};
}

struct Both {
  TlsOutcome client;
  TlsOutcome server;
};
Both shake(Socket& client, Socket& server, const TlsOffer& offer, const TlsShow& show) {
  Both both;
  std::thread other([&] { both.server = accept_tls(server, show); });
  both.client = begin_tls(client, offer);
  if (!both.client.is_done) client.close();
  other.join();
  return both;
}

TEST(ConformTls, CarriesBytesAndTellsKeyAndAlpn) {
  auto [client, server] = make_pair_of_sockets();
  const auto identity = TlsIdentity::make();
  const auto both = shake(client, server, {}, {.identity = &identity});
  ASSERT_TRUE(both.client.is_done && both.server.is_done);
  EXPECT_EQ(both.client.alpn, "stint/1");
  EXPECT_EQ(both.client.pin, identity.pin());
  EXPECT_EQ(both.server.offered_versions, std::vector<int>{0x0304});
  ASSERT_TRUE(client.send(as_bytes("hello")));
  Bytes heard;
  ASSERT_EQ(server.receive(heard, now() + limits::kPatience), Socket::Got::bytes);
  EXPECT_EQ(as_text(heard), "hello");
}

TEST(ConformTls, VersionsThatDoNotMeetFail) {
  auto [client, server] = make_pair_of_sockets();
  const auto identity = TlsIdentity::make();
  const auto both = shake(client, server, {}, {.identity = &identity, .versions = TlsVersions::only_1_2});
  EXPECT_FALSE(both.client.is_done);
}

/// What it is for: a handshake that looks right in everything but the proof that the key is held.
TEST(ConformTls, AStolenCertificateShowsThePinAndProvesNothing) {
  auto [client, server] = make_pair_of_sockets();
  const auto identity = TlsIdentity::make();
  const auto thief = TlsIdentity::make(TlsIdentity::Kind::stolen, &identity);
  EXPECT_EQ(thief.pin(), identity.pin());
  const auto both = shake(client, server, {}, {.identity = &thief});
  EXPECT_FALSE(both.client.is_done);
}

TEST(ConformWebSocket, LengthsAreWrittenInTheShortestForm) {
  EXPECT_EQ(to_bytes({.is_masked = false, .payload = Bytes(125)}).size(), 2U + 125);
  EXPECT_EQ(to_bytes({.is_masked = false, .payload = Bytes(126)}).size(), 4U + 126);
  EXPECT_EQ(to_bytes({.is_masked = false, .payload = Bytes(65'536)}).size(), 10U + 65'536);
  EXPECT_EQ(to_bytes({.payload = Bytes(1)}).size(), 2U + 4 + 1);
}

TEST(ConformWebSocket, RefusesAnAnswerWithAnotherKey) {
  auto [client, server] = make_pair_of_sockets();
  constexpr std::string_view kAnswer = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
  ASSERT_TRUE(server.send(as_bytes(kAnswer)));
  const auto upgrade = upgrade_to_web_socket(client, "x");
  EXPECT_EQ(upgrade.answer.status, 101);
  EXPECT_FALSE(upgrade.is_right);
}

}  // namespace
}  // namespace stint::conform
