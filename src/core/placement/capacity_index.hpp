#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/resources.hpp"
#include "core/model/agent.hpp"
#include "core/placement/shape.hpp"

namespace stint::core {

/// An agent that said it cannot run a job's tasks, and why.
struct Refusal {
  AgentNumber agent;
  std::string detail;
};

/// The agents that take work, in the order in which bin packing wants to ask them.
///
/// Agents with the same types, drivers and labels form a *kind*: whether a shape suits is decided once for all of them. Within a kind
/// agents lie
/// in order of (free GPUs, free CPU, free memory, number), so that the first one that covers a demand is the one with the least left over,
/// and
/// agents without GPUs come before those with some: a CPU task takes a GPU agent only if nothing else fits.
class CapacityIndex {
 public:
  struct Key {
    std::int64_t gpus = 0, cpu = 0, memory = 0;
    AgentNumber agent;
    auto operator<=>(const Key&) const = default;
  };

  /// What the agent offers, from now on; it is taken out until the next put. `offer` must stay where it is.
  void describe(AgentNumber agent, const AgentOffer& offer);
  /// The agent, described before, takes work, with this much free: puts it in, or to its new place once somebody walks.
  void put(AgentNumber agent, const Resources& free);
  void remove(AgentNumber agent);

  [[nodiscard]] bool contains(AgentNumber agent) const { return agent.value < agents_.size() && agents_[agent.value].is_in; }
  [[nodiscard]] const Resources& free(AgentNumber agent) const { return agents_[agent.value].free; }
  /// True if the agent is there and would take a task of this shape now.
  [[nodiscard]] bool fits(AgentNumber agent, const Shape& shape, const std::vector<Refusal>& refusals) const;
  /// True if it would, had it nothing else to do.
  [[nodiscard]] bool suits(AgentNumber agent, const Shape& shape, const std::vector<Refusal>& refusals) const;

  /// One shape's way through the index. Free capacity only shrinks while it lasts, so an agent that did not fit is never asked again, and a
  /// run of
  /// placements costs each agent one question in all.
  class Walk {
   public:
    /// All three must outlive it.
    Walk(CapacityIndex& index, const Shape& shape, const std::vector<Refusal>& refusals);
    Walk(CapacityIndex& index, const Shape& shape, std::vector<Refusal>&& refusals) = delete;
    Walk(CapacityIndex& index, Shape&& shape, const std::vector<Refusal>& refusals) = delete;
    /// The best agent for one more task, or none; asks again from the last one, which is now the fullest.
    [[nodiscard]] std::optional<AgentNumber> find();

   private:
    struct Lane {
      const std::set<Key>* keys;
      std::set<Key>::const_iterator at;  ///< the lane's best candidate; not moved past until it was chosen
    };
    void advance(Lane& lane) const;

    const CapacityIndex* index_;
    const Shape* shape_;
    const std::vector<Refusal>* refusals_;
    std::vector<Lane> lanes_;
    std::optional<AgentNumber> current_;
  };

 private:
  friend class Walk;
  struct Kind {
    AgentOffer sample;  ///< types, drivers and labels only
    std::set<Key> keys;
  };
  struct Entry {
    const AgentOffer* offer = nullptr;
    std::uint32_t kind = 0;
    bool is_in = false;
    bool is_moved = false;  ///< in moved_
    Resources free;
    Resources ordered_by;  ///< what was free when its place in the order was found
  };
  using KindName = std::pair<std::vector<AgentType>, std::pair<std::vector<std::string>, std::vector<std::pair<std::string, std::string>>>>;

  std::uint32_t ensure_kind(const AgentOffer& offer);
  /// Finds the places of the agents that have more or less free than when theirs was found: once for all that happened since the last walk.
  void settle();
  static Key key_of(AgentNumber agent, const Resources& free) { return {free.gpus, free.cpu_millis, free.memory_bytes, agent}; }

  std::vector<Entry> agents_;  ///< by number
  std::vector<AgentNumber> moved_;
  std::vector<Kind> kinds_;
  std::map<KindName, std::uint32_t> kind_numbers_;
};

}  // namespace stint::core
