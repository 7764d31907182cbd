#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/agent.hpp"
#include "core/model/job.hpp"
#include "sim/scenario/text.hpp"

/// Agents and jobs as a scenario writes them.
namespace stint::sim::scenario {

/// How the tasks of an entry behave when agents do the work by themselves.
struct Behaviour {
  Duration takes = std::chrono::minutes{1};
  std::uint32_t fails = 0;  ///< first attempts of each task that end with exit status 1
  std::uint32_t items = 3;  ///< that it is found to have, if it takes them from another entry
};

struct WrittenJob {
  core::JobSpec spec;
  std::string key;
  std::vector<Behaviour> behaviours;  ///< by entry
};

/// `cpu=4 memory=8Gi gpu=1 …`
[[nodiscard]] core::AgentOffer read_offer(std::span<const Word> words);
[[nodiscard]] core::AgentOffer offer_of_person();
/// `submit sweep priority=5 array=0-9 cpu=2`, or entries after bars: `submit flow | prep | train needs=prep array=0-3`.
[[nodiscard]] WrittenJob read_job(const std::vector<Word>& words);
[[nodiscard]] AgentType read_type(const Word& word);

}  // namespace stint::sim::scenario
