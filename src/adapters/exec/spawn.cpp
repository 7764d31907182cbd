#include "adapters/exec/spawn.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "adapters/exec/child.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

/// Where the child of this thread says why it failed. Shared memory, not our own: under a sanitizer vfork is a fork.
Failure* shared_failure() {
  static thread_local auto* const page =
      static_cast<Failure*>(::mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return page == MAP_FAILED ? nullptr : page;
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

Result<Spawned> spawn(const SpawnSpec& spec) {
  STINT_TRY(const Program program, make_program(spec));
  Failure* const failure = shared_failure();
  if (failure == nullptr) return fail(Errc::unavailable, "no memory to start a process");
  *failure = {};
  STINT_TRY(OutputPipes pipes, make_output_pipes());

  const pid_t self = ::getpid();
  const std::int64_t started_ms = now_unix_ms();
  const pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions): the header says why
  if (pid == 0) {
    leave(self, *failure);
    enter_cgroups(spec.cgroup_files, *failure);
    enter(spec, pipes.out.write.get(), pipes.err.write.get(), -1, *failure);
    execute(program, *failure);
  }
  if (pid < 0) return fail(Errc::unavailable, "cannot start a process: " + errno_text(errno));
  if (failure->step != Step::none) {
    ::waitpid(pid, nullptr, 0);
    return explain(spec, *failure);
  }
  return Spawned{pid, started_ms, std::move(pipes.out.read), std::move(pipes.err.read)};
}

}  // namespace stint::exec
