#include "adapters/exec/exec_driver.hpp"

#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "adapters/exec/exec_harness.hpp"

namespace stint::exec {
namespace {

using namespace std::chrono_literals;
using StopMode = ports::Driver::StopMode;

class ExecDriverTest : public ConnectedExecTest {
 protected:
  /// Starts it and waits for its end.
  const SeenAttempt& run(const ports::LaunchSpec& spec) {
    agent->driver->start(spec);
    EXPECT_TRUE(agent->run_until_ended(spec.ref));
    return agent->seen[spec.ref];
  }

  AttemptRef ref = attempt_ref(12);
};

TEST_F(ExecDriverTest, OutputAndExitStatusArriveExactly) {
  const SeenAttempt& seen = run(shell(ref, "echo hello; echo trouble >&2; exit 7"));
  EXPECT_EQ(seen.out, "hello\n");
  EXPECT_EQ(seen.err, "trouble\n");
  EXPECT_EQ(seen.ended->reason, EndReason::exit);
  EXPECT_EQ(seen.ended->exit_code, 7);
  EXPECT_EQ(seen.ended->stdout_bytes, 6U);
  EXPECT_GT(seen.ended->started_ms, 0);
  EXPECT_GE(seen.ended->ended_ms, seen.ended->started_ms);
}

TEST_F(ExecDriverTest, ABurstOfTheShortestTasksIsToldWithoutALoss) {
  // Some end before the keeper's loop has heard that they began, and every third leaves an orphan that ends then too.
  constexpr std::uint32_t kBurst = 300;
  for (std::uint32_t i = 0; i < kBurst; ++i)
    agent->driver->start(shell(attempt_ref(12, i), i % 3 == 0 ? "(setsid true &) ; exit 3" : "echo " + std::to_string(i)));
  for (std::uint32_t i = 0; i < kBurst; ++i) {
    ASSERT_TRUE(agent->run_until_ended(attempt_ref(12, i))) << i;
    const SeenAttempt& seen = agent->seen[attempt_ref(12, i)];
    EXPECT_EQ(seen.ended->reason, EndReason::exit);
    EXPECT_EQ(seen.ended->exit_code, i % 3 == 0 ? 3 : 0);
    EXPECT_NE(seen.pid, 0);
    EXPECT_EQ(seen.out, i % 3 == 0 ? "" : std::to_string(i) + "\n");
  }
}

TEST_F(ExecDriverTest, WhatIsStoppedBeforeItCouldStartIsCancelled) {
  constexpr std::uint32_t kBurst = 100;
  for (std::uint32_t i = 0; i < kBurst; ++i) agent->driver->start(shell(attempt_ref(12, i), "exec sleep 600"));
  for (std::uint32_t i = 0; i < kBurst; ++i) agent->driver->stop(attempt_ref(12, i), StopMode::kill);
  for (std::uint32_t i = 0; i < kBurst; ++i) {
    ASSERT_TRUE(agent->run_until_ended(attempt_ref(12, i))) << i;
    EXPECT_EQ(agent->seen[attempt_ref(12, i)].ended->reason, EndReason::cancelled);
  }
}

TEST_F(ExecDriverTest, ASignalIsToldApartFromAnExitStatus) {
  const SeenAttempt& seen = run(shell(ref, "kill -USR1 $$"));
  EXPECT_EQ(seen.ended->reason, EndReason::signal);
  EXPECT_EQ(seen.ended->signal, SIGUSR1);
}

TEST_F(ExecDriverTest, AMissingProgramIsNamed) {
  auto spec = shell(ref, "");
  spec.command = {"python4", "train.py"};
  EXPECT_EQ(run(spec).ended->reason, EndReason::start_failed);
  EXPECT_EQ(agent->seen[ref].ended->detail, "python4: not found in PATH (/usr/local/bin:/usr/bin:/bin)");
  EXPECT_EQ(agent->seen[ref].pid, 0);
}

TEST_F(ExecDriverTest, WhyAFileCannotBeExecutedIsSaid) {
  std::ofstream{root + "/plain"} << "echo\n";
  std::ofstream{root + "/script"} << "#!/no/such/interpreter\n";
  ::chmod((root + "/script").c_str(), 0755);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"./plain", "Permission denied"}, {"./script", "interpreter"}, {"./missing", "No such file"}, {root, "Permission denied"}};
  std::uint32_t index = 0;
  for (const auto& [program, expected] : cases) {
    auto spec = shell(attempt_ref(13, index++), "");
    spec.command = {program};
    const SeenAttempt& seen = run(spec);
    EXPECT_EQ(seen.ended->reason, EndReason::start_failed);
    EXPECT_NE(seen.ended->detail.find(expected), std::string::npos) << seen.ended->detail;
  }
}

TEST_F(ExecDriverTest, AnotherDirectoryUnderTheSameNameIsRefused) {
  struct stat status{};
  ASSERT_EQ(::stat(root.c_str(), &status), 0);
  auto spec = shell(ref, "true");
  spec.submit_boot_id = boot_id();
  spec.workdir_inode = status.st_ino + 1;
  EXPECT_EQ(run(spec).ended->reason, EndReason::refused);
  EXPECT_NE(agent->seen[ref].ended->detail.find("not the one"), std::string::npos);

  spec.ref = attempt_ref(13);
  spec.workdir_inode = status.st_ino;
  EXPECT_EQ(run(spec).ended->reason, EndReason::exit);
}

TEST_F(ExecDriverTest, ADirectoryThatIsNotHereIsRefused) {
  for (const std::string& submitted_on : {std::string{"another-boot"}, boot_id()}) {
    auto spec = shell(attempt_ref(14, submitted_on == boot_id() ? 1 : 0), "true");
    spec.workdir = root + "/nowhere";
    spec.submit_boot_id = submitted_on;
    spec.workdir_inode = 5;
    EXPECT_EQ(run(spec).ended->reason, EndReason::refused);
  }
}

TEST_F(ExecDriverTest, ATaskSeesItsDirectoryItsEnvironmentAndNothingElse) {
  const SeenAttempt& seen = run(shell(ref,
                                      "pwd; env | grep -v -e ^PWD= -e ^OLDPWD= -e ^SHLVL= -e ^_= | sort; ls /proc/self/fd; "
                                      "grep -E 'Sig(Blk|Ign)' /proc/self/status; readlink /proc/self/fd/0"));
  const std::string descriptors = "0\n1\n2\n3\n";  // the last is the listing itself
  EXPECT_EQ(seen.out, root + "\nPATH=/usr/local/bin:/usr/bin:/bin\nROOT=" + root + "\nSTINT_REPORT=" + state_dir +
                          "/run/12.0.0.1.report\n" + descriptors + "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n/dev/null\n");
}

TEST_F(ExecDriverTest, NoSignalOfTheKeeperIsBlockedInATask) {
  auto spec = shell(ref, "");
  spec.command = {"grep", "SigBlk", "/proc/self/status"};  // a shell would clear the mask itself
  EXPECT_EQ(run(spec).out, "SigBlk:\t0000000000000000\n");
}

TEST_F(ExecDriverTest, ATimeoutAsksFirst) {
  auto spec = shell(ref, "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.05; done");
  spec.timeout = 300ms;
  const SeenAttempt& seen = run(spec);
  EXPECT_EQ(seen.ended->reason, EndReason::timeout);
  EXPECT_EQ(seen.ended->exit_code, 3);
  EXPECT_EQ(seen.out, "up\nasked\n");
  EXPECT_EQ(seen.ended->detail, "timed out after 300 ms");
}

TEST_F(ExecDriverTest, ATimeoutKillsWhatDoesNotListen) {
  auto spec = shell(ref, "trap '' TERM; while :; do sleep 0.05; done");
  spec.timeout = 100ms;
  spec.kill_grace = 100ms;
  EXPECT_EQ(run(spec).ended->reason, EndReason::timeout);
  EXPECT_EQ(agent->seen[ref].ended->signal, SIGKILL);
}

TEST_F(ExecDriverTest, StopIsGracefulOrNot) {
  for (const StopMode mode : {StopMode::graceful, StopMode::kill}) {
    const AttemptRef each = attempt_ref(15, mode == StopMode::kill ? 1 : 0);
    agent->driver->start(shell(each, "trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done"));
    ASSERT_TRUE(agent->run_until([&] { return agent->seen[each].out == "up\n"; }));
    agent->driver->stop(each, mode);
    ASSERT_TRUE(agent->run_until_ended(each));
    EXPECT_EQ(agent->seen[each].ended->reason, EndReason::cancelled);
    EXPECT_EQ(agent->seen[each].ended->exit_code, mode == StopMode::graceful ? 4 : 0);
    EXPECT_EQ(agent->seen[each].ended->signal, mode == StopMode::graceful ? 0 : SIGKILL);
  }
}

TEST_F(ExecDriverTest, AMegabyteOnEachStreamArrivesToTheByte) {
  const SeenAttempt& seen = run(shell(ref, "seq 1 150000; seq 150000 -1 1 >&2"));
  std::string up;
  std::string down;
  for (int i = 1; i <= 150000; ++i) up += std::to_string(i) + "\n", down += std::to_string(150001 - i) + "\n";
  ASSERT_GT(up.size(), 900'000U);
  EXPECT_TRUE(seen.out == up);
  EXPECT_TRUE(seen.err == down);
}

TEST_F(ExecDriverTest, OutputComesOnlyAsFarAsItIsWanted) {
  agent->wants_output = false;
  agent->driver->start(shell(ref, "printf 0123456789"));
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ref].ended.has_value(); }));
  EXPECT_EQ(agent->seen[ref].out, "");
  agent->driver->request_output(ref, 1, 0, 4);
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ref].out.size() >= 4; }));
  agent->driver->request_output(ref, 1, 4, 100);
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ref].out.size() >= 10; }));
  EXPECT_EQ(agent->seen[ref].out, "0123456789");
}

TEST_F(ExecDriverTest, OutputIsLive) {
  agent->driver->start(shell(ref, "echo first; while [ ! -e go ]; do sleep 0.02; done; echo second"));
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ref].out == "first\n"; }));
  EXPECT_FALSE(agent->seen[ref].ended);
  std::ofstream(root + "/go").flush();
  ASSERT_TRUE(agent->run_until_ended(ref));
  EXPECT_EQ(agent->seen[ref].out, "first\nsecond\n");
}

TEST_F(ExecDriverTest, StragglersOfTheProcessGroupAreKilled) {
  const SeenAttempt& seen = run(shell(ref, "sleep 1000 & echo $!"));
  const ProcessId straggler = identify(static_cast<pid_t>(std::stol(seen.out)));
  EXPECT_TRUE(agent->run_until([&] { return !is_alive(straggler); }));
}

TEST_F(ExecDriverTest, ABackgroundProcessThatHoldsThePipeDoesNotHoldTheResult) {
  const SeenAttempt& seen = run(shell(ref, "setsid sleep 1000 & echo $!"));
  EXPECT_EQ(seen.ended->reason, EndReason::exit);
  ::kill(static_cast<pid_t>(std::stol(seen.out)), SIGKILL);
}

TEST_F(ExecDriverTest, ReportLinesArriveWhileTheTaskRuns) {
  agent->driver->start(
      shell(ref, "echo '{\"progress\":0.3}' >> $STINT_REPORT; while [ ! -e go ]; do sleep 0.02; done; printf last >> $STINT_REPORT"));
  ASSERT_TRUE(agent->run_until([&] { return agent->seen[ref].report == "{\"progress\":0.3}\n"; }));
  EXPECT_FALSE(agent->seen[ref].ended);
  std::ofstream(root + "/go").flush();
  ASSERT_TRUE(agent->run_until_ended(ref));
  EXPECT_EQ(agent->seen[ref].report, "{\"progress\":0.3}\nlast\n");
  const std::string file = state_dir + "/run/12.0.0.1.report";
  EXPECT_TRUE(std::filesystem::exists(file));
  agent->driver->release(ref);
  EXPECT_TRUE(agent->run_until([&] { return !std::filesystem::exists(file); }));
}

TEST_F(ExecDriverTest, ManyReportLinesAllArriveInOrder) {
  const SeenAttempt& seen = run(shell(ref, "seq 1 200000 >> $STINT_REPORT"));
  std::string expected;
  for (int i = 1; i <= 200000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(seen.report == expected) << seen.report.size() << " of " << expected.size() << " bytes";
}

TEST_F(ExecDriverTest, ManySmallTasksLeaveNoFileEach) {
  constexpr std::uint32_t kTasks = 500;
  for (std::uint32_t i = 0; i < kTasks; ++i) agent->driver->start(shell(attempt_ref(16, i), "echo $$"));
  ASSERT_TRUE(agent->run_until([&] {
    std::uint32_t ended = 0;
    for (const auto& [each, seen] : agent->seen) ended += seen.ended ? 1U : 0U;
    return ended == kTasks;
  }));
  const auto files = [&](const char* folder) {
    const auto listing = std::filesystem::directory_iterator{state_dir + "/" + folder};
    return std::distance(begin(listing), end(listing));
  };
  EXPECT_EQ(files("run"), 0);
  EXPECT_EQ(files("spool"), 1);
  for (std::uint32_t i = 0; i < kTasks; ++i) {
    ASSERT_TRUE(agent->run_until_ended(attempt_ref(16, i)));
    EXPECT_EQ(agent->seen[attempt_ref(16, i)].out, std::to_string(agent->seen[attempt_ref(16, i)].pid) + "\n");
  }
}

TEST_F(ExecDriverTest, StartedTwiceRunsOnce) {
  const auto spec = shell(ref, "echo ran >> witness");
  agent->driver->start(spec);
  agent->driver->start(spec);
  ASSERT_TRUE(agent->run_until_ended(ref));
  run(shell(attempt_ref(13), "true"));
  std::ifstream witness{root + "/witness"};
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>{witness}, {}}), "ran\n");
}

TEST_F(ExecDriverTest, AMemoryLimitEndsInOomOrIsNoted) {
  const auto notes = agent->driver->notes();
  const auto is_memory_note = [](const std::string& note) { return note.find("memory limits are not enforced") != std::string::npos; };
  if (std::any_of(notes.begin(), notes.end(), is_memory_note)) GTEST_SKIP() << "no writable memory cgroup here; the note is there";
  auto spec = shell(ref, "python3 -c 'x = bytearray(400 << 20)'");
  spec.command = {"python3", "-c", "x = bytearray(400 << 20); print(len(x))"};
  spec.resources.memory_bytes = 64 * kMiB;
  EXPECT_EQ(run(spec).ended->reason, EndReason::oom);
  EXPECT_EQ(agent->seen[ref].out, "");

  spec.ref = attempt_ref(13);
  spec.command = {"sh", "-c", "python3 -c 'x = bytearray(400 << 20)'; exit 137"};
  EXPECT_EQ(run(spec).ended->reason, EndReason::oom);
}

TEST_F(ExecDriverTest, AProcessThatLeavesItsSessionIsKilledWithItsCgroup) {
  const auto notes = agent->driver->notes();
  if (!notes.empty()) GTEST_SKIP() << notes.front();
  auto spec = shell(ref, "setsid sleep 1000 & echo $!");
  spec.resources.memory_bytes = 64 * kMiB;
  spec.resources.cpu_millis = 500;
  const ProcessId straggler = identify(static_cast<pid_t>(std::stol(run(spec).out)));
  EXPECT_TRUE(agent->run_until([&] { return !is_alive(straggler); }));
}

TEST_F(ExecDriverTest, ACommandTooLongForAMessageFailsToStart) {
  auto spec = shell(ref, "");
  spec.command.emplace_back(limits::kMessageMax, 'x');
  EXPECT_EQ(run(spec).ended->reason, EndReason::start_failed);
  spec.ref = attempt_ref(13);
  spec.command = {"true", std::string(std::size_t{3} << 20, 'x')};  // fits a message, not execve
  EXPECT_EQ(run(spec).ended->reason, EndReason::start_failed);
  EXPECT_NE(agent->seen[spec.ref].ended->detail.find("Argument list too long"), std::string::npos);
}

}  // namespace
}  // namespace stint::exec
