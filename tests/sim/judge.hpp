#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/log_reader.hpp"
#include "sim/scheduler_node.hpp"
#include "sim/told.hpp"

namespace stint::sim {

/// The promises, asked after every step and once more when all is over. What single rows and single answers must obey is checked where
/// they pass (Durable, Told, Keeper); here is what needs the whole.
class Judge {
 public:
  Judge(const Durable& durable, Told& told, SchedulerNode& scheduler, const std::vector<std::unique_ptr<AgentNode>>& agents,
        Findings& findings, std::uint64_t seed)
      : durable_(durable), told_(told), scheduler_(scheduler), agents_(agents), findings_(findings), prng_(seed) {}

  /// What this agent says of its own attempts proves nothing.
  void distrust(AgentNumber liar) { liar_ = liar; }
  void after_step();
  void at_the_end(const std::vector<LogReader>& readers);
  [[nodiscard]] std::uint64_t reloads() const { return reloads_; }

 private:
  void check_explanations();
  void check_reload();
  void check_results();
  void check_output(const core::AttemptRow& row);
  void check_readers(const std::vector<LogReader>& readers);
  void check_refusals();

  const Durable& durable_;
  Told& told_;
  SchedulerNode& scheduler_;
  const std::vector<std::unique_ptr<AgentNode>>& agents_;
  Findings& findings_;
  AgentNumber liar_;  ///< zero: none
  Prng prng_;  ///< its own: what is sampled does not change what happens
  std::uint64_t seen_calls_ = 0;
  std::uint64_t quiet_steps_ = 0;
  std::uint64_t reloads_ = 0;
};

}  // namespace stint::sim
