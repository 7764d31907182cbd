#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "adapters/exec/spawn.hpp"
#include "base/result.hpp"

/// What a child does between its birth and execve. It borrows our memory until then, so it makes system calls and nothing else.
namespace stint::exec {

enum class Step : int { none, parent, workdir, cgroup, descriptors, exec };

/// Where a child says why it could not become its program.
struct Failure {
  Step step;
  int error;
};

/// What execve needs, made before the child exists: it may not allocate. Points into the spec it was made of.
struct Program {
  std::vector<std::string> paths;  ///< to try in turn
  std::vector<std::string> env_text;
  std::vector<char*> argv;
  std::vector<char*> envp;
};
/// Errors:  invalid_argument  no command, or text that execve cannot take.
[[nodiscard]] Result<Program> make_program(const SpawnSpec& spec);

/// Leader of a session and process group of its own, whoever made it stands back or not; SIGKILL as soon as that thread ends.
void leave(pid_t parent, Failure& failure);
[[nodiscard]] bool enter_cgroup(int file);
void enter_cgroups(const std::vector<int>& files, Failure& failure);
/// Into its directory, with `out` and `err` as its output. Its descriptors are its own from here on, and it has no others but `keep`
/// (-1: none).
void enter(const SpawnSpec& spec, int out, int err, int keep, Failure& failure);
[[noreturn]] void execute(const Program& program, Failure& failure);

/// Error for the person who wrote the command, or `unavailable` when the machine is at fault; see spawn().
[[nodiscard]] tl::unexpected<Error> explain(const SpawnSpec& spec, const Failure& failure);

}  // namespace stint::exec
