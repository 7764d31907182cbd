#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/client.hpp"
#include "sim/join_node.hpp"
#include "sim/scheduler_node.hpp"

namespace stint::sim {

enum class EnrolFault : std::uint8_t {
  none,
  crash_scheduler,  ///< with its last batch lost, or done and unanswered
  crash_machines,   ///< all of them: each at another point of its own
  reset_links,      ///< what was on its way is lost, in both directions
  lose_answers,     ///< the machines' ends break: what they have sent still arrives
  full_disk,
  slow_disk,
};
inline constexpr std::size_t kEnrolFaults = static_cast<std::size_t>(EnrolFault::slow_disk) + 1;

/// Three machines join a cell: two race for one token, one has its own. One fault strikes before a given step; then comes calm, in which
/// whoever can must have got in. Kept apart from World, whose seeds name runs without enrolment.
class EnrolWorld {
 public:
  struct Plan {
    std::uint64_t seed = 1;
    EnrolFault fault = EnrolFault::none;
    std::uint64_t step = 0;  ///< counted from the moment the lines are pasted
  };
  explicit EnrolWorld(const Plan& plan, Trace::Output output = Trace::Output::none);

  struct Outcome {
    std::vector<std::string> findings;  ///< empty: every promise was kept
    std::uint64_t steps = 0;            ///< until all was at rest
    std::uint64_t told = 0;             ///< answers that machines have believed
  };
  [[nodiscard]] Outcome run();

 private:
  void make_token();
  void join();
  void strike();
  void calm();
  void judge();
  void start_agents();
  void on_told(const JoinNode& node, const protocol::EnrolGrant& grant);
  [[nodiscard]] const core::EnrolTokenRow* find_token_of(const std::vector<core::EnrolTokenRow>& rows, const JoinNode& node) const;
  [[nodiscard]] std::vector<core::EnrolTokenRow> durable_tokens() const;
  [[nodiscard]] std::vector<core::AgentRow> durable_agents() const;
  bool step();
  template <class Done>
  bool run_until(Done is_done, Duration limit);

  Plan plan_;
  Prng prng_;
  Agenda agenda_;
  Trace trace_;
  Findings findings_;
  Network network_;
  FaultCounts faults_;
  Surroundings surroundings_;
  Durable durable_;
  Told told_;
  SchedulerNode scheduler_;
  Client client_;
  std::vector<std::string> tokens_;
  std::vector<std::unique_ptr<JoinNode>> machines_;
  std::vector<std::unique_ptr<AgentNode>> agents_;
  std::uint64_t steps_ = 0;
  std::uint64_t believed_ = 0;
};

}  // namespace stint::sim
