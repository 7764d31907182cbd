#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"

/// What may go wrong in a world. Each world has some of these only: with all of them at once some never get far, and bugs that need a long
/// quiet life of one part hide behind the deaths of another.
///
/// Source: Groce, Zhang, Eide, Chen, Regehr: Swarm Testing, ISSTA 2012.
namespace stint::sim {

enum class Fault : std::uint8_t {
  // The scheduler's process.
  crash_scheduler,
  restart_scheduler,  ///< SIGTERM and a start: sessions are closed in order
  upgrade_scheduler,  ///< the same, and it comes back with other settings
  // Its disk.
  lost_batch,        ///< a crash before the batch in hand was written
  torn_batch,        ///< a crash in the middle of writing it
  unanswered_batch,  ///< a crash after it was written, before anybody was told
  disk_error,        ///< EIO: the batch is there or not, and the process must end
  slow_disk,
  full_disk,
  // Clocks.
  clock_skew,   ///< machines begin with wall clocks up to an hour apart
  clock_jump,   ///< somebody sets a wall clock
  clock_drift,  ///< a machine's clocks begin to run at another speed
  // The network.
  slow_network,
  lost_answers,  ///< of the API
  reset_link,
  stall_link,
  linger,             ///< the agent's end breaks at once, what it sent arrives late: a new connection overtakes it
  half_open,          ///< one end goes and the other is not told
  partition,
  partition_one_way,  ///< what one side says does not arrive; what the other says does, and is never acknowledged
  // Agents and their machines.
  crash_agent,
  agent_leaves,
  upgrade_agent,   ///< leaves, and comes back as another version that offers something else
  lose_power,
  kill_keeper,
  reinstall,
  freeze_agent,    ///< SIGSTOP: the process stands still, its clock, its keeper, its tasks and what comes in on its socket do not
  sleep_machine,   ///< everything on it stands still but its clocks, and nobody hears of it
  full_agent_disk,
  slow_agent_disk,
  refusing_agent,
  die_over_key,    ///< an agent's process dies before or after its next write of keys
  // Agents that lie.
  lie_wrong_digest,  ///< completes what it never ran, with files that are nowhere
  lie_conflict,      ///< two contents under one update number
  lie_replay,        ///< what it has said before, word for word
  lie_stale,         ///< about attempts that it was to let go
  lie_others,        ///< about attempts of other agents, and their output
  lie_unknown,       ///< about attempts that nobody was ever given
  // Operators and users.
  drain_agent,
  drain_deadline,
  rotate_keys,     ///< with a grace so short that who is away comes back to a retired epoch; the scheduler may die over it
  retire_key,      ///< before its grace is over, or at once where that locks nobody out
  revoke_agent,
  retention,       ///< ended jobs are kept for seconds only
  cancel,
  retry_job,
  look,            ///< no fault: a user lists and asks
  tokens,          ///< given out and taken back, for users and for agents that never come
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::tokens) + 1;

[[nodiscard]] std::string_view to_string(Fault fault);

using FaultSet = std::bitset<kFaults>;
[[nodiscard]] inline bool has(const FaultSet& set, Fault fault) { return set.test(static_cast<std::size_t>(fault)); }

/// `crash_scheduler,slow_disk`.
/// Errors:  invalid_argument  names the word, and one that is like it.
[[nodiscard]] Result<FaultSet> parse_faults(std::string_view text);

/// Which kinds a world has: those drawn from its seed, or those named, less those excluded.
struct FaultChoice {
  FaultSet only;     ///< none: drawn
  FaultSet without;
  [[nodiscard]] FaultSet draw(Prng& prng) const;
};

/// How often each was really injected: a crash of what was not running counts nothing.
class FaultCounts {
 public:
  void add(Fault fault) { ++counts_[static_cast<std::size_t>(fault)]; }
  void add(Fault fault, std::uint64_t times) { counts_[static_cast<std::size_t>(fault)] += times; }
  void add(const FaultCounts& other);
  [[nodiscard]] std::uint64_t of(Fault fault) const { return counts_[static_cast<std::size_t>(fault)]; }

 private:
  std::array<std::uint64_t, kFaults> counts_{};
};

}  // namespace stint::sim
