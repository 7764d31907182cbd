#include "core/explain/clauses.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace stint::core {
namespace {

/// `value / unit` with one decimal, rounded down, without a trailing `.0`.
std::string format_tenths(std::int64_t value, std::int64_t unit) {
  const std::int64_t tenth = value % unit * 10 / unit;
  return std::to_string(value / unit) + (tenth == 0 ? "" : "." + std::to_string(tenth));
}

std::string format_gpus(std::int64_t gpus) { return std::to_string(gpus) + (gpus == 1 ? " GPU" : " GPUs"); }
std::string format_storage(std::int64_t bytes) { return format_bytes(bytes) + " of storage"; }
std::string format_memory(std::int64_t bytes) { return format_bytes(bytes) + " of memory"; }

struct Dimension {
  const char* clause;
  std::int64_t Resources::* amount;
  std::string (*format)(std::int64_t);
};
constexpr std::array<Dimension, 4> kDimensions{{
    {"cpu", &Resources::cpu_millis, format_cpu},
    {"memory", &Resources::memory_bytes, format_memory},
    {"gpu", &Resources::gpus, format_gpus},
    {"storage", &Resources::storage_bytes, format_storage},
}};

void add_resources(std::vector<Clause>& clauses, const Shape& shape, const AgentSituation& agent) {
  for (const Dimension& dimension : kDimensions) {
    const std::int64_t wanted = shape.resources.*dimension.amount;
    const std::int64_t whole = agent.row->offer.resources.*dimension.amount;
    const std::int64_t free = std::max<std::int64_t>(agent.free.*dimension.amount, 0);
    if (free >= wanted) continue;
    const bool permanent = whole < wanted;
    const std::int64_t offered = permanent ? whole : free;
    std::string text = "it wants " + dimension.format(wanted) + ", the agent has " + (permanent ? "" : "only ") +
                       dimension.format(offered) + (permanent ? " in all" : " free of " + dimension.format(whole));
    clauses.push_back({dimension.clause, wanted, offered, wanted - offered, permanent, std::move(text)});
  }
}

void add_words(std::vector<Clause>& clauses, const char* clause, bool permanent, std::string text) {
  clauses.push_back({clause, 0, 0, 0, permanent, std::move(text)});
}

std::string describe_unmet(const Constraint& constraint, const AgentOffer& offer) {
  const auto at =
      std::find_if(offer.labels.begin(), offer.labels.end(), [&](const auto& label) { return label.first == constraint.label; });
  const std::string has = at == offer.labels.end() ? "no label " + constraint.label : constraint.label + "=" + at->second;
  return "it wants " + to_string(constraint) + ", the agent has " + has;
}

void add_labels(std::vector<Clause>& clauses, const Shape& shape, const AgentOffer& offer) {
  for (const auto& label : shape.labels)
    if (std::find(offer.labels.begin(), offer.labels.end(), label) == offer.labels.end())
      add_words(clauses, "label", true, "the agent has no label " + label.first + "=" + label.second);
  for (const Constraint& constraint : shape.constraints)
    if (!is_met(constraint, offer.labels)) add_words(clauses, "constraint", true, describe_unmet(constraint, offer));
}

void add_fixed(std::vector<Clause>& clauses, const Shape& shape, const AgentSituation& agent) {
  const AgentOffer& offer = agent.row->offer;
  if (!offers_type(offer, shape))
    add_words(clauses, "type", true, "the agent does not serve the type " + std::string{to_string(*shape.type)});
  if (!offers_driver(offer, shape)) add_words(clauses, "driver", true, "the agent has no driver " + shape.driver);
  add_labels(clauses, shape, offer);
  if (!sees_workdir(offer, shape)) {
    add_words(clauses, "workdir", true, "the agent is on another machine and " + shape.workdir + " is under none of its shared paths");
  } else if (agent.refusal != nullptr) {
    add_words(clauses, shape.workdir.empty() ? "refused" : "workdir", false,
              "the agent refused a task of this job" + (agent.refusal->empty() ? std::string{} : ": " + *agent.refusal));
  }
}

void add_passing(std::vector<Clause>& clauses, const AgentSituation& agent) {
  const std::uint32_t window = window_of(agent.row->offer);
  if (agent.held >= window)
    add_words(clauses, "window", false, "the agent takes " + std::to_string(window) + " attempts at once and has them");
  if (agent.row->draining) add_words(clauses, "draining", false, "the agent is draining");
  if (!agent.is_connected) add_words(clauses, "disconnected", false, "the agent is not connected");
}

/// Millionths of what is wanted that are missing; a miss that has no size counts as everything.
std::int64_t relative_miss(const Clause& clause) {
  constexpr std::int64_t kAll = 1'000'000;
  if (clause.wanted <= 0) return kAll;
  // Sizes reach 2^60: divide first where the product would not fit.
  return clause.wanted > kAll * kAll ? clause.missing / (clause.wanted / kAll) : clause.missing * kAll / clause.wanted;
}

}  // namespace

std::vector<Clause> find_clauses(const Shape& shape, const AgentSituation& agent) {
  std::vector<Clause> clauses;
  add_fixed(clauses, shape, agent);
  add_resources(clauses, shape, agent);
  add_passing(clauses, agent);
  return clauses;
}

std::optional<AgentNumber> find_nearest(const std::vector<AgentExplanation>& agents, const std::vector<Resources>& offers) {
  using Rank = std::tuple<std::size_t, std::int64_t, Resources, AgentNumber>;
  std::optional<Rank> best;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    std::int64_t miss = 0;
    for (const Clause& clause : agents[i].clauses) miss += relative_miss(clause);
    const Resources falling = Resources{} - offers[i];
    const Rank rank{agents[i].clauses.size(), miss, falling, agents[i].agent};
    if (!best || rank < *best) best = rank;
  }
  if (!best) return std::nullopt;
  return std::get<AgentNumber>(*best);
}

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits{
      {{std::int64_t{1} << 40, " TiB"}, {kGiB, " GiB"}, {kMiB, " MiB"}, {1024, " KiB"}}};
  for (const auto& [unit, name] : kUnits)
    if (bytes >= unit) return format_tenths(bytes, unit) + name;
  return std::to_string(bytes) + " bytes";
}

std::string format_cpu(std::int64_t millis) {
  if (millis % 100 != 0) return std::to_string(millis) + " millicores";
  return format_tenths(millis, 1000) + (millis == 1000 ? " CPU" : " CPUs");
}

}  // namespace stint::core
