#include "scheduler/daemon.hpp"

#include <gtest/gtest.h>

#include "scheduler/limits.hpp"
#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::kOneTask;
using testing::ref;
using testing::update;
using testing::World;

class DaemonTest : public ::testing::Test {
 protected:
  std::string state(const std::string& task) { return std::string(world.call("GET", "/v1/tasks/" + task).json().at("state").as_string()); }

  World world;
};

TEST_F(DaemonTest, ASubmissionIsAnsweredWhenItIsDurableAndNotBefore) {
  world.disk_is_held = true;
  const auto id = world.send("POST", "/v1/jobs", kOneTask);
  world.settle();
  EXPECT_FALSE(world.heard(id).is_answered);
  world.store->finish_one();
  world.settle();
  EXPECT_TRUE(world.heard(id).is_answered);
  EXPECT_EQ(world.heard(id).status(), 201);
}

TEST_F(DaemonTest, AReaderDoesNotSeeWhatACrashCouldStillTakeBack) {
  world.disk_is_held = true;
  world.send("POST", "/v1/jobs", kOneTask);
  world.settle();
  const auto read = world.send("GET", "/v1/jobs/1");
  world.settle();
  EXPECT_FALSE(world.heard(read).is_answered) << "memory knows job 1, the disk does not";
  world.store->finish_one();
  world.settle();
  EXPECT_TRUE(world.heard(read).is_answered);
  EXPECT_EQ(world.heard(read).status(), 200);
}

TEST_F(DaemonTest, AnAssignmentLeavesWhenItIsDurableAndNotBefore) {
  auto& agent = world.join("a1");
  world.disk_is_held = true;
  world.send("POST", "/v1/jobs", kOneTask);
  world.settle();
  EXPECT_EQ(agent.find<protocol::AssignmentList>(), nullptr);
  world.disk_is_held = false;
  world.settle();
  ASSERT_NE(agent.find<protocol::AssignmentList>(), nullptr);
  EXPECT_EQ(agent.find<protocol::AssignmentList>()->items.at(0).ref, ref(1));
}

TEST_F(DaemonTest, AnUpdateIsAcknowledgedWhenItIsDurableAndNotBefore) {
  auto& agent = world.join("a1");
  world.submit();
  world.disk_is_held = true;
  world.tell(agent, protocol::UpdateList{{update(ref(1), 1, TaskStatus::running)}});
  EXPECT_EQ(agent.find<protocol::StatusAck>(), nullptr);
  world.disk_is_held = false;
  world.settle();
  ASSERT_NE(agent.find<protocol::StatusAck>(), nullptr);
  EXPECT_EQ(agent.find<protocol::StatusAck>()->items.at(0).number, 1U);
}

TEST_F(DaemonTest, OutputIsAcknowledgedWhenItIsDurableAndNotBefore) {
  auto& agent = world.join("a1");
  world.submit();
  world.disk_is_held = true;
  const auto credits = agent.count<protocol::Credit>();
  world.tell(agent, testing::log_chunk(ref(1), 0, "hello"));
  EXPECT_EQ(agent.count<protocol::Credit>(), credits);
  world.disk_is_held = false;
  world.settle();
  ASSERT_NE(agent.find<protocol::Credit>(), nullptr);
  EXPECT_EQ(agent.find<protocol::Credit>()->log_acks.at(0).acked, 5U);
}

TEST_F(DaemonTest, AGapInTheOutputIsAnsweredWithAnErrorAndTheCreditBack) {
  auto& agent = world.join("a1");
  world.submit();
  world.tell(agent, testing::log_chunk(ref(1), 10, "tail"));
  ASSERT_NE(agent.find<protocol::ErrorMessage>(), nullptr);
  EXPECT_EQ(agent.find<protocol::ErrorMessage>()->code, "log_gap");
  EXPECT_EQ(agent.find<protocol::Credit>()->log_chunks, 1U);
  EXPECT_TRUE(agent.is_open) << "the session goes on";
}

TEST_F(DaemonTest, TheOutputOfAnotherAgentsAttemptIsNotTaken) {
  world.join("a1");
  world.submit();
  auto& other = world.join("a2");
  world.tell(other, testing::log_chunk(ref(1), 0, "forged"));
  EXPECT_EQ(world.reader->log_ends(ref(1))->out, 0U);
}

TEST_F(DaemonTest, AReportOfAnotherAgentsAttemptIsNotShown) {
  world.join("a1");
  world.submit();
  auto& other = world.join("a2");
  world.tell(other, protocol::UpdateList{{testing::report(ref(1), 0.9F)}});
  EXPECT_TRUE(world.call("GET", "/v1/tasks/1.main").json().at("progress").is_null());
}

TEST_F(DaemonTest, GoesOnAfterAKillWithWhatItHadSaid) {
  auto identity = world.add_agent("a1");
  auto& agent = world.connect(identity, "a1");
  world.submit();
  world.run_attempt(agent, ref(1));
  ASSERT_EQ(state("1.main"), "completed");
  const auto before = world.call("GET", "/v1/tasks/1.main").response.body;
  const auto cell = world.call("GET", "/v1/info").json().at("cell");
  world.restart();
  ASSERT_TRUE(world.started);
  EXPECT_EQ(world.call("GET", "/v1/tasks/1.main").response.body, before);
  EXPECT_EQ(world.call("GET", "/v1/info").json().at("cell"), cell);
  identity.connect = 2;
  EXPECT_FALSE(world.connect(identity, "a1").ended) << "the agent's key is still good";
}

TEST_F(DaemonTest, DoesNotStartWithAnotherKeyEncryptionKey) {
  world.key_encryption_key.fill(9);
  world.restart();
  ASSERT_FALSE(world.started);
  EXPECT_EQ(world.started.error().code, Errc::corrupt);
}

TEST_F(DaemonTest, AFullDiskRefusesWhatWaitedAndUndoesItInMemory) {
  world.submit();
  world.store->set_full(true);
  const auto& answer = world.call("POST", "/v1/jobs", kOneTask);
  EXPECT_EQ(answer.status(), 507);
  EXPECT_EQ(answer.json().at("code").as_string(), "no_space");
  EXPECT_EQ(world.call("GET", "/v1/jobs").json().at("items").as_array().size(), 1U);
  EXPECT_EQ(world.daemon->fatal(), nullptr);
}

TEST_F(DaemonTest, WhileTheDiskIsFullChangesAreRefusedAndReadsGoOn) {
  world.submit();
  world.store->set_full(true);
  world.call("POST", "/v1/jobs", kOneTask);
  world.disk_is_held = true;
  for (const auto& [path, body] : {std::pair{"/v1/jobs", kOneTask}, {"/v1/jobs/1/cancel", ""}, {"/v1/agents", R"({"name":"a"})"}})
    EXPECT_EQ(world.call("POST", path, body).status(), 507) << path;
  EXPECT_FALSE(world.store->busy()) << "they were refused before anything was decided";
  world.disk_is_held = false;
  for (const auto* path : {"/v1/jobs", "/v1/jobs/1", "/v1/jobs/1/spec", "/v1/jobs/1/tasks", "/v1/tasks/1.main", "/v1/tasks/1.main/explain",
                           "/v1/agents", "/v1/events", "/v1/info", "/metrics", "/healthz"})
    EXPECT_EQ(world.call("GET", path).status(), 200) << path;
  EXPECT_EQ(world.call("GET", "/readyz").status(), 503);
}

TEST_F(DaemonTest, AFullDiskEndsTheSessionsAndTakesNewOnesWhenThereIsRoom) {
  auto identity = world.add_agent("a1");
  auto& agent = world.connect(identity, "a1");
  world.store->set_full(true);
  world.call("POST", "/v1/jobs", kOneTask);
  EXPECT_FALSE(agent.is_open);
  ASSERT_TRUE(agent.ended);
  EXPECT_EQ(agent.ended->reason, protocol::CloseReason::overloaded);
  auto& early = world.network.dial(world.daemon->links(), identity, world.now());
  world.settle();
  EXPECT_FALSE(early.is_open);

  world.store->set_full(false);
  world.advance(limits::kReopenPeriod);
  EXPECT_EQ(world.call("GET", "/readyz").status(), 200);
  identity.connect = 2;
  auto& again = world.connect(identity, "a1");
  const auto job = world.submit();
  ASSERT_NE(again.find<protocol::AssignmentList>(), nullptr);
  EXPECT_EQ(again.find<protocol::AssignmentList>()->items.at(0).ref, ref(job));
}

TEST_F(DaemonTest, AsksTheDiskAgainOncePerPeriodWhileItIsFull) {
  world.store->set_full(true);
  world.call("POST", "/v1/jobs", kOneTask);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world.daemon->next_deadline(), world.now().mono + limits::kReopenPeriod);
    world.advance(limits::kReopenPeriod);
  }
  EXPECT_EQ(world.call("POST", "/v1/jobs", kOneTask).status(), 507);
}

TEST_F(DaemonTest, StopsWhenAnotherSchedulerHasTakenOver) {
  memory::MemoryStore other(world.tables);
  ASSERT_TRUE(other.open([](BatchNumber, const Status&) {}));
  EXPECT_EQ(world.call("POST", "/v1/jobs", kOneTask).status(), 503);
  ASSERT_NE(world.daemon->fatal(), nullptr);
  EXPECT_EQ(world.daemon->fatal()->code, Errc::fenced);
}

TEST_F(DaemonTest, SaysGoodbyeToItsAgents) {
  auto& agent = world.join("a1");
  world.daemon->close_sessions(world.now());
  world.settle();
  ASSERT_TRUE(agent.ended);
  EXPECT_EQ(agent.ended->reason, protocol::CloseReason::leaving);
}

}  // namespace
}  // namespace stint::scheduler
