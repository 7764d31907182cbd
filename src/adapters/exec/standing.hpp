#pragma once

/// Whether a thread that is woken takes the processor from the one that runs there (SCHED_OTHER), or waits until that one sleeps or has
/// used its slice (SCHED_BATCH). Both get the same share. A process that was started under another policy keeps it, whatever is called.
///
/// An agent stands back: what it hears can wait for a task to use up its slice, and for a scheduler on the same machine to ask its disk,
/// which it does right after it has spoken. Whoever waits for execve of a child stands back, too: it is woken halfway, when the child lets
/// go of its memory, and what it does next can wait until the program runs. With kernel.sched_autogroup_enabled, where the child's session
/// has a share of its own, it would run first each time.
namespace stint::exec {

/// This thread, and those it makes from now on.
void stand_back();
/// As when this process was started. After one of the others was called it makes a system call and nothing else.
void stand_up();

/// Stands back while it lives.
class StandsBack {
 public:
  StandsBack() { stand_back(); }
  ~StandsBack() { stand_up(); }
  StandsBack(const StandsBack&) = delete;
  StandsBack& operator=(const StandsBack&) = delete;
};

}  // namespace stint::exec
