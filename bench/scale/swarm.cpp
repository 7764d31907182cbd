#include "bench/scale/swarm.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "bench/scale/swarm_loop.hpp"

namespace stint::bench {
namespace {

[[noreturn]] void be_swarm(SwarmOptions options, std::vector<SwarmAgent> agents, SwarmCounters& counters, int wake_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const Status ran = SwarmLoop(std::move(options), std::move(agents), counters, wake_fd).run();
  if (!ran) std::fprintf(stderr, "swarm: %s\n", ran.error().detail.c_str());
  ::_exit(ran ? 0 : 1);
}

}  // namespace

Result<std::unique_ptr<Swarm>> Swarm::start(SwarmOptions options, std::vector<SwarmAgent> agents) {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  std::unique_ptr<Swarm> swarm(new Swarm);
  void* memory = ::mmap(nullptr, sizeof(SwarmCounters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail(Errc::io, std::string("mmap: ") + std::strerror(errno));
  swarm->counters_ = new (memory) SwarmCounters{};
  std::array<int, 2> wake{};
  if (::pipe2(wake.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  swarm->wake_fd_ = wake[1];
  swarm->process_ = ::fork();
  if (swarm->process_ == 0) {
    ::close(wake[1]);
    be_swarm(std::move(options), std::move(agents), *swarm->counters_, wake[0]);
  }
  ::close(wake[0]);
  if (swarm->process_ < 0) return fail(Errc::io, std::string("fork: ") + std::strerror(errno));
  return swarm;
}

Swarm::~Swarm() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (wake_fd_ >= 0) ::close(wake_fd_);
  if (counters_ != nullptr) ::munmap(counters_, sizeof(SwarmCounters));
}

void Swarm::complete(std::uint64_t attempts) {
  counters_->to_complete += attempts;
  const char byte = 0;
  static_cast<void>(::write(wake_fd_, &byte, 1));  // a full pipe wakes it, too
}

}  // namespace stint::bench
