#include "adapters/exec/ready_child.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "adapters/exec/system.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STINT_FOLLOWS_STACKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define STINT_FOLLOWS_STACKS 1
#endif
#endif

namespace stint::exec {
namespace {

/// Far more than a few system calls take; a page is touched only when it is needed.
constexpr std::size_t kStackBytes = std::size_t{64} << 10;

}  // namespace

#ifdef STINT_FOLLOWS_STACKS
const bool ReadyChild::kIsPossible = false;
#else
const bool ReadyChild::kIsPossible = true;
#endif

Result<std::unique_ptr<ReadyChild>> ReadyChild::make(ReservedCgroup group) {
  std::unique_ptr<ReadyChild> child{new ReadyChild};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Errc::unavailable, "pipe: " + errno_text(errno));
  child->words_in_ = UniqueFd{ends[0]};
  child->words_out_ = UniqueFd{ends[1]};
  child->stack_ = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  child->parent_ = ::getpid();
  child->group_ = std::move(group);
  constexpr int kFlags = CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID | SIGCHLD;
  child->pid_ = ::clone(&ReadyChild::run, child->stack_.get() + kStackBytes, kFlags, child.get(), nullptr, nullptr,
                        reinterpret_cast<pid_t*>(&child->is_here_));
  if (child->pid_ < 0) return fail(Errc::unavailable, "cannot start a process: " + errno_text(errno));
  return child;
}

int ReadyChild::run(void* self) {
  auto& child = *static_cast<ReadyChild*>(self);
  leave(child.parent_, child.failure_);
  ::prctl(PR_SET_NAME, "stint-ready");
  child.enter_group();
  child.wait_for_word();
  if (child.order_.spec->cgroup != child.is_in_) enter_cgroups(child.order_.spec->cgroup_files, child.failure_);
  enter(*child.order_.spec, child.order_.out, child.order_.err, child.words_in_.get(), child.failure_);
  child.wait_for_word();
  child.has_proceeded_ = true;
  execute(*child.order_.program, child.failure_);
}

/// If that fails, the order will tell where to.
void ReadyChild::enter_group() {
  for (const UniqueFd& entry : group_.entries) {
    if (!enter_cgroup(entry.get())) return;
  }
  is_in_ = group_.number;
}

void ReadyChild::wait_for_word() {
  char word = 0;
  if (::read(words_in_.get(), &word, 1) != 1) ::_exit(0);
}

void ReadyChild::order(const SpawnSpec& spec, const Program& program, int out, int err) {
  order_ = {&spec, &program, out, err};
  proceed();
}

void ReadyChild::proceed() {
  const char word = 1;
  static_cast<void>(::write(words_out_.get(), &word, 1));  // there is room for two
}

void ReadyChild::dismiss() { words_out_.reset(); }

ReadyChild::End ReadyChild::wait_until_gone() {
  for (int value = 0; (value = is_here_.load(std::memory_order_acquire)) != 0;) {
    ::syscall(SYS_futex, reinterpret_cast<int*>(&is_here_), FUTEX_WAIT, value, nullptr, nullptr, 0);
  }
  if (failure_.step != Step::none) return End::failed;
  return has_proceeded_ ? End::executed : End::given_up;
}

}  // namespace stint::exec
