#include "sim/network.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stint::sim {
namespace {

/// One end that writes down what it hears.
class Ear final : public Peer {
 public:
  void on_connected(ConnectionId id) override { last = id; }
  void on_dial_failed(ConnectionId /*id*/) override { ++failed; }
  void on_bytes(ConnectionId /*id*/, ByteView bytes, Instant /*empty_since*/) override { heard.append(as_text(bytes)); }
  void on_closed(ConnectionId /*id*/) override { ++closed; }
  void on_room(ConnectionId /*id*/) override {}

  ConnectionId last;
  std::string heard;
  int failed = 0;
  int closed = 0;
};

class NetworkTest : public testing::Test {
 protected:
  void run() {
    while (agenda.run_next()) {
    }
  }
  ConnectionId connect() {
    network.listen(&server);
    const ConnectionId id = network.dial(0, agent);
    run();
    return id;
  }
  void say(ConnectionId id, std::string_view text) { network.send(id, Side::agent, as_bytes(text)); }

  Agenda agenda;
  Prng prng{1};
  Trace trace{agenda, Trace::Output::none};
  Network network{agenda, prng, trace};
  Ear agent;
  Ear server;
};

TEST_F(NetworkTest, KeepsTheOrderOfBytesInAnyPieces) {
  network.set_weather({Duration{0}, std::chrono::seconds{3}, 8});
  const auto id = connect();
  std::string said;
  for (int i = 0; i < 50; ++i) {
    const std::string text = "message " + std::to_string(i) + ";";
    said += text;
    say(id, text);
  }
  run();
  EXPECT_EQ(server.heard, said);
}

TEST_F(NetworkTest, DeliversWhatWasSentBeforeAClose) {
  const auto id = connect();
  say(id, "last words");
  network.close(id, Side::agent);
  run();
  EXPECT_EQ(server.heard, "last words");
  EXPECT_EQ(server.closed, 1);
  EXPECT_EQ(agent.closed, 0);
}

TEST_F(NetworkTest, LosesWhatWasOnItsWayInAReset) {
  const auto id = connect();
  say(id, "lost");
  network.reset(id);
  say(id, "lost too");
  run();
  EXPECT_EQ(server.heard, "");
  EXPECT_EQ(server.closed, 1);
  EXPECT_EQ(agent.closed, 1);
}

TEST_F(NetworkTest, HoldsEverythingBackInAPartition) {
  const auto id = connect();
  network.partition(0);
  say(id, "late");
  run();
  EXPECT_EQ(server.heard, "");
  network.dial(0, agent);
  run();
  EXPECT_EQ(agent.failed, 1);
  network.heal(0);
  run();
  EXPECT_EQ(server.heard, "late");
}

TEST_F(NetworkTest, LetsANewConnectionOvertakeAnOldOne) {
  const auto old = connect();
  network.stall(old, Side::scheduler, std::chrono::seconds{10});
  say(old, "old");
  network.break_end(old, Side::agent);
  const auto young = network.dial(0, agent);
  while (agent.last != young) ASSERT_TRUE(agenda.run_next());
  say(young, "new ");
  run();
  EXPECT_EQ(server.heard, "new old");
}

TEST_F(NetworkTest, TellsAnEndThatTheOtherIsGoneOnlyWhenItWrites) {
  const auto id = connect();
  network.vanish(id, Side::scheduler, false);
  run();
  EXPECT_EQ(agent.closed, 0);
  say(id, "hello?");
  run();
  EXPECT_EQ(agent.closed, 1);
}

TEST_F(NetworkTest, CutsOffOneDirectionAlone) {
  const ConnectionId id = connect();
  network.partition(0, Side::scheduler);
  say(id, "to nobody");
  network.send(id, Side::scheduler, as_bytes("to the agent"));
  const std::size_t room = network.room(id, Side::scheduler);
  run();
  EXPECT_EQ(server.heard, "");
  EXPECT_EQ(agent.heard, "to the agent");
  EXPECT_EQ(network.room(id, Side::scheduler), room) << "what was heard was acknowledged";
  network.dial(0, agent);
  run();
  EXPECT_EQ(agent.failed, 1);
  network.heal(0);
  run();
  EXPECT_EQ(server.heard, "to nobody");
  EXPECT_GT(network.room(id, Side::scheduler), room);
}

}  // namespace
}  // namespace stint::sim
