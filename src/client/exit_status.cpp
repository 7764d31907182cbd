#include "client/exit_status.hpp"

#include <algorithm>

namespace stint::client {

static int failed_status(const Outcome& outcome) {
  switch (outcome.reason) {
    case EndReason::timeout: return kExitTimedOut;
    case EndReason::signal: return 128 + outcome.signal;
    case EndReason::oom: return 128 + (outcome.signal != 0 ? outcome.signal : 9);
    // A failed task never looks like success, whatever it was that failed it.
    case EndReason::exit: return outcome.exit_code != 0 ? outcome.exit_code : kExitSomeFailed;
    default: return kExitStint;
  }
}

int exit_status(const Outcome& outcome) {
  switch (outcome.state) {
    case TaskStatus::completed: return kExitOk;
    case TaskStatus::failed: return failed_status(outcome);
    case TaskStatus::cancelled: return kExitCancelled;
    case TaskStatus::pending:
    case TaskStatus::running: break;
  }
  return kExitStint;
}

int exit_status(const TaskCounts& tasks) {
  if (tasks.failed > 0) return kExitSomeFailed;
  return tasks.cancelled > 0 ? kExitCancelled : kExitOk;
}

int combine_exit_statuses(const std::vector<int>& statuses) {
  if (statuses.size() == 1) return statuses.front();
  const auto has = [&](int status) { return std::find(statuses.begin(), statuses.end(), status) != statuses.end(); };
  if (has(kExitStint)) return kExitStint;
  const auto is_failure = [](int status) { return status != kExitOk && status != kExitCancelled; };
  if (std::any_of(statuses.begin(), statuses.end(), is_failure)) return kExitSomeFailed;
  return has(kExitCancelled) ? kExitCancelled : kExitOk;
}

}  // namespace stint::client
