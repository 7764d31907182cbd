// Work for people: claimed, answered, given back.
#include <boost/json.hpp>
#include <utility>

#include "core/model/limits.hpp"
#include "scheduler/api/form.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::invalid_argument, what); }

Result<std::int64_t> read_amount(const json::object& body, const char* key, std::int64_t low, std::int64_t high, std::int64_t otherwise) {
  const auto* value = body.if_contains(key);
  if (value == nullptr || value->is_null()) return otherwise;
  boost::system::error_code failed;
  const auto number = value->is_double() ? low - 1 : value->to_number<std::int64_t>(failed);
  if (failed || number < low || number > high)
    return wrong(std::string(key) + ": expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return number;
}

Result<std::vector<AgentType>> read_types(const json::object& body) {
  std::vector<AgentType> types;
  const auto* list = body.if_contains("types");
  if (list == nullptr || list->is_null()) return types;
  if (!list->is_array()) return wrong("types: expected a list of trainer, inferencer, crawler, labeller, rater");
  for (const auto& word : list->as_array()) {
    const auto type = word.is_string() ? parse_agent_type(std::string_view(word.as_string())) : std::nullopt;
    if (!type) return wrong("types: expected trainer, inferencer, crawler, labeller or rater, got " + json::serialize(word).substr(0, 60));
    types.push_back(*type);
  }
  return types;
}

Status check_keys(const json::object& body, std::initializer_list<std::string_view> known) {
  for (const auto& item : body)
    if (std::find(known.begin(), known.end(), std::string_view(item.key())) == known.end())
      return wrong("unknown key `" + std::string(item.key()).substr(0, 60) + "`");
  return {};
}

Result<WorkBook::Claim> read_claim(const Call& call) {
  STINT_TRY(const auto body, call.request.body.empty() ? Result<json::object>(json::object{}) : read_object(call.request.body));
  STINT_TRY_VOID(check_keys(body, {"limit", "types", "job", "lease_ms"}));
  WorkBook::Claim claim;
  claim.person = call.principal.name;
  STINT_TRY(claim.types, read_types(body));
  STINT_TRY(const auto limit, read_amount(body, "limit", 1, limits::kClaimsMax, 1));
  claim.limit = static_cast<std::uint32_t>(limit);
  STINT_TRY(const auto lease, read_amount(body, "lease_ms", 1000, to_ms(limits::kClaimLeaseMax), to_ms(limits::kClaimLeaseDefault)));
  claim.lease = from_ms(lease);
  if (const auto* job = body.if_contains("job"); job != nullptr && !job->is_null()) {
    STINT_TRY(claim.job, find_job_id(call.cell, job->is_string() ? std::string(job->as_string()) : json::serialize(*job)));
  }
  return claim;
}

json::value item_json(const std::string& item) {
  boost::system::error_code failed;
  auto value = json::parse(item, failed);
  return failed ? json::value(item) : value;
}

json::object claimed_json(const Cell& cell, const WorkBook::Claimed& claimed) {
  const auto& spec = *cell.core.find_spec(claimed.ref.task.job);
  const auto& task = spec.tasks.at(claimed.ref.task.group);
  json::object object;
  object["task"] = core::task_id(spec, claimed.ref.task);
  object["attempt"] = claimed.ref.attempt;
  object["job_name"] = spec.name;
  object["type"] = task.type ? json::value(std::string(to_string(*task.type))) : json::value(nullptr);
  object["item"] = nullptr;
  if (const auto list = cell.items.find(claimed.ref.task.job, claimed.ref.task.group))
    object["item"] = item_json(list->of_task(task, claimed.ref.task.index));
  object["form"] = json::parse(task.form);
  if (task.each) object["form"] = fill_form(object["form"], object["item"], limits::kFormFillBytes);
  object["lease_until"] = time_json(claimed.until);
  const auto submitted = cell.core.find_job(claimed.ref.task.job)->row.submitted_at;
  object["due_at"] =
      task.due > Duration{0} ? time_json(submitted + std::chrono::duration_cast<std::chrono::milliseconds>(task.due)) : nullptr;
  return object;
}

struct Meant {
  AttemptRef ref;
  json::object body;
};
Result<Meant> read_meant(const Call& call) {
  STINT_TRY(const TaskRef task, find_task_ref(call.cell, call.values[0]));
  STINT_TRY(auto body, read_object(call.request.body));
  STINT_TRY(const auto attempt, read_amount(body, "attempt", 1, UINT32_MAX, 0));
  if (attempt == 0) return wrong("attempt: missing; it came with the claim");
  return Meant{{task, static_cast<std::uint32_t>(attempt)}, std::move(body)};
}

}  // namespace

Answer claim_work(const Call& call) {
  const auto claim = read_claim(call);
  if (!claim) return refuse(claim.error());
  const auto claimed = call.cell.work.claim(*claim, call.now, call.cell.journal.turn().effects);
  if (!claimed) return refuse(claimed.error());
  json::array items;
  for (const auto& one : *claimed) items.push_back(claimed_json(call.cell, one));
  return say(200, json::serialize(json::object{{"items", std::move(items)}}));
}

Answer answer_work(const Call& call) {
  const auto meant = read_meant(call);
  if (!meant) return refuse(meant.error());
  if (const auto known = check_keys(meant->body, {"attempt", "result"}); !known) return refuse(known.error());
  const auto* result = meant->body.if_contains("result");
  if (result == nullptr || !result->is_object()) return refuse({400, "invalid_argument", "result: expected an object", "result", "", ""});
  std::string text = json::serialize(*result);
  if (text.size() > core::limits::kResultBytes)
    return refuse({413, "out_of_range", "a result of " + std::to_string(text.size()) + " bytes", "result",
                   std::to_string(core::limits::kResultBytes) + " bytes", "store what is larger as a blob and name it here"});
  const auto done = call.cell.work.answer(call.principal.name, meant->ref, std::move(text), call.now, call.cell.journal.turn().effects);
  if (!done) return refuse(done.error());
  return say(200, json::serialize(json::object{{"task", std::string(call.values[0])}, {"state", "completed"}}));
}

Answer release_work(const Call& call) {
  const auto meant = read_meant(call);
  if (!meant) return refuse(meant.error());
  if (const auto known = check_keys(meant->body, {"attempt", "why"}); !known) return refuse(known.error());
  const auto* why = meant->body.if_contains("why");
  const std::string text = why != nullptr && why->is_string() ? std::string(why->as_string()).substr(0, 1000) : std::string();
  const auto done = call.cell.work.release(call.principal.name, meant->ref, text, call.now, call.cell.journal.turn().effects);
  if (!done) return refuse(done.error());
  return say(200, json::serialize(json::object{{"task", std::string(call.values[0])}, {"state", "pending"}}));
}

}  // namespace stint::scheduler::api
