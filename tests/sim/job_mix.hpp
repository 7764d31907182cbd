#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"
#include "core/model/job.hpp"
#include "protocol/messages.hpp"

/// What a world consists of, drawn from its seed.
namespace stint::sim {

[[nodiscard]] protocol::AgentInfo draw_agent(Prng& prng, std::size_t index);

struct JobMix {
  std::size_t jobs = 4;
  std::uint32_t tasks_max = 12;          ///< of one array
  Duration run_max = std::chrono::seconds{20};
  bool has_graphs = true;
  bool has_failures = true;
  bool has_noop = true;
  bool has_policies = true;              ///< disconnect policies other than the default
  bool has_misfits = true;               ///< jobs that no agent can take
  bool has_flows = true;                 ///< items, outputs, results, collecting, conditions
  bool has_people = true;                ///< tasks that people claim
};
[[nodiscard]] JobMix draw_mix(Prng& prng);
/// `agents`: most tasks fit at least one of them. `lists`: gets the items that must be uploaded before.
[[nodiscard]] core::JobSpec draw_job(Prng& prng, const JobMix& mix, const std::vector<protocol::AgentInfo>& agents, std::size_t number,
                                     std::vector<std::string>& lists);

}  // namespace stint::sim
