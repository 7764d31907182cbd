#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_ref.hpp"
#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/task_words.hpp"
#include "ports/driver.hpp"
#include "protocol/messages.hpp"

namespace stint::agent {

/// What the journal keeps of an attempt: enough to repeat its last update after a restart, field by field.
/// Invariant: a change of any field that an update carries raises `number`, so that no number is ever used for two contents.
struct AttemptState {
  AttemptRef ref;
  std::string driver;
  TaskStatus status = TaskStatus::pending;
  EndReason reason = EndReason::none;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
  std::uint32_t number = 0;                     ///< of the last update made
  std::vector<std::uint32_t> gpus;              ///< indices it was given
  std::array<std::uint64_t, 2> output_bytes{};  ///< final sizes of stdout and stderr; 0 until it has ended
  std::string detail;
  std::string result;                           ///< the last it reported, JSON; empty: none, or too large
  bool is_result_too_large = false;             ///< the last result was over protocol::limits::kResult
  std::vector<FileRef> outputs;                 ///< of a completed attempt
  bool operator==(const AttemptState&) const = default;
};

[[nodiscard]] protocol::StatusUpdate make_update(const AttemptState& state);

/// How far one output stream has come.  acked ≤ received ≤ granted_end (but for a rewind after a reconnect)
struct LogCursor {
  std::uint64_t acked = 0;        ///< durable at the scheduler
  std::uint64_t received = 0;     ///< taken from the driver and sent
  std::uint64_t granted_end = 0;  ///< the driver may hand over bytes up to here
  bool is_starving = false;       ///< bytes were dropped for want of credit
};

/// One attempt as this process sees it: its persisted state and what can be found out again.
struct Attempt {
  enum class Phase {
    waiting,   ///< accepted; the driver has not been asked to start it
    launched,  ///< the driver has it
    ended
  };
  AttemptState state;
  Phase phase = Phase::waiting;
  std::uint32_t number_step = 1;            ///< from one update's number to the next
  std::uint32_t persisted = 0;              ///< highest update number in the journal
  std::uint32_t sent = 0;                   ///< highest sent in this session
  std::uint32_t acked = 0;                  ///< highest acknowledged
  std::size_t left_in_flight = 0;           ///< bytes of its result and outputs, sent in this session and not acknowledged
  std::uint32_t gpus_wanted = 0;
  Resources room;                           ///< it takes of the agent's while the driver has it
  bool is_provisional = false;              ///< not durable at the scheduler: nothing of it may be executed or told
  bool is_prepared = false;                 ///< `launch` is complete; if it is provisional, the driver has seen it
  bool is_adopted = false;                  ///< begun by an earlier process: what it takes is not known
  bool is_dirty = false;                    ///< state is newer than the journal
  bool is_unsent = false;                   ///< looked at when updates are next taken
  bool is_unrecorded = false;               ///< refused for want of disk space: never in the journal
  bool accept_is_due = false;               ///< a pending state may be reported
  bool is_forgotten = false;                ///< to be dropped, with the driver's record, once the journal says so
  bool has_spool = true;                    ///< the driver still has its output
  bool is_held = false;                     ///< named by the driver since it last came back
  bool is_unwanted = false;                 ///< the scheduler wants to hear nothing more of it: dropped as soon as it has ended
  EndReason stop_reason = EndReason::none;  ///< why it was asked to stop; none: it was not
  ports::Driver::StopMode stop_mode = ports::Driver::StopMode::graceful;
  std::optional<ports::LaunchSpec> launch;  ///< until it is launched
  std::array<LogCursor, 2> logs;            ///< stdout, stderr

  [[nodiscard]] bool has_ended() const { return phase == Phase::ended; }
  /// Everything it printed has left in this session, or can no longer be had.
  [[nodiscard]] bool logs_are_sent() const {
    return !has_spool || (logs[0].received >= state.output_bytes[0] && logs[1].received >= state.output_bytes[1]);
  }
  /// Everything it printed is durable at the scheduler, or can no longer be had.
  [[nodiscard]] bool logs_are_done() const {
    return !has_spool || (logs[0].acked >= state.output_bytes[0] && logs[1].acked >= state.output_bytes[1]);
  }
};

}  // namespace stint::agent
