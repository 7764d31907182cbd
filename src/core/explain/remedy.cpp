#include "core/explain/remedy.hpp"

#include <algorithm>

#include "core/explain/clauses.hpp"

namespace stint::core {
namespace {

bool is_permanent(const Clause& clause) { return clause.permanent; }

/// What would take away this one clause.
std::string remedy_of(const Clause& clause, const Shape& shape) {
  if (clause.clause == "memory")
    return "an agent with " + format_bytes(clause.wanted) + " of memory, or a task that asks for at most " + format_bytes(clause.offered);
  if (clause.clause == "storage")
    return "an agent with " + format_bytes(clause.wanted) + " of storage, or a task that asks for at most " + format_bytes(clause.offered);
  if (clause.clause == "cpu")
    return "an agent with " + format_cpu(clause.wanted) + ", or a task that asks for at most " + format_cpu(clause.offered);
  if (clause.clause == "gpu") return "an agent with " + std::to_string(clause.wanted) + (clause.wanted == 1 ? " GPU" : " GPUs");
  if (clause.clause == "type") return "an agent that serves the type " + std::string{to_string(*shape.type)};
  if (clause.clause == "driver") return "an agent with the driver " + shape.driver;
  if (clause.clause == "label" || clause.clause == "constraint")
    return "an agent whose labels match (stint agent start --label NAME=VALUE)";
  if (clause.clause == "workdir") return "--upload or inputs, so that the files travel with the task, or an agent with --shared-path";
  if (clause.clause == "draining") return "stint agent drain --undo";
  if (clause.clause == "disconnected") return "starting the agent, or its way to this scheduler";
  return {};
}

const AgentExplanation* find_agent(const Explanation& explanation, AgentNumber number) {
  const auto at =
      std::find_if(explanation.agents.begin(), explanation.agents.end(), [&](const auto& agent) { return agent.agent == number; });
  return at == explanation.agents.end() ? nullptr : &*at;
}

}  // namespace

std::string find_remedy(const Shape& shape, const Explanation& explanation) {
  if (explanation.agents.empty()) return "an agent: stint agent start --key-file FILE (stint agent token makes the file)";
  const AgentExplanation* nearest = explanation.nearest ? find_agent(explanation, *explanation.nearest) : nullptr;
  if (nearest == nullptr || nearest->clauses.empty()) return {};
  const auto& clauses = nearest->clauses;
  const auto permanent = std::find_if(clauses.begin(), clauses.end(), is_permanent);
  if (permanent != clauses.end()) return remedy_of(*permanent, shape);
  // Nothing that other work's end would not free: only what somebody turned off is worth a word.
  for (const Clause& clause : clauses)
    if (clause.clause == "draining" || clause.clause == "disconnected") return remedy_of(clause, shape) + " (" + nearest->name + ")";
  return {};
}

}  // namespace stint::core
