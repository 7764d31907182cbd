#include "sim/faults.hpp"

#include "core/model/similar_word.hpp"

namespace stint::sim {
namespace {

constexpr std::array<std::string_view, kFaults> kNames{
    "crash_scheduler",
    "restart_scheduler",
    "upgrade_scheduler",
    "lost_batch",
    "torn_batch",
    "unanswered_batch",
    "disk_error",
    "slow_disk",
    "full_disk",
    "clock_skew",
    "clock_jump",
    "clock_drift",
    "slow_network",
    "lost_answers",
    "reset_link",
    "stall_link",
    "linger",
    "half_open",
    "partition",
    "partition_one_way",
    "crash_agent",
    "agent_leaves",
    "upgrade_agent",
    "lose_power",
    "kill_keeper",
    "reinstall",
    "freeze_agent",
    "sleep_machine",
    "full_agent_disk",
    "slow_agent_disk",
    "refusing_agent",
    "die_over_key",
    "lie_wrong_digest",
    "lie_conflict",
    "lie_replay",
    "lie_stale",
    "lie_others",
    "lie_unknown",
    "drain_agent",
    "drain_deadline",
    "rotate_keys",
    "retire_key",
    "revoke_agent",
    "retention",
    "cancel",
    "retry_job",
    "look",
    "tokens",
};

}  // namespace

std::string_view to_string(Fault fault) { return kNames[static_cast<std::size_t>(fault)]; }

Result<FaultSet> parse_faults(std::string_view text) {
  FaultSet set;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    std::size_t found = 0;
    while (found < kFaults && kNames[found] != word) ++found;
    if (found == kFaults) {
      return fail(Errc::invalid_argument, "no fault is named \"" + std::string(word) + '"' + core::suggestion(word, kNames) +
                                              "; stint-sim --list-faults names them");
    }
    set.set(found);
  }
  return set;
}

FaultSet FaultChoice::draw(Prng& prng) const {
  FaultSet drawn;
  for (std::size_t kind = 0; kind < kFaults; ++kind) drawn.set(kind, prng.chance(1, 3));
  return (only.any() ? only : drawn) & ~without;
}

void FaultCounts::add(const FaultCounts& other) {
  for (std::size_t kind = 0; kind < kFaults; ++kind) counts_[kind] += other.counts_[kind];
}

}  // namespace stint::sim
