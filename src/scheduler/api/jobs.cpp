#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "core/model/job_json.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

std::string page_json(json::array items, json::value next) {
  return json::serialize(json::object{{"items", std::move(items)}, {"next", std::move(next)}});
}

/// `main` or `main.3` of a cancel request as the core wants it.
Result<core::CancelTasks> read_cancel(const Cell& cell, JobId job, const std::string& body) {
  core::CancelTasks cancel;
  cancel.job = job;
  if (body.empty()) return cancel;
  boost::system::error_code problem;
  const auto value = json::parse(body, problem);
  if (problem || !value.is_object())
    return fail(Errc::invalid_argument, "the body must be a JSON object such as {\"task\":\"main.3\"}, or empty");
  for (const auto& item : value.as_object())
    if (item.key() != "task") return fail(Errc::invalid_argument, "unknown key `" + std::string(item.key()) + "`: only `task` is known");
  const auto* task = value.as_object().if_contains("task");
  if (task == nullptr || task->is_null()) return cancel;
  if (!task->is_string()) return fail(Errc::invalid_argument, "task: expected a text such as \"main.3\"");
  const std::string word(task->as_string());
  const auto& spec = *cell.core.find_spec(job);
  for (std::uint32_t group = 0; group < spec.tasks.size(); ++group)
    if (spec.tasks[group].name == word) {
      cancel.group = group;
      return cancel;
    }
  const auto ref = core::find_task(job, spec, word);
  if (!ref) return fail(Errc::not_found, "task \"" + word + "\": job " + std::to_string(job.value) + " has no such task");
  cancel.group = ref->group;
  cancel.index = ref->index;
  return cancel;
}

/// The state of the task that a job's explanation is about; the job's own when nothing of it waits or runs.
TaskStatus state_of(const core::Explanation& explanation, TaskStatus job) {
  if (explanation.state == "ended" || explanation.state == "cancelling") return job;
  return explanation.state == "running" ? TaskStatus::running : TaskStatus::pending;
}

}  // namespace

Answer submit_job(const Call& call) {
  auto& cell = call.cell;
  if (call.request.body.size() > limits::kJobSpecBytesMax)
    return refuse({413, "out_of_range", "a job of " + std::to_string(call.request.body.size()) + " bytes", "body",
                   std::to_string(limits::kJobSpecBytesMax) + " bytes", "use an array or several jobs"});
  auto spec = core::parse_job_json(call.request.body);
  if (!spec) return refuse(spec.error());
  if (spec->retry_of)
    return refuse({400, "invalid_argument", "retry_of: a submitted job tries none again", "retry_of", "", "use POST /v1/jobs/{job}/retry"});
  auto& effects = cell.journal.turn().effects;
  const auto rows_before = effects.rows.size();
  const auto id = cell.core.submit({std::move(*spec), call.principal.name, call.request.idempotency_key}, call.now, effects);
  if (!id) return refuse(id.error());
  const int status = effects.rows.size() == rows_before ? 200 : 201;
  // Put into words when it is told: the agent has its frame by then.
  return [status, view = *cell.core.find_job(*id)] { return say(status, json::serialize(job_json(view)))(); };
}

Answer list_jobs(const Call& call) {
  auto& cell = call.cell;
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto after = read_number(call.request, "after", std::numeric_limits<std::uint64_t>::max());
  if (!after) return refuse(after.error());
  std::optional<TaskStatus> state;
  if (const auto word = find_query(call.request, "state"); word && !word->empty()) {
    state = parse_task_status(*word);
    if (!state)
      return refuse({400, "invalid_argument", "query `state`: \"" + *word + "\" is none of pending, running, completed, failed, cancelled",
                     "state", "", ""});
  }
  const auto name = find_query(call.request, "name");
  json::array items;
  json::value next = nullptr;
  const auto is_wanted = [&](const core::JobRow& row, TaskStatus status) {
    return (!state || status == *state) && (!name || name->empty() || row.spec->name == *name);
  };
  for (auto job = cell.core.find_older_job(JobId{*after}, is_wanted); job; job = cell.core.find_older_job(job->row.id, is_wanted)) {
    if (items.size() == *limit) {
      next = items.back().as_object().at("id");
      break;
    }
    items.push_back(job_json(*job));
  }
  return say(200, page_json(std::move(items), std::move(next)));
}

Answer show_job(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  return say(200, json::serialize(job_json(*cell.core.find_job(*job))));
}

Answer show_spec(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  return say(200, core::to_json(*cell.core.find_spec(*job)));
}

Answer cancel_job(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  if (auto refusal = find_refusal(call, *cell.core.find_job(*job), "cancelling")) return refuse(std::move(*refusal));
  auto cancel = read_cancel(cell, *job, call.request.body);
  if (!cancel) return refuse(cancel.error());
  cancel->by = call.principal.name;
  if (const auto done = cell.core.cancel(*cancel, call.now, cell.journal.turn().effects); !done) return refuse(done.error());
  return say(200, json::serialize(job_json(*cell.core.find_job(*job))));
}

Answer explain_job(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  const auto explanation = cell.core.explain(*job, call.now);
  if (!explanation) return refuse(explanation.error());
  json::object body{{"task", nullptr}, {"job", job->value}};
  for (auto& item : explanation_json(*explanation, state_of(*explanation, cell.core.find_job(*job)->state.status)))
    body[item.key()] = item.value();
  return say(200, json::serialize(body));
}

}  // namespace stint::scheduler::api
