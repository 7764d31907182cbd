#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/client.hpp"
#include "sim/scheduler_node.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// What may go wrong. Each world has some of these only (swarm testing: with all of them at once some never get far).
enum class Fault : std::uint8_t {
  crash_scheduler,
  crash_agent,
  agent_leaves,
  lose_power,
  kill_keeper,
  reinstall,
  reset_link,
  stall_link,
  linger,          ///< the agent's end breaks at once, what it sent arrives late: a new connection overtakes it
  half_open,       ///< one end goes and the other is not told
  partition,
  slow_disk,
  full_disk,
  full_agent_disk,
  step_wall_clock,
  freeze_agent,    ///< SIGSTOP: the process stands still, its clock, its keeper, its tasks and what comes in on its socket do not
  drain_agent,
  rotate_keys,     ///< with a grace so short that who is away comes back to a retired epoch; the scheduler may die over it
  retire_key,      ///< before its grace is over, or at once where that locks nobody out
  die_over_key,    ///< an agent's process dies before or after its next write of keys
  revoke_agent,
  cancel,
  retry_job,
  look,            ///< no fault: a user lists and asks
};
inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(Fault::look) + 1;

/// The time of faults: a number of them, at drawn moments, of the kinds this seed has.
class Storm {
 public:
  Storm(Surroundings world, SchedulerNode& scheduler, std::vector<std::unique_ptr<AgentNode>>& agents, Client& client,
        const Durable& durable, const Told& told);

  /// Plans all faults of the next `duration`.
  void plan(Duration duration);
  /// Undoes what is still broken. Nothing breaks afterwards.
  void end();

 private:
  void strike(Fault fault);
  void strike_scheduler(Fault fault);
  void strike_agent(Fault fault, AgentNode& agent);
  void strike_link(Fault fault);
  void rotate_keys();
  void retire_some_key();
  void revoke_some_agent();
  void ask_something(Fault fault);
  void follow_some_output(JobId job);
  void retry_some_job();
  [[nodiscard]] AgentNode& find_leashed(AgentNode& drawn);
  void restart_later(AgentNode& agent);
  [[nodiscard]] Duration pause(Duration longest) { return world_.prng.between(Duration{0}, longest); }

  Surroundings world_;
  SchedulerNode& scheduler_;
  std::vector<std::unique_ptr<AgentNode>>& agents_;
  Client& client_;
  const Durable& durable_;
  const Told& told_;
  std::uint64_t retries_ = 0;
  bool is_over_ = false;
};

}  // namespace stint::sim
