#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace stint::core {

/// One reason why one agent does not take the task. clause: memory, cpu, gpu, storage (sizes filled), type, driver, label, workdir,
/// constraint, draining,
/// disconnected, window, refused (text filled).
struct Clause {
  std::string clause;
  std::int64_t wanted = 0;  ///< of the clause's unit: bytes, millicores, GPUs
  std::int64_t offered = 0;  ///< what the agent could give: its whole offer if that is too small, else what is free now
  std::int64_t missing = 0;
  bool permanent = false;  ///< true: not even the empty agent has it; false: it will be free when other work ends
  std::string text;  ///< one sentence for people
};
struct AgentExplanation {
  AgentNumber agent;
  std::string name;
  std::vector<Clause> clauses;  ///< empty: it would take the task now
};

struct Explanation {
  std::string summary;  ///< one sentence
  /// waits_for_needs, preparing, waits_for_people, retry_wait, max_parallel, queued_behind, no_agents, no_agent_fits, busy, placed,
  /// running, claimed, collecting, ended, cancelling
  std::string state;
  std::vector<AgentExplanation> agents;  ///< for tasks that wait for capacity, in order of agent number
  std::optional<AgentNumber> nearest;  ///< with the fewest and smallest misses
  std::vector<std::string> waits_for;  ///< ids of tasks it needs
  std::uint64_t ahead = 0;  ///< tasks of the queue that come before it
  std::string would_help;  ///< what somebody could do; empty: nothing but waiting
};

}  // namespace stint::core
