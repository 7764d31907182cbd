#include "adapters/exec/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";
constexpr int kFailedBeforeExec = 127;

enum class Step : int { none, parent, workdir, cgroup, descriptors, exec };

/// Where the child of this thread says why it failed. Shared memory, not our own: under a sanitizer vfork is a fork.
struct Failure {
  Step step;
  int error;
};

Failure* shared_failure() {
  static thread_local auto* const page =
      static_cast<Failure*>(::mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return page == MAP_FAILED ? nullptr : page;
}

/// Everything the child needs, made before it exists: it may not allocate.
struct Prepared {
  std::vector<std::string> programs;  ///< to try in turn
  std::vector<std::string> env_text;
  std::vector<char*> argv;
  std::vector<char*> envp;
};

std::string_view path_of(const SpawnSpec& spec) {
  const auto at = std::find_if(spec.env.begin(), spec.env.end(), [](const auto& entry) { return entry.first == "PATH"; });
  return at == spec.env.end() ? std::string_view{kDefaultPath} : std::string_view{at->second};
}

bool holds_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status check_strings(const SpawnSpec& spec) {
  if (spec.command.empty() || spec.command.front().empty()) return fail(Errc::invalid_argument, "no command");
  for (const std::string& argument : spec.command) {
    if (holds_nul(argument)) return fail(Errc::invalid_argument, "an argument holds a zero byte");
  }
  for (const auto& [name, value] : spec.env) {
    if (name.empty() || name.find('=') != std::string::npos || holds_nul(name) || holds_nul(value)) {
      return fail(Errc::invalid_argument,
                  "environment variable " + name + ": a name is not empty and holds no =, nothing holds a zero byte");
    }
  }
  return {};
}

Prepared prepare(const SpawnSpec& spec) {
  Prepared p;
  const std::string& name = spec.command.front();
  if (name.find('/') != std::string::npos) {
    p.programs.push_back(name);
  } else {
    for (std::string_view rest = path_of(spec);;) {
      const std::size_t colon = rest.find(':');
      const std::string_view folder = rest.substr(0, colon);
      std::string& program = p.programs.emplace_back(folder.empty() ? "." : folder);
      program.append("/").append(name);
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
  }
  for (const auto& [key, value] : spec.env) p.env_text.emplace_back(key).append("=").append(value);
  for (const std::string& argument : spec.command) p.argv.push_back(const_cast<char*>(argument.c_str()));
  for (std::string& entry : p.env_text) p.envp.push_back(entry.data());
  p.argv.push_back(nullptr);
  p.envp.push_back(nullptr);
  return p;
}

/// As execvp: the first that can be executed; a file without permission is remembered, the search goes on.
int exec_first(const Prepared& p) {
  int error = ENOENT;
  for (const std::string& program : p.programs) {
    ::execve(program.c_str(), p.argv.data(), p.envp.data());
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return errno;
    if (errno == EACCES) error = EACCES;
  }
  return error;
}

[[noreturn]] void give_up(Failure* failure, Step step, int error) {
  failure->step = step;
  failure->error = error;
  ::_exit(kFailedBeforeExec);
}

/// The child, from vfork to exec: system calls only.
[[noreturn]] void run_child(const SpawnSpec& spec, const Prepared& p, pid_t parent, int out, int err, Failure* failure) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) give_up(failure, Step::parent, ESRCH);  // it died before prctl: nobody would ever send the signal
  for (const int file : spec.cgroup_files) {
    if (::write(file, "0", 1) != 1) give_up(failure, Step::cgroup, errno);
  }
  if (::fchdir(spec.workdir.get()) != 0) give_up(failure, Step::workdir, errno);
  if (::dup2(spec.stdin_fd, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 || ::dup2(err, STDERR_FILENO) < 0) {
    give_up(failure, Step::descriptors, errno);
  }
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(failure, Step::descriptors, errno);
  ::setrlimit(RLIMIT_NOFILE, &spec.open_files);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  give_up(failure, Step::exec, exec_first(p));
}

tl::unexpected<Error> explain(const SpawnSpec& spec, const Failure& failure) {
  const std::string& name = spec.command.front();
  switch (failure.step) {
    case Step::workdir: return fail(Errc::unavailable, "working directory: " + errno_text(failure.error));
    case Step::cgroup: return fail(Errc::unavailable, "cannot enter the task's cgroup: " + errno_text(failure.error));
    case Step::exec: break;
    default: return fail(Errc::unavailable, "cannot set the process up: " + errno_text(failure.error));
  }
  if (failure.error == ENOENT && name.find('/') == std::string::npos) {
    return fail(Errc::not_found, name + ": not found in PATH (" + std::string{path_of(spec)} + ")");
  }
  if (failure.error == ENOENT && ::faccessat(spec.workdir.get(), name.c_str(), F_OK, 0) == 0) {
    return fail(Errc::not_found, name + ": the interpreter named in its first line does not exist");
  }
  if (failure.error == ENOEXEC)
    return fail(Errc::invalid_argument, name + ": neither a program of this machine nor a script with a #! line");
  return fail(failure.error == EACCES   ? Errc::forbidden
              : failure.error == ENOENT ? Errc::not_found
                                        : Errc::io,
              name + ": " + errno_text(failure.error));
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Errc::unavailable, "pipe: " + errno_text(errno));
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

}  // namespace

Result<OutputPipes> make_output_pipes() {
  STINT_TRY(Pipe out, make_pipe());
  STINT_TRY(Pipe err, make_pipe());
  return OutputPipes{std::move(out), std::move(err)};
}

Result<Spawned> spawn(const SpawnSpec& spec, std::optional<OutputPipes> pipes) {
  STINT_TRY_VOID(check_strings(spec));
  Failure* const failure = shared_failure();
  if (failure == nullptr) return fail(Errc::unavailable, "no memory to start a process");
  *failure = {};
  if (!pipes) {
    STINT_TRY(pipes, make_output_pipes());
  }
  const Prepared prepared = prepare(spec);

  const pid_t self = ::getpid();
  const std::int64_t started_ms = now_unix_ms();
  const pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions): the header says why
  if (pid == 0) run_child(spec, prepared, self, pipes->out.write.get(), pipes->err.write.get(), failure);
  if (pid < 0) return fail(Errc::unavailable, "cannot start a process: " + errno_text(errno));
  if (failure->step != Step::none) {
    ::waitpid(pid, nullptr, 0);
    return explain(spec, *failure);
  }
  return Spawned{pid, started_ms, std::move(pipes->out.read), std::move(pipes->err.read)};
}

}  // namespace stint::exec
