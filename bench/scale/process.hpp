#pragma once

#include <sys/types.h>

#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::bench {

/// VmRSS.
[[nodiscard]] Result<double> resident_bytes(pid_t process);
/// Of all its threads, in user and kernel.
[[nodiscard]] Result<Duration> cpu_time(pid_t process);

/// Handed to files so far.
[[nodiscard]] Result<double> written_bytes(pid_t process);

}  // namespace stint::bench
