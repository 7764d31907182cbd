#include "apps/stint/dev_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "apps/stint/follow.hpp"

namespace stint::cli {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds{100};
constexpr Duration kLongestPause = std::chrono::seconds{5};
constexpr Duration kOldAge = std::chrono::seconds{10};  // whoever lived this long did not die of its start

/// Between fork and exec: only what is async-signal-safe.
[[noreturn]] void become(char* const* arguments, int log, int inherited_fd, pid_t parent) {
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(125);  // it died before prctl could tell us
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (inherited_fd >= 0) ::fcntl(inherited_fd, F_SETFD, 0);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

DevChild::DevChild(std::string name, std::vector<std::string> arguments, std::string log_path)
    : name_(std::move(name)), arguments_(std::move(arguments)), log_path_(std::move(log_path)), pause_(kFirstPause) {}

Status DevChild::start(int inherited_fd) {
  const int log = ::open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return fail(Errc::io, log_path_ + ": " + std::strerror(errno));
  std::vector<char*> arguments;
  for (std::string& argument : arguments_) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(arguments.data(), log, inherited_fd, parent);
  const int failed = errno;
  ::close(log);
  if (child < 0) return fail(Errc::io, "fork: " + std::string(std::strerror(failed)));
  pid_ = child;
  started_at_ = now();
  restart_at_.reset();
  return {};
}

bool DevChild::reap() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = 0;
  last_end_ = describe_end(status);
  if (now() - started_at_ >= kOldAge) pause_ = kFirstPause;
  restart_at_ = now() + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
  return true;
}

void DevChild::restart_if_due() {
  if (!restart_at_ || now() < *restart_at_) return;
  if (!start()) restart_at_ = now() + kLongestPause;
}

void DevChild::stop(Instant deadline) {
  restart_at_.reset();
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (now() >= deadline) ::kill(pid_, SIGKILL);
    ::poll(nullptr, 0, 10);
  }
  pid_ = 0;
}

}  // namespace stint::cli
