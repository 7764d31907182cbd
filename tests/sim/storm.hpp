#pragma once

#include <memory>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/client.hpp"
#include "sim/liar_node.hpp"
#include "sim/operators.hpp"
#include "sim/plan.hpp"
#include "sim/scheduler_node.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// The time of faults: carries out the strikes of a plan, and undoes in the end what they left broken.
class Storm {
 public:
  Storm(Surroundings world, SchedulerNode& scheduler, std::vector<std::unique_ptr<AgentNode>>& agents, Client& client,
        const Durable& durable, const Told& told);

  /// What holds all the time, and all strikes from now on.
  void begin(const Plan& plan, LiarNode* liar);
  /// Undoes what is still broken. Nothing breaks afterwards.
  void end();

 private:
  void strike(Fault fault, Prng draw);
  void strike_scheduler(Fault fault, Prng& draw);
  void strike_clock(Fault fault, Prng& draw);
  void strike_link(Fault fault, Prng& draw);
  void strike_network(Fault fault, AgentNode& agent, Prng& draw);
  void strike_process(Fault fault, AgentNode& agent, Prng& draw);
  void strike_machine(Fault fault, AgentNode& agent, Prng& draw);
  void act(Fault fault, AgentNode& agent, Prng& draw);
  void fill_disk(AgentNode& agent, Prng& draw);
  void upgrade(AgentNode& agent, Prng& draw);
  void freeze(AgentNode& agent, Duration duration);
  void crash_scheduler(Prng& draw);
  [[nodiscard]] AgentNode& find_leashed(AgentNode& drawn);
  void restart_later(AgentNode& agent, Prng& draw);

  Surroundings world_;
  SchedulerNode& scheduler_;
  std::vector<std::unique_ptr<AgentNode>>& agents_;
  Client& client_;
  Operators operators_;
  LiarNode* liar_ = nullptr;
  bool is_over_ = false;
};

}  // namespace stint::sim
