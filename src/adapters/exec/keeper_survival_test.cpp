// What outlives what: agents die and come back, keepers die with their tasks, strangers are turned away.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "adapters/exec/exec_harness.hpp"

namespace stint::exec {
namespace {

using namespace std::chrono_literals;

class KeeperSurvivalTest : public ExecTest {
 protected:
  void connect(bool wants_output = true) {
    agent = std::make_unique<TestAgent>(state_dir);
    agent->wants_output = wants_output;
    ASSERT_TRUE(agent->run_until_ready());
  }
  [[nodiscard]] StateDir state() const { return std::move(*StateDir::open(state_dir)); }
  [[nodiscard]] std::string keeper_log() const {
    std::ifstream file{state_dir + "/keeper.log"};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  /// A task that runs until the file `go` is there.
  [[nodiscard]] ports::LaunchSpec waiting(const AttemptRef& attempt, const std::string& before, const std::string& after) const {
    return shell(attempt, before + "; while [ ! -e $ROOT/go ]; do sleep 0.02; done; " + after);
  }
  void let_go() const { std::ofstream{root + "/go"}; }

  std::unique_ptr<TestAgent> agent;
  AttemptRef running = attempt_ref(20);
  AttemptRef ended = attempt_ref(21);
};

TEST_F(KeeperSurvivalTest, TasksGoOnWhenTheAgentIsKilledAndTheNextOneGetsAllOfIt) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t first = ::fork();
  if (first == 0) {  // an agent of its own process, to be killed as agents are
    TestAgent mortal{state_dir};
    mortal.run_until_ready();
    mortal.driver->start(waiting(running, "echo before", "echo after; exit 5"));
    mortal.driver->start(shell(ended, "echo done; exit 6"));
    mortal.run_until_ended(ended);
    mortal.run_until([&] { return mortal.seen[running].out == "before\n"; });
    static_cast<void>(::write(ready[1], "!", 1));
    for (;;) ::pause();
  }
  const UniqueFd reading{ready[0]};
  ::close(ready[1]);
  char word = 0;
  ASSERT_EQ(::read(reading.get(), &word, 1), 1);
  ::kill(first, SIGKILL);
  ::waitpid(first, nullptr, 0);

  connect();
  EXPECT_TRUE(agent->seen[running].held);
  EXPECT_FALSE(agent->seen[running].held_ended);
  EXPECT_TRUE(agent->seen[ended].held_ended);
  EXPECT_EQ(agent->gone, 0);
  ASSERT_TRUE(agent->run_until_ended(ended));
  EXPECT_EQ(agent->seen[ended].ended->exit_code, 6);
  EXPECT_EQ(agent->seen[ended].out, "done\n");
  let_go();
  ASSERT_TRUE(agent->run_until_ended(running));
  EXPECT_EQ(agent->seen[running].ended->exit_code, 5);
  EXPECT_EQ(agent->seen[running].out, "before\nafter\n");
}

TEST_F(KeeperSurvivalTest, OutputCanBeTakenUpWhereItWasLeft) {
  connect();
  agent->driver->start(shell(ended, "printf 0123456789"));
  ASSERT_TRUE(agent->run_until_ended(ended));
  connect(false);
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ended].ended.has_value(); }));
  agent->seen[ended].out = "012";  // as a journal would have it
  agent->driver->request_output(ended, 1, 3, 100);
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ended].out.size() >= 10; }));
  EXPECT_EQ(agent->seen[ended].out, "0123456789");
}

TEST_F(KeeperSurvivalTest, WhatWasReleasedIsNotHeld) {
  connect();
  agent->driver->start(shell(ended, "echo done"));
  ASSERT_TRUE(agent->run_until_ended(ended));
  agent->driver->release(ended);
  agent->driver->start(waiting(running, "true", "true"));
  ASSERT_TRUE(agent->run_until_started(running));
  connect();
  EXPECT_FALSE(agent->seen.contains(ended));
  EXPECT_TRUE(agent->seen.contains(running));
}

TEST_F(KeeperSurvivalTest, TimeoutsAreEnforcedWhileTheAgentIsAway) {
  connect();
  auto spec = waiting(running, "true", "true");
  spec.timeout = 200ms;
  agent->driver->start(spec);
  ASSERT_TRUE(agent->run_until_started(running));
  agent.reset();
  connect();
  ASSERT_TRUE(agent->run_until_ended(running));
  EXPECT_EQ(agent->seen[running].ended->reason, EndReason::timeout);
}

TEST_F(KeeperSurvivalTest, ReportLinesComeAgainUntilTheAgentHasComeBackForMore) {
  connect();
  agent->driver->start(waiting(running, "echo one >> $STINT_REPORT", "echo two >> $STINT_REPORT"));
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[running].report == "one\n"; }));
  connect();  // the first agent did not say that it had seen the line
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[running].report == "one\n"; }));
  for (auto& event : agent->driver->take_events()) ASSERT_FALSE(std::holds_alternative<ports::DriverReport>(event));
  connect();  // the second did
  let_go();
  ASSERT_TRUE(agent->run_until_ended(running));
  EXPECT_EQ(agent->seen[running].report, "two\n");
}

TEST_F(KeeperSurvivalTest, WhenTheKeeperIsKilledItsTasksDieAndAFreshOneComes) {
  connect();
  agent->driver->start(shell(running, "(sleep 1000; echo) & echo $!; setsid sh -c 'echo $$; sleep 1000; echo' & wait"));
  const auto lines = [&] { return std::count(agent->seen[running].out.begin(), agent->seen[running].out.end(), '\n'); };
  ASSERT_TRUE(agent->run_until([&] { return lines() == 2; }));
  std::vector<ProcessId> processes{identify(static_cast<pid_t>(agent->seen[running].pid))};
  std::istringstream pids{agent->seen[running].out};
  for (pid_t pid = 0; pids >> pid;) processes.push_back(identify(pid));
  ASSERT_EQ(processes.size(), 3U);
  for (const ProcessId& process : processes) ASSERT_TRUE(is_alive(process));

  const ProcessId keeper = agent->driver->keeper();
  ::kill(static_cast<pid_t>(keeper.pid), SIGKILL);
  ASSERT_TRUE(agent->run_until([&] { return agent->ready == 2; }));
  EXPECT_EQ(agent->gone, 1);
  for (const ProcessId& process : processes) EXPECT_FALSE(is_alive(process)) << process.pid;  // not even their own children are left
  EXPECT_NE(agent->driver->keeper().pid, keeper.pid);
  agent->driver->start(shell(ended, "echo again"));
  ASSERT_TRUE(agent->run_until_ended(ended));
  EXPECT_EQ(agent->seen[ended].out, "again\n");
}

TEST_F(KeeperSurvivalTest, SigtermEndsTheTasksGracefullyAndThenTheKeeper) {
  connect();
  agent->driver->start(waiting(running, "trap 'echo bye; exit 9' TERM; echo up", "true"));
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[running].out == "up\n"; }));
  ::kill(static_cast<pid_t>(agent->driver->keeper().pid), SIGTERM);
  ASSERT_TRUE(agent->run_until_ended(running));
  EXPECT_EQ(agent->seen[running].out, "up\nbye\n");
  EXPECT_EQ(agent->seen[running].ended->reason, EndReason::cancelled);
  EXPECT_EQ(agent->seen[running].ended->exit_code, 9);
  EXPECT_TRUE(agent->run_until([&] { return agent->gone == 1 && agent->ready == 2; }));
}

TEST_F(KeeperSurvivalTest, StopKeeperLeavesNothing) {
  connect();
  agent->driver->start(waiting(running, "true", "true"));
  ASSERT_TRUE(agent->run_until_started(running));
  const ProcessId task = identify(static_cast<pid_t>(agent->seen[running].pid));
  const ProcessId keeper = agent->driver->keeper();
  agent.reset();
  ASSERT_TRUE(stop_keeper(state(), now_boottime() + kPatience));
  EXPECT_FALSE(is_alive(task));
  EXPECT_FALSE(is_alive(keeper));
  EXPECT_TRUE(stop_keeper(state(), now_boottime() + kPatience));  // nothing to do
}

TEST_F(KeeperSurvivalTest, TheNewerAgentTakesOver) {
  connect();
  TestAgent newer{state_dir};
  ASSERT_TRUE(newer.run_until_ready());
  EXPECT_EQ(newer.driver->keeper().pid, agent->driver->keeper().pid);
  newer.driver->start(shell(ended, "echo done"));
  EXPECT_TRUE(newer.run_until_ended(ended));
}

TEST_F(KeeperSurvivalTest, ASecondKeeperIsRefused) {
  connect();
  const std::string command = std::string{STINT_KEEPER_BINARY} + " --state-dir " + state_dir + " 2>/dev/null";
  const int status = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

TEST_F(KeeperSurvivalTest, AKeeperThatNobodyNeedsEnds) {
  const std::string command = std::string{STINT_KEEPER_BINARY} + " --idle-exit 0 --state-dir " + state_dir + " 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(KeeperSurvivalTest, AKeeperWhoseDirectoryIsGoneEndsWithItsLastTask) {
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    ::execl(STINT_KEEPER_BINARY, "stint-keeper", "--idle-exit", "1", "--state-dir", state_dir.c_str(), nullptr);
    ::_exit(127);
  }
  while (!state().connect() && ::waitpid(keeper, nullptr, WNOHANG) == 0) std::this_thread::yield();
  connect();
  agent->driver->start(shell(ended, "echo done"));
  agent->driver->start(waiting(running, "true", "true"));
  ASSERT_TRUE(agent->run_until_ended(ended) && agent->run_until_started(running));
  agent.reset();
  std::filesystem::remove_all(state_dir);
  EXPECT_EQ(::waitpid(keeper, nullptr, WNOHANG), 0) << "a task runs, whoever may come for it";
  let_go();
  int status = -1;
  ASSERT_EQ(::waitpid(keeper, &status, 0), keeper);  // else the test's time is over
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(KeeperSurvivalTest, AMissingKeeperIsNotedAndTriedAgain) {
  TestAgent lost{state_dir, root + "/no-such-keeper"};
  ASSERT_TRUE(lost.run_until([&] { return !lost.driver->notes().empty(); }));
  EXPECT_NE(lost.driver->notes().front().find("no-such-keeper"), std::string::npos);
  std::filesystem::create_symlink(STINT_KEEPER_BINARY, root + "/no-such-keeper");
  EXPECT_TRUE(lost.run_until_ready());
}

TEST_F(KeeperSurvivalTest, ADeepStateDirectoryIsReached) {
  for (int i = 0; i < 12; ++i) state_dir += "/a-rather-long-name";
  ASSERT_GT(state_dir.size(), 200U);
  connect();
  agent->driver->start(shell(ended, "echo deep"));
  ASSERT_TRUE(agent->run_until_ended(ended));
  EXPECT_EQ(agent->seen[ended].out, "deep\n");
}

TEST_F(KeeperSurvivalTest, BytesThatAreNoMessageEndOnlyTheirConnection) {
  connect();
  const ProcessId keeper = agent->driver->keeper();
  const auto say = [&](const Bytes& bytes) {  // and read until the keeper closes
    auto socket = state().connect();
    ASSERT_TRUE(socket);
    ::fcntl(socket->get(), F_SETFL, 0);
    ASSERT_EQ(::send(socket->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    std::array<char, 4096> answer;
    while (::recv(socket->get(), answer.data(), answer.size(), 0) > 0) {
    }
  };
  Bytes hello;
  encode(message::Hello{}, hello);
  Bytes wrong_version;
  encode(message::Hello{.version = 77}, wrong_version);
  Bytes no_hello;
  encode(message::Release{running}, no_hello);
  Bytes control_that_releases;
  encode(message::Hello{.role = Role::control}, control_that_releases);
  encode(message::Release{running}, control_that_releases);
  Bytes unknown = hello;
  unknown.insert(unknown.end(), {1, 0, 0, 0, 200});
  Bytes truncated_start = hello;
  truncated_start.insert(truncated_start.end(), {3, 0, 0, 0, 2, 1, 1});
  Bytes zeros(4096, 0);
  Bytes ones(4096, 0xff);
  for (const Bytes& each : {wrong_version, no_hello, control_that_releases, unknown, truncated_start, zeros, ones}) say(each);

  connect();
  EXPECT_EQ(agent->driver->keeper().pid, keeper.pid);
  EXPECT_EQ(agent->driver->keeper().start_ticks, keeper.start_ticks);
}

TEST_F(KeeperSurvivalTest, AnotherUserIsTurnedAwayEvenWhereTheFilesAreOpen) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  connect();
  for (const std::string& path : {root, state_dir, state_dir + "/keeper.sock"}) ::chmod(path.c_str(), 0777);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    const UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s/keeper.sock", state_dir.c_str());
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(3);
    Bytes hello;
    encode(message::Hello{}, hello);
    static_cast<void>(::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL));
    char answer = 0;
    ::_exit(::recv(socket.get(), &answer, 1, 0) > 0 ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_NE(keeper_log().find("connection of user 65534 refused"), std::string::npos);
}

/// Needs root, for a file system that is full when we want it.
class FullDiskTest : public KeeperSurvivalTest {
 protected:
  void SetUp() override {
    KeeperSurvivalTest::SetUp();
    ASSERT_TRUE(StateDir::open(state_dir));
    if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs root, to mount a small file system";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    const std::string spool = state_dir + "/spool";
    if (::mount("tmpfs", spool.c_str(), "tmpfs", 0, "size=320k,mode=0700") != 0) GTEST_SKIP() << "cannot mount tmpfs";
    mounted = true;
  }
  void TearDown() override {
    agent.reset();
    if (const auto opened = StateDir::open(state_dir)) static_cast<void>(stop_keeper(*opened, now_boottime() + kPatience));
    if (mounted) ::umount((state_dir + "/spool").c_str());
    KeeperSurvivalTest::TearDown();
  }
  bool mounted = false;
};

TEST_F(FullDiskTest, TasksWaitAndNothingIsLost) {
  connect();
  agent->driver->start(shell(ended, "yes aaaaaaa | head -c 200000"));
  ASSERT_TRUE(agent->run_until_ended(ended));
  agent->driver->start(shell(running, "seq 1 50000 | tail -c 250000"));
  ASSERT_TRUE(agent->run_until([&] { return keeper_log().find("disk is full") != std::string::npos; }));
  EXPECT_FALSE(agent->seen[running].ended);
  agent->driver->release(ended);
  ASSERT_TRUE(agent->run_until_ended(running));
  std::string expected;
  for (int i = 1; i <= 50000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(agent->seen[running].out == expected.substr(expected.size() - 250000)) << agent->seen[running].out.size();
  EXPECT_EQ(agent->seen[running].ended->reason, EndReason::exit);
}

}  // namespace
}  // namespace stint::exec
