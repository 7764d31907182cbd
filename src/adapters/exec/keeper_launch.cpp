#include "adapters/exec/keeper_launch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/message_stream.hpp"
#include "adapters/exec/standing.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr const char* kLogName = "keeper.log";
constexpr int kFirstFree = 16;  ///< descriptors are moved above those that the keeper expects before they are put there

/// The daemon between its second fork and exec: system calls only.
[[noreturn]] void run_daemon(char* const* argv, int null_file, int log_file, int lock, int listener) {
  stand_up();
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);  // tasks inherit what is ignored
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const std::array<int, 5> sources{null_file, log_file, log_file, lock, listener};
  for (int target = 0; target < static_cast<int>(sources.size()); ++target) ::dup2(sources[static_cast<std::size_t>(target)], target);
  ::close_range(static_cast<unsigned>(sources.size()), ~0U, 0);
  ::execv(argv[0], argv);
  ::_exit(127);
}

UniqueFd move_up(int fd) { return UniqueFd{::fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree)}; }

UniqueFd open_log(const StateDir& state) {
  struct stat status{};
  if (::fstatat(state.fd(), kLogName, &status, 0) == 0 && status.st_size > limits::kLogBytes) {
    ::renameat(state.fd(), kLogName, state.fd(), "keeper.log.1");
  }
  return UniqueFd{::openat(state.fd(), kLogName, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
}

/// Kills our children, and theirs as they come to us, until there is none.
void kill_descendants() {
  const pid_t self = ::getpid();
  do {
    DIR* const listing = ::opendir("/proc");
    if (listing == nullptr) return;
    while (const dirent* entry = ::readdir(listing)) {
      pid_t pid = 0;
      const char* const end = entry->d_name + std::strlen(entry->d_name);
      if (std::from_chars(entry->d_name, end, pid).ptr == end && pid > 0 && parent_of(pid) == self) ::kill(pid, SIGKILL);
    }
    ::closedir(listing);
  } while (::waitpid(-1, nullptr, 0) > 0);
}

}  // namespace

Status launch_keeper(const std::string& binary, const StateDir& state, UniqueFd lock, UniqueFd listener) {
  if (::access(binary.c_str(), X_OK) != 0) return fail(Errc::not_found, binary + ": " + errno_text(errno));
  const UniqueFd log_file = open_log(state);
  const UniqueFd null_file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  if (!log_file || !null_file) return fail_errno(state.path() + "/" + kLogName, errno);
  const UniqueFd high_log = move_up(log_file.get());
  const UniqueFd high_null = move_up(null_file.get());
  const UniqueFd high_lock = move_up(lock.get());
  const UniqueFd high_listener = move_up(listener.get());
  if (!high_log || !high_null || !high_lock || !high_listener) return fail_errno("starting the keeper", errno);

  std::array<std::string, 4> words{binary, "--state-dir", state.path(), "--inherited"};
  const std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  const pid_t middle = ::fork();
  if (middle < 0) return fail_errno("starting the keeper: fork", errno);
  if (middle == 0) {  // its death makes the daemon a child of init, which waits for it
    ::setsid();
    const pid_t daemon = ::fork();
    if (daemon == 0) run_daemon(argv.data(), high_null.get(), high_log.get(), high_lock.get(), high_listener.get());
    ::_exit(daemon < 0 ? 1 : 0);
  }
  int status = 0;
  while (::waitpid(middle, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return fail(Errc::io, "starting the keeper: no process left");
  return {};
}

Status stop_keeper(const StateDir& state, Instant deadline) {
  auto socket = state.connect();
  if (!socket && socket.error().code != Errc::unavailable) return tl::unexpected(socket.error());
  if (socket) {
    MessageStream stream{std::move(*socket)};
    stream.send(message::Hello{.role = Role::control});
    stream.send(message::Shutdown{});
    static_cast<void>(stream.flush());  // a few bytes: they fit, or it is gone
    while (stream.receive()) {
      const std::int64_t left = to_ms(deadline - now_boottime());
      if (left <= 0) return fail(Errc::unavailable, "the keeper of " + state.path() + " has not ended yet");
      pollfd wait{stream.fd(), POLLIN, 0};
      ::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, 1000)));
      while (const auto message = stream.take()) {
        if (!*message) break;
      }
    }
  }
  for (;;) {  // the guard sees to what is left
    STINT_TRY(const auto lock, state.try_lock());
    if (lock) return {};
    if (now_boottime() >= deadline) return fail(Errc::unavailable, "tasks of " + state.path() + " have not ended yet");
    ::poll(nullptr, 0, 5);
  }
}

int run_guarded(UniqueFd& listener, const std::function<int()>& keeper) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int each : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&signals, each);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);

  const pid_t guard = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return keeper();  // without a guard is better than not at all
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ::getppid() == guard ? keeper() : 1;
  }
  ::prctl(PR_SET_NAME, "stint-guard");
  listener.reset();
  for (;;) {
    const int signal = ::sigwaitinfo(&signals, nullptr);
    if (signal == SIGTERM || signal == SIGINT) ::kill(child, signal);
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) != child) continue;
    kill_descendants();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

}  // namespace stint::exec
