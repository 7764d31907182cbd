#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/bytes.hpp"
#include "core/model/limits.hpp"
#include "core/model/person.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

/// The agent of that name that still counts, else the newest revoked one of it.
std::optional<core::AgentView> find_by_name(const Cell& cell, std::string_view name) {
  std::optional<core::AgentView> found;
  for (auto& agent : cell.core.agents())
    if (agent.row.name == name && (!found || found->row.revoked || !agent.row.revoked)) found = std::move(agent);
  return found;
}

Problem no_such_agent(std::string_view name) {
  return {404, "not_found", "agent \"" + std::string(name) + "\": no such agent",
          "",  "",          "`stint agent list` and GET /v1/agents list them"};
}

/// `{"draining":true,"deadline_ms":600000}`; the deadline may be absent.
Result<core::DrainAgent> read_drain(const json::object& body) {
  constexpr std::int64_t kMost = to_ms(core::limits::kDrainDeadline);
  const auto* draining = body.if_contains("draining");
  const auto* deadline = body.if_contains("deadline_ms");
  const std::size_t known = deadline == nullptr ? 1 : 2;
  if (body.size() != known || draining == nullptr || !draining->is_bool())
    return fail(Errc::invalid_argument, "the body must be {\"draining\":true} or false, with \"deadline_ms\" if there is a deadline");
  core::DrainAgent drain;
  drain.draining = draining->as_bool();
  if (deadline == nullptr || deadline->is_null()) return drain;
  if (!drain.draining) return fail(Errc::invalid_argument, "deadline_ms: there is none for an agent that takes tasks again");
  boost::system::error_code problem;
  const auto value = deadline->is_number() ? deadline->to_number<std::int64_t>(problem) : -1;
  if (problem || value < 0 || value > kMost)
    return fail(Errc::invalid_argument, "deadline_ms: expected milliseconds from now, 0 to " + std::to_string(kMost));
  drain.deadline = from_ms(value);
  return drain;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kAgentNameMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

/// What a person holds, the first kClaimsShown of it; a machine claims nothing.
json::array claims_json(const Cell& cell, const core::AgentRow& agent) {
  json::array claims;
  if (!is_person(agent)) return claims;
  for (const AttemptRef& ref : cell.core.held_by(agent.number)) {
    if (claims.size() == limits::kClaimsShown) break;
    const auto row = cell.core.find_attempt(ref);
    const auto* spec = cell.core.find_spec(ref.task.job);
    if (!row || spec == nullptr) continue;
    claims.push_back(
        json::object{{"task", core::task_id(*spec, ref.task)}, {"attempt", ref.attempt}, {"lease_until", time_json(row->lease_until)}});
  }
  return claims;
}

json::object shown_agent(const Cell& cell, const core::AgentView& agent) {
  return agent_json(agent, cell.find_skew_ms(agent.row.number), claims_json(cell, agent.row));
}

}  // namespace

Answer list_agents(const Call& call) {
  auto& cell = call.cell;
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto after = read_number(call.request, "after", 0);
  if (!after) return refuse(after.error());
  json::array items;
  json::value next = nullptr;
  for (const auto& agent : cell.core.agents()) {
    if (agent.row.number.value <= *after) continue;
    if (items.size() == *limit) {
      next = items.back().as_object().at("number");
      break;
    }
    items.push_back(shown_agent(cell, agent));
  }
  return say(200, json::serialize(json::object{{"items", std::move(items)}, {"next", std::move(next)}}));
}

Answer show_agent(const Call& call) {
  auto& cell = call.cell;
  const auto agent = find_by_name(cell, call.values[0]);
  if (!agent) return refuse(no_such_agent(call.values[0]));
  return say(200, json::serialize(shown_agent(cell, *agent)));
}

Answer register_agent(const Call& call) {
  auto& cell = call.cell;
  const auto body = read_object(call.request.body);
  if (!body) return refuse(body.error());
  const auto* name = body->if_contains("name");
  if (body->size() != 1 || name == nullptr || !name->is_string())
    return refuse({400, "invalid_argument", "the body must be {\"name\":\"…\"}", "name", "", ""});
  if (!is_name(std::string_view(name->as_string())))
    return refuse({400, "invalid_argument", "name: letters, digits, `-`, `_` and `.` only", "name",
                   std::to_string(limits::kAgentNameMax) + " characters", ""});
  const auto number =
      cell.core.register_agent({std::string(name->as_string()), call.principal.name}, call.now, cell.journal.turn().effects);
  if (!number) return refuse(number.error());
  const KeyEpoch epoch = cell.keys.current_epoch();
  const auto key = cell.keys.find_agent_key(*number, epoch);
  if (!key) return refuse({500, "corrupt", "the new agent has no key", "", "", ""});
  return say(201, json::serialize(json::object{{"number", number->value},
                                               {"name", name->as_string()},
                                               {"key_epoch", epoch.value},
                                               {"key", to_hex(*key)},
                                               {"server", cell.facts.server}}));
}

Answer drain_agent(const Call& call) {
  auto& cell = call.cell;
  const auto agent = find_by_name(cell, call.values[0]);
  if (!agent) return refuse(no_such_agent(call.values[0]));
  const auto body = read_object(call.request.body);
  if (!body) return refuse(body.error());
  auto drain = read_drain(*body);
  if (!drain) return refuse(drain.error());
  drain->agent = agent->row.number;
  drain->by = call.principal.name;
  if (const auto done = cell.core.drain_agent(*drain, call.now, cell.journal.turn().effects); !done) return refuse(done.error());
  return show_agent(call);
}

Answer revoke_agent(const Call& call) {
  auto& cell = call.cell;
  const auto agent = find_by_name(cell, call.values[0]);
  if (!agent) return refuse(no_such_agent(call.values[0]));
  if (const auto done = cell.core.revoke_agent({agent->row.number, call.principal.name}, call.now, cell.journal.turn().effects); !done)
    return refuse(done.error());
  return show_agent(call);
}

}  // namespace stint::scheduler::api
