#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/client.hpp"
#include "sim/scheduler_node.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// Whoever runs the cell, and its users, at moments that suit nobody.
class Operators {
 public:
  Operators(Surroundings world, SchedulerNode& scheduler, std::vector<std::unique_ptr<AgentNode>>& agents, Client& client,
            const Durable& durable, const Told& told)
      : world_(world), scheduler_(scheduler), agents_(agents), client_(client), durable_(durable), told_(told) {}

  void drain(AgentNode& agent, Prng& draw);
  void drain_by(AgentNode& agent, Prng& draw);
  void rotate_keys(Prng& draw);
  void retire_some_key(Prng& draw);
  void revoke_some_agent(Prng& draw);
  void retry_some_job(Prng& draw);
  void cancel_something(Prng& draw);
  void look(Prng& draw);
  void change_tokens(Prng& draw);

 private:
  [[nodiscard]] bool pick_told_job(Prng& draw, JobId& job) const;
  void follow_some_output(JobId job, Prng& draw);

  Surroundings world_;
  SchedulerNode& scheduler_;
  std::vector<std::unique_ptr<AgentNode>>& agents_;
  Client& client_;
  const Durable& durable_;
  const Told& told_;
  std::uint64_t retries_ = 0;
  std::uint64_t tokens_ = 0;
  std::vector<std::string> token_paths_;  ///< of those that were given out, as far as somebody was told
};

}  // namespace stint::sim
