#include "core/plan.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "core/explain/clauses.hpp"
#include "core/explain/remedy.hpp"
#include "core/groups.hpp"
#include "core/placement/shape.hpp"
#include "core/state.hpp"

namespace stint::core {
namespace {

/// What is left of an agent while the plan fills it.
struct Left {
  Resources free;
  std::uint64_t held = 0;
};
using Lefts = std::map<AgentNumber, Left>;

std::uint64_t quotient(std::int64_t free, std::int64_t wanted) {
  if (wanted <= 0) return std::numeric_limits<std::uint64_t>::max();
  return free <= 0 ? 0 : static_cast<std::uint64_t>(free / wanted);
}

std::uint64_t count_fitting(const Resources& wanted, const Left& left, const AgentOffer& offer) {
  const std::uint64_t window = window_of(offer);
  return std::min({quotient(left.free.cpu_millis, wanted.cpu_millis), quotient(left.free.memory_bytes, wanted.memory_bytes),
                   quotient(left.free.gpus, wanted.gpus), quotient(left.free.storage_bytes, wanted.storage_bytes),
                   window > left.held ? window - left.held : 0});
}

Resources times(const Resources& one, std::uint64_t number) {
  const auto n = static_cast<std::int64_t>(number);
  return {one.cpu_millis * n, one.memory_bytes * n, one.gpus * n, one.storage_bytes * n};
}

std::string tasks_text(std::uint64_t number) { return std::to_string(number) + (number == 1 ? " task" : " tasks"); }

bool could_ever(const AgentExplanation& agent) {
  return std::none_of(agent.clauses.begin(), agent.clauses.end(), [](const Clause& clause) { return clause.permanent; });
}

std::string summarise(const PlannedEntry& entry, const TaskSpec& task) {
  const std::string head = entry.is_counted ? tasks_text(entry.count) : "tasks, one for each item that " + task.each->file + " will list,";
  if (task.driver == "human") return head + " for people, who claim them";
  if (!entry.is_placeable) return head + (entry.agents.empty() ? ": no agent has joined" : ": fits none of the agents");
  if (!task.needs.empty()) return head + " after what it needs";
  if (entry.starts_now == entry.count) return head + (entry.count == 1 ? " starts now" : " start now");
  return head + ", " + std::to_string(entry.starts_now) + " of them now";
}

void ask_agents(const State& state, const TaskSpec& task, Lefts& lefts, PlannedEntry& entry) {
  const Shape shape = make_shape(task);
  std::vector<Resources> offers;
  for (const auto& agent : state.agents) {
    if (agent == nullptr || agent->row.revoked || is_person(agent->row)) continue;
    Left& left = lefts.at(agent->row.number);
    const AgentSituation situation{&agent->row, agent->is_connected, left.free, left.held, nullptr};
    PlannedAgent planned{{agent->row.number, agent->row.name, find_clauses(shape, situation)}, 0};
    if (planned.why.clauses.empty()) planned.fits_now = std::min(entry.count, count_fitting(task.resources, left, agent->row.offer));
    entry.is_placeable = entry.is_placeable || could_ever(planned.why);
    entry.why.agents.push_back(planned.why);
    entry.agents.push_back(std::move(planned));
    offers.push_back(agent->row.offer.resources);
  }
  entry.why.nearest = find_nearest(entry.why.agents, offers);
  if (!entry.is_placeable) entry.why.would_help = find_remedy(shape, entry.why);
}

/// The tasks that start at once take their room from the entries after them.
void fill(const TaskSpec& task, Lefts& lefts, PlannedEntry& entry) {
  std::uint64_t open = task.max_parallel > 0 ? std::min<std::uint64_t>(entry.count, task.max_parallel) : entry.count;
  for (const PlannedAgent& planned : entry.agents) {
    const std::uint64_t taken = std::min(open, planned.fits_now);
    Left& left = lefts.at(planned.why.agent);
    left.free -= times(task.resources, taken);
    left.held += taken;
    entry.starts_now += taken;
    open -= taken;
  }
}

}  // namespace

std::vector<PlannedEntry> plan_job(const State& state, const JobSpec& spec) {
  Lefts lefts;
  for (const auto& agent : state.agents)
    if (agent != nullptr) lefts[agent->row.number] = {agent->row.offer.resources - agent->used, agent->held.size()};
  std::vector<PlannedEntry> plan;
  for (const TaskSpec& task : spec.tasks) {
    PlannedEntry& entry = plan.emplace_back();
    entry.name = task.name;
    entry.is_counted = !is_sized_later(task);
    entry.count = entry.is_counted ? task.array_count : 0;
    entry.is_placeable = task.driver == "human";
    if (task.driver != "human") ask_agents(state, task, lefts, entry);
    if (task.needs.empty()) fill(task, lefts, entry);
    entry.summary = summarise(entry, task);
  }
  return plan;
}

}  // namespace stint::core
