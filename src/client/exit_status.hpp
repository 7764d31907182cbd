#pragma once

#include "client/views.hpp"

/// The exit statuses of `stint run`, `stint wait` and `stint plan`.
namespace stint::client {

inline constexpr int kExitOk = 0;
inline constexpr int kExitSomeFailed = 1;  ///< several tasks, at least one failed
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotPlaceable = 3;  ///< of `stint plan`: something could run nowhere
inline constexpr int kExitTimedOut = 124;
inline constexpr int kExitStint = 125;     ///< Stint's own error, or a task that never came to run
inline constexpr int kExitCancelled = 130;

/// Of one task that has ended: its own status, 128 + signal, 124 timed out, 130 cancelled, 125 it could not be run.
[[nodiscard]] int exit_status(const Outcome& outcome);

/// Of a job of several tasks that has ended: 1 if any failed, else 130 if any was cancelled, else 0.
[[nodiscard]] int exit_status(const TaskCounts& tasks);

/// Of several jobs: the first in this order that any of them has: 125, 1 (any other failure), 130, 0. One job keeps its own.
[[nodiscard]] int combine_exit_statuses(const std::vector<int>& statuses);

}  // namespace stint::client
