#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

/// What the kernel says about this machine, its clocks and its processes.
namespace stint::exec {

/// A pid alone comes again; with the boot and its start time it is one process for ever.
struct ProcessId {
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;  ///< field 22 of /proc/PID/stat
  std::string boot_id;
};

/// CLOCK_BOOTTIME: goes on while the machine sleeps, as a timeout must.
[[nodiscard]] Instant now_boottime();
/// Unix ms.
[[nodiscard]] std::int64_t now_unix_ms();
/// The kernel's random name of this boot; empty if /proc is not there.
[[nodiscard]] const std::string& boot_id();
/// `pid` as it is now; start_ticks 0 if there is no such process.
[[nodiscard]] ProcessId identify(pid_t pid);
[[nodiscard]] bool is_alive(const ProcessId& process);
/// Parent of `pid`; 0 if there is no such process.
[[nodiscard]] pid_t parent_of(pid_t pid);

[[nodiscard]] std::string errno_text(int error);
/// Error `io` (`no_space` for a full disk): "`what`: the system's words".
[[nodiscard]] tl::unexpected<Error> fail_errno(const std::string& what, int error);
/// The whole of a small file, as of /proc or a cgroup; empty if it cannot be read. `dir` as for openat.
[[nodiscard]] std::string read_small_file(int dir, const char* path);

}  // namespace stint::exec
