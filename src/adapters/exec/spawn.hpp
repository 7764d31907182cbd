#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/exec/fd.hpp"
#include "base/result.hpp"

namespace stint::exec {

struct SpawnSpec {
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> env;   ///< exactly this, and nothing of ours
  UniqueFd workdir;                                       ///< an open directory
  int stdin_fd = -1;
  std::uint64_t cgroup = 0;                               ///< TaskCgroup::number(); 0: none
  std::vector<int> cgroup_files;                          ///< each gets "0" written by the child: cgroup.procs (v2) or tasks (v1)
  bool limits_memory = false;                             ///< one of the cgroups does
  rlimit open_files{};                                    ///< what the child may open: our own limit is raised
};

struct Pipe {
  UniqueFd read;                                          ///< non-blocking
  UniqueFd write;                                         ///< not: a task that finds EAGAIN on its stdout would be surprised
};

/// Of one process that is to be started.
struct OutputPipes {
  Pipe out;
  Pipe err;
};
/// Errors:  unavailable  no descriptors to be had.
[[nodiscard]] Result<OutputPipes> make_output_pipes();

struct Spawned {
  pid_t pid = 0;
  std::int64_t started_ms = 0;
  UniqueFd out;                                           ///< read ends, non-blocking
  UniqueFd err;
};

/// Starts a program as leader of a session and process group of its own, in `workdir`, with the default action for every signal and none
/// blocked, no descriptor but 0, 1 and 2, and SIGKILL as soon as this process dies.
///
/// vfork, not posix_spawn: the latter can neither set the parent-death signal nor enter a cgroup, and would report a failed exec without
/// saying which step failed. The child borrows our memory until exec: the cost does not grow with what we hold.
/// Errors:  not_found, forbidden, invalid_argument, io  the command is wrong: the detail is for the person who wrote it.
///          unavailable  the machine's fault: no process, descriptor or cgroup to be had, directory closed to us.
/// Thread:  any that lives as long as the process (the parent-death signal speaks of the thread that forked); it waits until exec.
[[nodiscard]] Result<Spawned> spawn(const SpawnSpec& spec);

}  // namespace stint::exec
