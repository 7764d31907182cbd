#pragma once

#include <cstdint>

/// How soon a thread that is woken gets a processor on which others run.
namespace stint::apps {

/// This thread asks for the processor in short pieces, as little as the kernel gives at once: of those who want it, who asks for less comes
/// first, and takes it from who runs there. Its share stays as it is. The loop is woken by its disk while the agent of the same machine
/// works on what it has just been told; the rest of the write has to be asked for then, not when the agent has nothing more to do.
///
/// Does nothing where kernels do not know it (before Linux 6.12), under another policy than SCHED_OTHER, and where pieces are as short
/// already. Threads and processes that are started later inherit it.
/// Source:  sched_setattr(2), sched_runtime; docs/adr/0025-a-disk-that-answers-is-heard-at-once.md
void ask_for_short_slices();

/// What this thread has now, in ns; 0: a kernel that does not say.
[[nodiscard]] std::uint64_t slice_ns();

}  // namespace stint::apps
