#include "core/placement/capacity_index.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace stint::core {

void CapacityIndex::describe(AgentNumber agent, const AgentOffer& offer) {
  remove(agent);
  if (agent.value >= agents_.size()) agents_.resize(agent.value + 1);
  Entry described;
  described.offer = &offer;
  described.kind = ensure_kind(offer);
  agents_[agent.value] = described;
}

void CapacityIndex::put(AgentNumber agent, const Resources& free) {
  STINT_ASSERT(agent.value < agents_.size() && agents_[agent.value].offer != nullptr);
  Entry& entry = agents_[agent.value];
  if (!entry.is_in) {
    kinds_[entry.kind].keys.insert(key_of(agent, free));
    entry.ordered_by = free;
    entry.is_in = true;
  } else if (!std::exchange(entry.is_moved, true)) {
    moved_.push_back(agent);
  }
  entry.free = free;
}

void CapacityIndex::settle() {
  for (const AgentNumber agent : moved_) {
    Entry& entry = agents_[agent.value];
    if (!std::exchange(entry.is_moved, false) || !entry.is_in || entry.ordered_by == entry.free) continue;
    auto& keys = kinds_[entry.kind].keys;
    auto node = keys.extract(key_of(agent, entry.ordered_by));  // moved, not made anew: nothing is allocated here
    STINT_ASSERT(!node.empty());
    node.value() = key_of(agent, entry.free);
    keys.insert(std::move(node));
    entry.ordered_by = entry.free;
  }
  moved_.clear();
}

void CapacityIndex::remove(AgentNumber agent) {
  if (!contains(agent)) return;
  Entry& entry = agents_[agent.value];
  kinds_[entry.kind].keys.erase(key_of(agent, entry.ordered_by));
  entry.is_in = false;
}

bool CapacityIndex::fits(AgentNumber agent, const Shape& shape, const std::vector<Refusal>& refusals) const {
  return contains(agent) && agents_[agent.value].free.covers(shape.resources) && suits(agent, shape, refusals);
}

bool CapacityIndex::suits(AgentNumber agent, const Shape& shape, const std::vector<Refusal>& refusals) const {
  if (!contains(agent)) return false;
  const Entry& entry = agents_[agent.value];
  if (!entry.offer->resources.covers(shape.resources)) return false;
  if (!offers_type(*entry.offer, shape) || !offers_driver(*entry.offer, shape) || !offers_labels(*entry.offer, shape)) return false;
  if (!sees_workdir(*entry.offer, shape)) return false;
  return std::none_of(refusals.begin(), refusals.end(), [&](const Refusal& refusal) { return refusal.agent == agent; });
}

std::uint32_t CapacityIndex::ensure_kind(const AgentOffer& offer) {
  KindName name{offer.types, {offer.drivers, offer.labels}};
  std::sort(name.first.begin(), name.first.end());
  std::sort(name.second.first.begin(), name.second.first.end());
  std::sort(name.second.second.begin(), name.second.second.end());
  const auto [at, added] = kind_numbers_.try_emplace(name, static_cast<std::uint32_t>(kinds_.size()));
  if (added) {
    AgentOffer sample;
    sample.types = name.first;
    sample.drivers = name.second.first;
    sample.labels = name.second.second;
    kinds_.push_back({std::move(sample), {}});
  }
  return at->second;
}

CapacityIndex::Walk::Walk(CapacityIndex& index, const Shape& shape, const std::vector<Refusal>& refusals)
    : index_(&index), shape_(&shape), refusals_(&refusals) {
  index.settle();
  const Key least{shape.resources.gpus, shape.resources.cpu_millis, shape.resources.memory_bytes, {}};
  for (const Kind& kind : index.kinds_) {
    if (kind.keys.empty()) continue;
    if (!offers_type(kind.sample, shape) || !offers_driver(kind.sample, shape) || !offers_labels(kind.sample, shape)) continue;
    lanes_.push_back({&kind.keys, kind.keys.lower_bound(least)});
    advance(lanes_.back());
  }
}

void CapacityIndex::Walk::advance(Lane& lane) const {
  while (lane.at != lane.keys->end() && !index_->fits(lane.at->agent, *shape_, *refusals_)) ++lane.at;
}

std::optional<AgentNumber> CapacityIndex::Walk::find() {
  if (current_ && index_->fits(*current_, *shape_, *refusals_)) return current_;
  Lane* best = nullptr;
  for (Lane& lane : lanes_)
    if (lane.at != lane.keys->end() && (best == nullptr || *lane.at < *best->at)) best = &lane;
  if (best == nullptr) return std::nullopt;
  current_ = best->at->agent;
  // Step off the chosen agent before placing moves it within the set.
  ++best->at;
  advance(*best);
  return current_;
}

}  // namespace stint::core
