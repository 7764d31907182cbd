#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/client.hpp"
#include "sim/durable.hpp"
#include "sim/faults.hpp"
#include "sim/judge.hpp"
#include "sim/liar_node.hpp"
#include "sim/network.hpp"
#include "sim/people.hpp"
#include "sim/plan.hpp"
#include "sim/scheduler_node.hpp"
#include "sim/situations.hpp"
#include "sim/storm.hpp"
#include "sim/told.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

/// What became of one seed.
struct Outcome {
  std::uint64_t seed = 0;
  std::vector<std::string> findings;  ///< empty: every promise was kept
  std::uint64_t steps = 0;
  std::int64_t virtual_ms = 0;
  std::uint64_t trace_hash = 0;
  std::uint64_t facts = 0;            ///< told through the API
  std::uint64_t executions = 0;
  std::uint64_t reloads = 0;          ///< comparisons of memory and store
  FaultCounts faults;
  std::set<std::string> situations;   ///< reached
  [[nodiscard]] bool is_clean() const { return findings.empty(); }
};

/// One cell from one plan: a scheduler, agents, a user; a time of faults; then calm, in which everything must come to its end.
class World {
 public:
  explicit World(std::uint64_t seed, Trace::Output output = Trace::Output::none) : World(draw_plan(seed), output) {}
  explicit World(Plan plan, Trace::Output output = Trace::Output::none);
  [[nodiscard]] Outcome run();

 private:
  void set_up();
  void add_agent(const PlannedAgent& planned);
  void add_liar();
  [[nodiscard]] bool is_written(AgentNumber agent, const ports::LaunchSpec& spec) const;
  void submit_jobs();
  void storm();
  void calm();
  [[nodiscard]] std::function<BlobId(const std::string&)> keep_blob();
  void retry_some();
  void cancel_misfits();
  [[nodiscard]] bool has_newest_key(const AgentNode& agent) const;
  [[nodiscard]] bool is_settled() const;
  [[nodiscard]] std::string describe_what_is_left() const;
  /// Steps until `is_done`, a finding, or the limit of virtual time.  False: it was not done.
  bool run_until(const std::function<bool()>& is_done, Duration limit);

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
  Situations situations_;
  SchedulerNode scheduler_;
  std::vector<std::unique_ptr<AgentNode>> agents_;
  std::unique_ptr<LiarNode> liar_;
  Client client_;
  People people_;
  Storm storm_;
  Judge judge_;
  std::size_t unsubmitted_ = 0;  ///< jobs whose time has not come
  std::uint64_t steps_ = 0;
};

}  // namespace stint::sim
