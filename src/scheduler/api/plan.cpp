// What a job would do, and doing one again.
#include <boost/json.hpp>
#include <utility>

#include "core/model/job_json.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

json::object agent_json(const core::PlannedAgent& agent) {
  json::array clauses;
  for (const auto& clause : agent.why.clauses) clauses.push_back(clause_json(clause));
  return {{"agent", agent.why.name}, {"fits_now", agent.fits_now}, {"clauses", std::move(clauses)}};
}

json::object entry_json(const core::PlannedEntry& entry) {
  json::array agents;
  json::value nearest = nullptr;
  for (const auto& agent : entry.agents) {
    if (entry.why.nearest == agent.why.agent) nearest = agent.why.name;
    agents.push_back(agent_json(agent));
  }
  json::object object;
  object["name"] = entry.name;
  object["count"] = entry.is_counted ? json::value(entry.count) : json::value(nullptr);
  object["starts_now"] = entry.starts_now;
  object["placeable"] = entry.is_placeable;
  object["nearest"] = std::move(nearest);
  object["would_help"] = entry.why.would_help.empty() ? json::value(nullptr) : json::value(entry.why.would_help);
  object["summary"] = entry.summary;
  object["agents"] = std::move(agents);
  return object;
}

/// The newest job of that name, which the plan is compared with.
json::value previous_json(const Cell& cell, const std::string& name) {
  if (name.empty()) return nullptr;
  const auto job = cell.core.find_older_job(kBeyondAllJobs, [&](const core::JobRow& row, TaskStatus) { return row.spec->name == name; });
  if (!job) return nullptr;
  return json::object{{"job", job->row.id.value}, {"spec", json::parse(core::to_json(*job->row.spec))}};
}

/// `{"failed_only": true}`, which is what an empty body means too; false: all of the job again.
Result<bool> read_failed_only(const std::string& text) {
  if (text.empty()) return true;
  STINT_TRY(const auto body, read_object(text));
  const auto* value = body.if_contains("failed_only");
  if (body.size() != (value == nullptr ? 0U : 1U) || (value != nullptr && !value->is_bool()))
    return fail(Errc::invalid_argument, "the body must be {\"failed_only\": true or false}, or empty");
  return value == nullptr || value->as_bool();
}

/// All of an ended job again: a job as any other of the same content.
Result<JobId> submit_again(const Call& call, JobId job, core::Effects& effects) {
  if (!has_ended(call.cell.core.find_job(job)->state.status))
    return fail(Errc::conflict, "job " + std::to_string(job.value) + " has not ended; wait for it, or cancel it first");
  core::JobSpec spec = *call.cell.core.find_spec(job);
  spec.retry_of = {};
  return call.cell.core.submit({std::move(spec), call.principal.name, call.request.idempotency_key}, call.now, effects);
}

}  // namespace

Answer plan_job(const Call& call) {
  if (call.request.body.size() > limits::kJobSpecBytesMax)
    return refuse({413, "out_of_range", "a job of " + std::to_string(call.request.body.size()) + " bytes", "body",
                   std::to_string(limits::kJobSpecBytesMax) + " bytes", "use an array or several jobs"});
  const auto spec = core::parse_job_json(call.request.body);
  if (!spec) return refuse(spec.error());
  const auto plan = call.cell.core.plan(*spec);
  if (!plan) return refuse(plan.error());
  json::array tasks;
  for (const auto& entry : *plan) tasks.push_back(entry_json(entry));
  return say(200, json::serialize(json::object{{"tasks", std::move(tasks)}, {"previous", previous_json(call.cell, spec->name)}}));
}

Answer retry_job(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  const auto failed_only = read_failed_only(call.request.body);
  if (!failed_only) return refuse(failed_only.error());
  auto& effects = cell.journal.turn().effects;
  const auto rows_before = effects.rows.size();
  const auto id = *failed_only ? cell.core.retry({*job, call.principal.name, call.request.idempotency_key}, call.now, effects)
                               : submit_again(call, *job, effects);
  if (!id) return refuse(id.error());
  return say(effects.rows.size() != rows_before ? 201 : 200, json::serialize(job_json(*cell.core.find_job(*id))));
}

}  // namespace stint::scheduler::api
