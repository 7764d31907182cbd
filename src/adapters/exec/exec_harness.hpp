#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/exec/exec_driver.hpp"
#include "adapters/exec/keeper_launch.hpp"
#include "adapters/exec/system.hpp"

/// For tests: a state directory, the real keeper, and an agent reduced to writing down what it is told.
namespace stint::exec {

/// How long a test waits for what must happen; only a test that fails ever waits that long.
inline constexpr std::chrono::seconds kPatience{60};

class CollectingLog final : public Log {
 public:
  void write(LogLevel, std::string message) override { lines.push_back(std::move(message)); }
  std::vector<std::string> lines;
};

inline AttemptRef attempt_ref(std::uint64_t job, std::uint32_t index = 0) { return {{JobId{job}, 0, index}, 1}; }

struct SeenAttempt {
  bool held = false;
  bool held_ended = false;
  std::int64_t pid = 0;
  std::string out;
  std::string err;
  std::string report;
  std::uint32_t cut_lines = 0;
  std::optional<ports::DriverEnded> ended;
};

/// An agent that wants all output from the beginning.
class TestAgent {
 public:
  explicit TestAgent(const std::string& state_dir, std::string keeper = STINT_KEEPER_BINARY) {
    auto made = ExecDriver::make({state_dir, std::move(keeper)}, log);
    if (!made) throw std::runtime_error(made.error().detail);
    driver = std::move(*made);
  }

  /// Takes events until `done`; false if that does not happen.
  bool run_until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      pollfd wait{driver->event_fd(), POLLIN, 0};
      ::poll(&wait, 1, 100);
      for (auto& event : driver->take_events()) std::visit([&](auto& e) { on(e); }, event);
    }
    return true;
  }
  bool run_until_ready() {
    const int before = ready;
    return run_until([&] { return ready > before; });
  }
  /// Also waits until all its output is here.
  bool run_until_ended(const AttemptRef& ref) {
    return run_until([&] {
      const SeenAttempt& a = seen[ref];
      return a.ended && (!wants_output || (a.out.size() == a.ended->stdout_bytes && a.err.size() == a.ended->stderr_bytes));
    });
  }
  bool run_until_started(const AttemptRef& ref) {
    return run_until([&] { return seen[ref].pid != 0; });
  }

  CollectingLog log;
  std::unique_ptr<ExecDriver> driver;
  std::map<AttemptRef, SeenAttempt> seen;
  int ready = 0;
  int gone = 0;
  bool wants_output = true;

 private:
  void on(const ports::DriverHeld& e) { seen[e.ref].held = true, seen[e.ref].held_ended = e.ended; }
  void on(const ports::DriverReady&) {
    ++ready;
    for (const auto& [ref, attempt] : seen) {
      if (attempt.held) request(ref);
    }
  }
  void on(const ports::DriverGone&) { ++gone; }
  void on(const ports::DriverStarted& e) {
    seen[e.ref].pid = e.pid;
    if (!seen[e.ref].held) request(e.ref);  // for the held ones DriverReady has asked: twice asked is twice sent
  }
  void on(const ports::DriverOutput& e) {
    std::string& to = e.stream == 1 ? seen[e.ref].out : seen[e.ref].err;
    ASSERT_EQ(e.offset, to.size());
    to += as_text(e.bytes);
  }
  void on(const ports::DriverReport& e) { seen[e.ref].report += e.lines, seen[e.ref].cut_lines += e.cut_lines; }
  void on(const ports::DriverEnded& e) { seen[e.ref].ended = e; }
  void request(const AttemptRef& ref) {
    constexpr std::size_t kAll = std::size_t{1} << 40;
    if (!wants_output) return;
    driver->request_output(ref, 1, seen[ref].out.size(), kAll);
    driver->request_output(ref, 2, seen[ref].err.size(), kAll);
  }
};

class ExecTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stint-exec-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    state_dir = root + "/state";
  }
  void TearDown() override {
    const auto state = StateDir::open(state_dir);
    if (state) {
      const Status stopped = stop_keeper(*state, now_boottime() + kPatience);
      EXPECT_TRUE(stopped) << stopped.error().detail;
    }
    std::filesystem::remove_all(root);
  }

  /// `sh -c script` in the test's directory.
  [[nodiscard]] ports::LaunchSpec shell(const AttemptRef& ref, const std::string& script) const {
    ports::LaunchSpec spec;
    spec.ref = ref;
    spec.command = {"sh", "-c", script};
    spec.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"ROOT", root}};
    spec.workdir = root;
    spec.kill_grace = std::chrono::seconds{30};
    return spec;
  }

  std::string root;
  std::string state_dir;
};

/// With an agent that is connected.
class ConnectedExecTest : public ExecTest {
 protected:
  void SetUp() override {
    ExecTest::SetUp();
    connect();
  }
  /// A new one, after which the one before is gone.
  void connect() {
    agent = std::make_unique<TestAgent>(state_dir);
    ASSERT_TRUE(agent->run_until_ready());
  }

  std::unique_ptr<TestAgent> agent;
};

}  // namespace stint::exec
