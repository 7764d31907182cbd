#include "bench/dispatch/bare_loop.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// 0, or what went wrong; -1: it ended otherwise.
int run_once(const std::string& program) {
  char* argv[] = {const_cast<char*>(program.c_str()), nullptr};
  char* envp[] = {nullptr};
  pid_t pid = -1;
  if (const int error = ::posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv, envp); error != 0) return error;
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return errno;
  return status == 0 ? 0 : -1;
}

}  // namespace

Result<double> time_bare_loop(const std::string& program, std::uint32_t times, std::uint32_t loops) {
  std::atomic<int> problem = 0;
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (std::uint32_t i = 0; i < loops; ++i) {
    threads.emplace_back([&, share = times / loops + (i < times % loops ? 1 : 0)] {
      for (std::uint32_t n = 0; n < share && problem == 0; ++n)
        if (const int error = run_once(program); error != 0) problem = error;
    });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (problem == 0) return seconds;
  return fail(Errc::io, program + ": " + (problem > 0 ? std::strerror(problem) : "ended with another exit status than 0"));
}

}  // namespace stint::bench
