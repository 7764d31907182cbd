#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>

#include "adapters/exec/cgroups.hpp"
#include "adapters/exec/child.hpp"
#include "adapters/exec/fd.hpp"

namespace stint::exec {

/// A child that was made ahead and waits for an order, and then for the word to execute it: what a start costs before execve is paid while
/// nobody waits for it. To make a child and to set it up takes longer than to load many a program.
///
/// It borrows our memory and our descriptors (CLONE_VM, CLONE_FILES), so it sees the order where we put it and whatever that names. It is
/// no vfork, since a thread in vfork counts as busy, for as long as the child waits. But it uses the thread-local storage of its parent
/// like one: from make() until wait_until_gone() returns that thread may make no system call that can fail.
///
/// Thread:  make() and wait_until_gone() are for one with all signals blocked, the child's parent; the others for any one at a time.
class ReadyChild {
 public:
  /// False under sanitizers, which would take the child for another thread on a foreign stack.
  static const bool kIsPossible;

  /// It waits in `group`, which may be none: to enter a group takes as long as all else that an order asks for.
  /// Errors:  unavailable  no process, memory or descriptor to be had.
  [[nodiscard]] static Result<std::unique_ptr<ReadyChild>> make(ReservedCgroup group);
  ReadyChild(const ReadyChild&) = delete;
  ReadyChild& operator=(const ReadyChild&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// False: it waits in a group that it cannot leave for none.
  [[nodiscard]] bool suits(const SpawnSpec& spec) const { return group_.number == 0 || spec.cgroup != 0; }
  /// Enters what `spec` says, with these as its output, and waits for the word. Once; both have to stay as they are, and open, until
  /// wait_until_gone() returns.
  void order(const SpawnSpec& spec, const Program& program, int out, int err);
  /// Executes what was ordered.
  void proceed();
  /// It ends, unless it was told to proceed.
  void dismiss();

  enum class End {
    executed,  ///< its program, or was killed while that was loaded
    failed,  ///< see failure(); a zombie, as a child that was given up is
    given_up  ///< dismissed, or killed before it was told to proceed
  };
  [[nodiscard]] End wait_until_gone();
  [[nodiscard]] const Failure& failure() const { return failure_; }

 private:
  struct Order {
    const SpawnSpec* spec;
    const Program* program;
    int out;
    int err;
  };

  ReadyChild() = default;
  static int run(void* self);
  void enter_group();
  void wait_for_word();

  pid_t pid_ = 0;
  pid_t parent_ = 0;
  ReservedCgroup group_;
  std::uint64_t is_in_ = 0;  ///< the number of a group
  std::atomic<int> is_here_{1};  ///< the kernel writes 0 when the child has let go of our memory
  std::unique_ptr<std::byte[]> stack_;
  UniqueFd words_in_;
  UniqueFd words_out_;
  Order order_{};
  std::atomic<bool> has_proceeded_{false};
  Failure failure_{};
};

}  // namespace stint::exec
