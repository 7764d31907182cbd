#pragma once

#include <functional>
#include <string>

#include "adapters/exec/state_dir.hpp"
#include "base/time.hpp"

namespace stint::exec {

/// Descriptors in which a keeper finds its lock and its listening socket: whoever starts it has made both, so that a connection can be
/// opened at once and two starters cannot race.
inline constexpr int kLockDescriptor = 3;
inline constexpr int kListenDescriptor = 4;

/// Starts `binary` (a stint-keeper) as a daemon in a session of its own that outlives us, with its errors in STATE/keeper.log.
/// The caller holds `lock`; the keeper holds it afterwards. It stays in our cgroup.
/// Errors:  not_found  no such program. io  the system's words.
/// Thread:  any; what runs between fork and exec is async-signal-safe.
[[nodiscard]] Status launch_keeper(const std::string& binary, const StateDir& state, UniqueFd lock, UniqueFd listener);

/// Ends the keeper of `state` and its tasks, as `stint dev stop` does, and waits until they are gone. Nothing to do is no error.
/// Stop its agent first: an agent starts a new keeper.
/// Errors:  unavailable  it did not end within the deadline.
[[nodiscard]] Status stop_keeper(const StateDir& state, Instant deadline);

/// Runs `keeper` in a child process and stays behind as its guard: when the keeper has died, whatever of its tasks is left comes to the
/// guard as nearest subreaper, and is killed. SIGKILL by parent-death signal reaches only the keeper's own children, not theirs. The guard
/// inherits the keeper's lock, so the lock is free when nothing runs any more.
/// SIGTERM and SIGINT are handed on. `listener` is closed in the guard: a connection to a dead keeper must fail.
/// Returns the keeper's exit status.
int run_guarded(UniqueFd& listener, const std::function<int()>& keeper);

}  // namespace stint::exec
