#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/task_words.hpp"
#include "core/model/rows.hpp"

namespace stint::core {

/// Give `ref` to its agent.
struct Assign {
  AgentNumber agent;
  AttemptRef ref;
};
enum class StopMode : std::uint8_t {
  graceful,
  kill,   ///< at once, without the grace
  recall  ///< only if it has not been started; an agent that has goes on and says nothing
};
/// End `ref` at the agent, if it still has it.
struct Stop {
  AgentNumber agent;
  AttemptRef ref;
  EndReason reason = EndReason::cancelled; ///< cancelled, superseded; with recall it means nothing
  StopMode mode = StopMode::graceful;
};
/// The update is recorded.
struct Ack {
  AgentNumber agent;
  AttemptRef ref;
  std::uint32_t number = 0;
};
enum class HeldVerdict : std::uint8_t { keep, stop, forget };
/// The answer to one held attempt of AgentConnected.
struct Verdict {
  AgentNumber agent;
  AttemptRef ref;
  HeldVerdict verdict = HeldVerdict::keep;
  std::uint32_t acked_update = 0;
};
/// All verdicts for this agent precede it: assignments may follow.
struct Reconciled {
  AgentNumber agent;
};
/// End this agent's session: its key is no longer good.
struct CutSession {
  AgentNumber agent;
};
/// Find out what the entry's needs have left it: its items, if it takes them from one, and the manifest of its inputs. Answered by
/// Scheduler::prepare_group or fail_group; comes again after a restart.
struct Prepare {
  JobId job;
  std::uint32_t group = 0;
};
/// All tasks of the entry have ended: put together what `collect` names. Answered by Scheduler::finish_collect; comes again
/// after a restart.
struct Collect {
  JobId job;
  std::uint32_t group = 0;
};
using Send = std::variant<Assign, Stop, Ack, Verdict, Reconciled, CutSession, Prepare, Collect>;

/// What one or several events want done. Rows first and durably, then the sends in order.
struct Effects {
  std::vector<Row> rows;
  std::vector<Send> sends;
};

}  // namespace stint::core
