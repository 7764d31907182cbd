#include "bench/cell/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

extern char** environ;

namespace stint::bench {
namespace {

constexpr auto kEndTime = std::chrono::seconds(5);
constexpr auto kEndStep = std::chrono::milliseconds(10);
constexpr std::size_t kSaidMax = 400;

std::string last_words(const std::string& log) {
  std::ifstream file(log);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return text.size() <= kSaidMax ? text : text.substr(text.size() - kSaidMax);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& command, const std::string& log) {
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, words.front().c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(Errc::io, words.front() + ": " + std::strerror(error));
  return Child(pid);
}

Status Child::run(const std::vector<std::string>& command, const std::string& log) {
  STINT_TRY(auto child, start(command, log));
  const int status = child.wait();
  if (status != 0) return fail(Errc::io, command.front() + ": exit status " + std::to_string(status) + ": " + last_words(log));
  return {};
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

int Child::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Child::end() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto last = std::chrono::steady_clock::now() + kEndTime;
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() < last) {
      std::this_thread::sleep_for(kEndStep);
      continue;
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    break;
  }
  pid_ = -1;
}

}  // namespace stint::bench
