#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stint {

/// The words of schema/scheduler.fbs that every folder speaks; the numbers are the wire's and the store's and never change.
enum class AgentType : std::int8_t { trainer = 0, inferencer = 1, crawler = 2, labeller = 3, rater = 4 };
inline constexpr int kAgentTypes = 5;

/// `pending` on the wire: the agent holds the attempt but has not started it. A task ends once: completed, failed or cancelled.
enum class TaskStatus : std::int8_t { pending = 0, running = 1, completed = 2, failed = 3, cancelled = 4 };

/// Why an attempt or a task ended, or what it waits for after an attempt that did not count.
enum class EndReason : std::uint8_t {
  none = 0,
  exit = 1,               ///< the process ended by itself: exit_code says how
  signal = 2,             ///< killed by `signal`, not by Stint
  oom = 3,                ///< killed by the kernel at its memory limit
  timeout = 4,            ///< killed by Stint at the task's timeout
  lost = 5,               ///< the agent or its keeper no longer has it: costs a reschedule, never a retry
  cancelled = 6,          ///< somebody cancelled it
  superseded = 7,         ///< another attempt of the task completed first
  refused = 8,            ///< the agent cannot run it (directory not visible, driver missing): costs no retry
  start_failed = 9,       ///< the program could not be started (no such file, no permission)
  needs_failed = 10,      ///< a task it needs did not complete
  result_too_large = 11,
  max_fails = 12,         ///< the job's limit of failures was reached
  skipped = 13,           ///< what it waited for (`on: failure`) did not happen; no failure of the job
  reused = 14,            ///< completed in the job that this one tries again
  preparation_failed = 15,  ///< its items or inputs could not be made from what earlier tasks left
  output_missing = 16,    ///< a declared output was not there, or could not be kept
  stage_failed = 17,      ///< its inputs could not be brought to the agent
  recalled = 18,          ///< given back before it was started: counts as no try
};

/// What becomes of a running attempt whose agent is out of reach: it goes on and another may join it later; it is stopped on its machine;
/// or it goes on and another joins it at once.
enum class DisconnectPolicy : std::uint8_t { keep = 0, stop_after = 1, replace = 2 };

constexpr bool has_ended(TaskStatus s) { return s == TaskStatus::completed || s == TaskStatus::failed || s == TaskStatus::cancelled; }

std::string_view to_string(AgentType type);
std::string_view to_string(TaskStatus status);
std::string_view to_string(EndReason reason);
/// Accepts the words of to_string, and `labeler` for `labeller`.
std::optional<AgentType> parse_agent_type(std::string_view word);
std::optional<TaskStatus> parse_task_status(std::string_view word);
std::optional<EndReason> parse_end_reason(std::string_view word);

}  // namespace stint
