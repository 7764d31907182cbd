// What is done of a start before it is wanted for sure, and the child that is ready for it.

#include <dirent.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include "adapters/exec/exec_harness.hpp"
#include "adapters/exec/ready_child.hpp"

namespace stint::exec {
namespace {

class PrepareTest : public ConnectedExecTest {
 protected:
  /// Leaves a line in `ran`.
  [[nodiscard]] ports::LaunchSpec task(std::uint32_t index) const {
    return with_cpu(shell(attempt_ref(1, index), "echo " + std::to_string(index) + " >> ran; echo out"));
  }
  /// Where there are cgroups it gets one of its own.
  [[nodiscard]] static ports::LaunchSpec with_cpu(ports::LaunchSpec spec) {
    spec.resources.cpu_millis = 1000;
    return spec;
  }
  void run(const ports::LaunchSpec& spec) {
    agent->driver->start(spec);
    ASSERT_TRUE(agent->run_until_ended(spec.ref));
  }
  /// What the keeper was told before this has been seen to.
  void wait_for_keeper() { run(shell(attempt_ref(2, next_++), "true")); }
  [[nodiscard]] std::string ran() const {
    std::ifstream file{root + "/ran"};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  /// The child that waits; 0 while there is none.
  [[nodiscard]] pid_t ready_child() const {
    pid_t found = 0;
    DIR* const listing = ::opendir("/proc");
    while (const dirent* entry = ::readdir(listing)) {
      const pid_t pid = std::atoi(entry->d_name);
      if (pid > 0 && parent_of(pid) == agent->driver->keeper().pid && name_of(pid) == "stint-ready\n") found = pid;
    }
    ::closedir(listing);
    return found;
  }
  [[nodiscard]] pid_t wait_for_ready_child() const {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < give_up) {
      if (const pid_t pid = ready_child(); pid != 0) return pid;
      ::poll(nullptr, 0, 1);
    }
    return 0;
  }
  void wait_for_ready_child_if_any() const {
    if (ReadyChild::kIsPossible) static_cast<void>(wait_for_ready_child());
  }
  static std::string read_of(pid_t pid, const std::string& file) {
    std::ifstream in{"/proc/" + std::to_string(pid) + "/" + file};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  static std::string name_of(pid_t pid) { return read_of(pid, "comm"); }
  [[nodiscard]] std::string groups_of_keeper() const { return read_of(static_cast<pid_t>(agent->driver->keeper().pid), "cgroup"); }
  /// Of the child that waits, once it is in one of its own; of its keeper where there are none.
  [[nodiscard]] std::string groups_of_ready_child() const {
    const pid_t child = wait_for_ready_child();
    const auto notes = agent->driver->notes();
    if (std::any_of(notes.begin(), notes.end(), [](const auto& note) { return note.starts_with("cpu limits"); })) return groups_of_keeper();
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (read_of(child, "cgroup") == groups_of_keeper() && std::chrono::steady_clock::now() < give_up) ::poll(nullptr, 0, 1);
    return read_of(child, "cgroup");
  }
  void wait_until_gone(pid_t pid) const {
    while (parent_of(pid) == agent->driver->keeper().pid) ::poll(nullptr, 0, 1);
  }

 private:
  std::uint32_t next_ = 0;
};

TEST_F(PrepareTest, NothingIsExecutedBeforeItIsStarted) {
  agent->driver->prepare(task(0));
  wait_for_keeper();
  EXPECT_EQ(ran(), "");
  run(task(0));
  EXPECT_EQ(ran(), "0\n");
  EXPECT_EQ(agent->seen[attempt_ref(1, 0)].ended->exit_code, 0);
  EXPECT_EQ(agent->seen[attempt_ref(1, 0)].out, "out\n");
}

TEST_F(PrepareTest, WhatIsReleasedIsForgotten) {
  agent->driver->prepare(task(0));
  agent->driver->release(attempt_ref(1, 0));
  wait_for_keeper();
  wait_for_keeper();
  EXPECT_EQ(ran(), "");
  run(task(0));
  EXPECT_EQ(ran(), "0\n");
}

TEST_F(PrepareTest, TheLastOneCountsAndTheOthersAreStartedAsEver) {
  for (std::uint32_t index = 0; index < 3; ++index) agent->driver->prepare(task(index));
  for (const std::uint32_t index : {1U, 2U, 0U}) run(task(index));
  EXPECT_EQ(ran(), "1\n2\n0\n");
}

TEST_F(PrepareTest, ItDoesNotSurviveItsAgent) {
  agent->driver->prepare(task(0));
  wait_for_keeper();
  connect();
  EXPECT_FALSE(agent->seen[attempt_ref(1, 0)].held);
  run(task(0));
  EXPECT_EQ(ran(), "0\n");
}

TEST_F(PrepareTest, WhatIsWrongWithItIsSaidWhenItIsStarted) {
  auto nowhere = task(0);
  nowhere.workdir = root + "/nowhere";
  auto nothing = task(1);
  nothing.command = {"no-such-program"};
  for (const auto& spec : {nowhere, nothing}) {
    agent->driver->prepare(spec);
    wait_for_keeper();
    EXPECT_FALSE(agent->seen[spec.ref].ended);
    run(spec);
  }
  EXPECT_EQ(agent->seen[nowhere.ref].ended->reason, EndReason::refused);
  EXPECT_EQ(agent->seen[nothing.ref].ended->reason, EndReason::start_failed);
  EXPECT_NE(agent->seen[nothing.ref].ended->detail.find("not found in PATH"), std::string::npos);
}

TEST_F(PrepareTest, AReadyChildThatIsKilledIsReplaced) {
  if (!ReadyChild::kIsPossible) GTEST_SKIP() << "under sanitizers every task is forked when it starts";
  for (std::uint32_t index = 0; index < 5; ++index) {
    const pid_t child = wait_for_ready_child();
    ASSERT_NE(child, 0);
    ::kill(child, SIGKILL);
    run(task(index));
  }
  EXPECT_EQ(ran(), "0\n1\n2\n3\n4\n");
}

TEST_F(PrepareTest, KilledWhileItIsPreparedItIsRefusedSoThatAnotherAgentTakesIt) {
  if (!ReadyChild::kIsPossible) GTEST_SKIP() << "under sanitizers every task is forked when it starts";
  const pid_t child = wait_for_ready_child();
  agent->driver->prepare(task(0));
  wait_for_keeper();
  ::kill(child, SIGKILL);
  wait_until_gone(child);
  wait_for_keeper();
  run(task(0));
  EXPECT_EQ(agent->seen[attempt_ref(1, 0)].ended->reason, EndReason::refused);
  EXPECT_NE(agent->seen[attempt_ref(1, 0)].ended->detail.find("was killed"), std::string::npos);
  EXPECT_EQ(ran(), "");
}

/// The kernel counts the arguments to the new program's memory while the child still has ours, and kills all who share what it kills.
TEST_F(PrepareTest, ArgumentsBeyondItsMemoryLimitKillNobodyElse) {
  const auto bystander = attempt_ref(4);
  agent->driver->start(shell(bystander, "sleep 1000"));
  ASSERT_TRUE(agent->run_until_started(bystander));
  wait_for_ready_child_if_any();
  for (const bool is_prepared : {false, true}) {
    auto spec = task(is_prepared ? 1 : 0);
    spec.resources.memory_bytes = kMiB;
    for (int i = 0; i < 15; ++i) spec.command.push_back(std::string(std::size_t{120} << 10, 'x'));
    if (is_prepared) agent->driver->prepare(spec);
    wait_for_keeper();
    run(spec);
    EXPECT_EQ(agent->gone, 0);
  }
  EXPECT_FALSE(agent->seen[bystander].ended);
}

TEST_F(PrepareTest, ATaskHasTheOrdinaryPolicyOfTheProcessor) {
  for (std::uint32_t tasks = 0; tasks < 4; ++tasks) {
    const auto spec = shell(attempt_ref(3, tasks), "cut -d' ' -f41 /proc/$$/stat");
    run(tasks % 2 == 0 ? spec : with_cpu(spec));
    EXPECT_EQ(agent->seen[spec.ref].out, "0\n");
  }
}

TEST_F(PrepareTest, TheReadyChildWaitsInTheGroupOfItsTask) {
  if (!ReadyChild::kIsPossible) GTEST_SKIP() << "under sanitizers every task is forked when it starts";
  for (std::uint32_t index = 0; index < 3; ++index) {
    const std::string groups = groups_of_ready_child();
    const std::string child = std::to_string(ready_child()) + "\n";
    const auto spec = with_cpu(shell(attempt_ref(5, index), "echo $$; cat /proc/$$/cgroup"));
    if (index > 0) agent->driver->prepare(spec);
    run(spec);
    EXPECT_EQ(agent->seen[spec.ref].out, child + groups);
  }
}

TEST_F(PrepareTest, ATaskWithoutLimitsIsInNoGroupOfItsOwn) {
  wait_for_ready_child_if_any();
  const auto spec = shell(attempt_ref(6), "cat /proc/$$/cgroup");
  agent->driver->prepare(spec);
  run(spec);
  EXPECT_EQ(agent->seen[spec.ref].out, groups_of_keeper());
}

TEST_F(PrepareTest, SeveralAtOnceEachHaveTheirOwnGroups) {
  wait_for_ready_child_if_any();
  std::set<std::string> groups;
  constexpr std::uint32_t kTasks = 6;
  for (std::uint32_t index = 0; index < kTasks; ++index)
    agent->driver->start(with_cpu(shell(attempt_ref(7, index), "cat /proc/$$/cgroup; sleep 1000")));
  for (std::uint32_t index = 0; index < kTasks; ++index) {
    SeenAttempt& seen = agent->seen[attempt_ref(7, index)];
    ASSERT_TRUE(agent->run_until([&] { return !seen.out.empty(); }));
    groups.insert(seen.out);
  }
  EXPECT_EQ(groups.size(), groups.contains(groups_of_keeper()) ? 1 : kTasks);
  for (std::uint32_t index = 0; index < kTasks; ++index) {  // none of them takes another one along
    const auto ref = attempt_ref(7, index);
    agent->driver->stop(ref, ports::Driver::StopMode::kill);
    ASSERT_TRUE(agent->run_until_ended(ref));
    for (std::uint32_t other = index + 1; other < kTasks; ++other) EXPECT_FALSE(agent->seen[attempt_ref(7, other)].ended);
  }
}

TEST_F(PrepareTest, TheReadyChildFollowsItsTaskIntoAnotherGroup) {
  if (!ReadyChild::kIsPossible) GTEST_SKIP() << "under sanitizers every task is forked when it starts";
  const std::string groups = groups_of_ready_child();
  if (groups == groups_of_keeper()) GTEST_SKIP() << "no writable cpu cgroup here";
  const std::string child = std::to_string(ready_child()) + "\n";
  const auto stopped = with_cpu(shell(attempt_ref(8, 0), "true"));
  const auto next = with_cpu(shell(attempt_ref(8, 1), "echo $$; cat /proc/$$/cgroup"));
  const auto keeper = static_cast<pid_t>(agent->driver->keeper().pid);
  ::kill(keeper, SIGSTOP);  // so that it hears of all three at once
  agent->driver->start(stopped);
  agent->driver->stop(stopped.ref, ports::Driver::StopMode::kill);
  agent->driver->start(next);
  ::kill(keeper, SIGCONT);
  ASSERT_TRUE(agent->run_until_ended(stopped.ref) && agent->run_until_ended(next.ref));
  EXPECT_EQ(agent->seen[stopped.ref].ended->reason, EndReason::cancelled);
  const std::string& out = agent->seen[next.ref].out;
  ASSERT_TRUE(out.starts_with(child)) << out;
  EXPECT_NE(out, child + groups) << "the other one's";
  EXPECT_NE(out, child + groups_of_keeper());
}

TEST_F(PrepareTest, NoGroupOutlivesItsKeeper) {
  if (!ReadyChild::kIsPossible) GTEST_SKIP() << "under sanitizers every task is forked when it starts";
  const std::string groups = groups_of_ready_child();
  if (groups == groups_of_keeper()) GTEST_SKIP() << "no writable cpu cgroup here";
  std::vector<std::filesystem::path> folders;
  std::istringstream lines{groups};
  for (std::string line; std::getline(lines, line);) {
    const std::string path = line.substr(line.rfind(':') + 1);
    for (const auto& mount : std::filesystem::directory_iterator("/sys/fs/cgroup"))
      if (const auto folder = mount.path() / path.substr(1); path.find("stint") != std::string::npos && std::filesystem::exists(folder))
        folders.push_back(folder);
  }
  ASSERT_FALSE(folders.empty()) << groups;
  ASSERT_TRUE(stop_keeper(*StateDir::open(state_dir), now_boottime() + kPatience));
  for (const auto& folder : folders) EXPECT_FALSE(std::filesystem::exists(folder)) << folder;
}

}  // namespace
}  // namespace stint::exec
