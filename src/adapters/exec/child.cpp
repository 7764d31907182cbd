#include "adapters/exec/child.hpp"

#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>

#include "adapters/exec/standing.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";
constexpr int kFailedBeforeExec = 127;

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

/// As execvp: the first that can be executed; a file without permission is remembered, the search goes on.
int exec_first(const Program& program) {
  int error = ENOENT;
  for (const std::string& path : program.paths) {
    ::execve(path.c_str(), program.argv.data(), program.envp.data());
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return errno;
    if (errno == EACCES) error = EACCES;
  }
  return error;
}

[[noreturn]] void give_up(Failure& failure, Step step, int error) {
  failure.step = step;
  failure.error = error;
  ::_exit(kFailedBeforeExec);
}

bool close_descriptors(unsigned first, unsigned last, unsigned flags = 0) { return ::syscall(SYS_close_range, first, last, flags) == 0; }

/// Descriptors that are shared become this process's own. As unshare(CLONE_FILES), which containers often forbid.
bool own_descriptors() { return close_descriptors(INT_MAX, INT_MAX, CLOSE_RANGE_UNSHARE); }

/// Of those behind the standard three.
bool close_all_but(int keep) {
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  const auto kept = static_cast<unsigned>(keep);
  if (keep < 0) return close_descriptors(kFirst, ~0U);
  return (kept <= kFirst || close_descriptors(kFirst, kept - 1)) && close_descriptors(kept + 1, ~0U);
}

}  // namespace

Result<Program> make_program(const SpawnSpec& spec) {
  STINT_TRY_VOID(check_strings(spec));
  Program p;
  const std::string& name = spec.command.front();
  if (name.find('/') != std::string::npos) {
    p.paths.push_back(name);
  } else {
    for (std::string_view rest = path_of(spec);;) {
      const std::size_t colon = rest.find(':');
      const std::string_view folder = rest.substr(0, colon);
      std::string& path = p.paths.emplace_back(folder.empty() ? "." : folder);
      path.append("/").append(name);
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

void leave(pid_t parent, Failure& failure) {
  ::setsid();
  stand_up();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) give_up(failure, Step::parent, ESRCH);  // it died before prctl: nobody would ever send the signal
}

bool enter_cgroup(int file) { return ::write(file, "0", 1) == 1; }

void enter_cgroups(const std::vector<int>& files, Failure& failure) {
  for (const int file : files) {
    if (!enter_cgroup(file)) give_up(failure, Step::cgroup, errno);
  }
}

void enter(const SpawnSpec& spec, int out, int err, int keep, Failure& failure) {
  if (!own_descriptors()) give_up(failure, Step::descriptors, errno);
  if (::fchdir(spec.workdir.get()) != 0) give_up(failure, Step::workdir, errno);
  const bool has_output = ::dup2(spec.stdin_fd, STDIN_FILENO) >= 0 && ::dup2(out, STDOUT_FILENO) >= 0 && ::dup2(err, STDERR_FILENO) >= 0;
  if (!has_output || !close_all_but(keep)) give_up(failure, Step::descriptors, errno);
  ::setrlimit(RLIMIT_NOFILE, &spec.open_files);
}

void execute(const Program& program, Failure& failure) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  give_up(failure, Step::exec, exec_first(program));
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

}  // namespace stint::exec
