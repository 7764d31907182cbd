#include "client/plan.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace stint::client {
namespace {

namespace json = boost::json;

const json::value* find(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}
std::string text(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::uint64_t number(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  json::error_code failed;
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>(failed) : 0;
}
bool flag(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}
/// The objects of a list; what is none is left out.
std::vector<const json::object*> objects(const json::object& object, std::string_view key) {
  std::vector<const json::object*> result;
  const json::value* value = find(object, key);
  if (value == nullptr || !value->is_array()) return result;
  for (const json::value& item : value->get_array())
    if (item.is_object()) result.push_back(&item.get_object());
  return result;
}

PlanAgent read_agent(const json::object& object) {
  PlanAgent agent{text(object, "agent"), number(object, "fits_now"), {}};
  for (const json::object* clause : objects(object, "clauses"))
    agent.clauses.push_back({text(*clause, "clause"), text(*clause, "text"), flag(*clause, "permanent")});
  return agent;
}

PlanTask read_task(const json::object& object) {
  PlanTask task;
  task.name = text(object, "name");
  if (find(object, "count") != nullptr) task.count = number(object, "count");
  task.starts_now = number(object, "starts_now");
  task.placeable = flag(object, "placeable");
  if (find(object, "nearest") != nullptr) task.nearest = text(object, "nearest");
  task.summary = text(object, "summary");
  task.would_help = text(object, "would_help");
  for (const json::object* agent : objects(object, "agents")) task.agents.push_back(read_agent(*agent));
  return task;
}

}  // namespace

bool Plan::is_placeable() const {
  return std::all_of(tasks.begin(), tasks.end(), [](const PlanTask& task) { return task.placeable; });
}

Result<Plan> parse_plan(std::string_view bytes) {
  json::error_code failed;
  const json::value value = json::parse(json::string_view(bytes.data(), bytes.size()), failed);
  const json::object* object = failed ? nullptr : value.if_object();
  if (object == nullptr || find(*object, "tasks") == nullptr) return fail(Errc::corrupt, "the scheduler's plan lacks \"tasks\"");
  Plan plan;
  plan.tasks_json = json::serialize(*find(*object, "tasks"));
  for (const json::object* task : objects(*object, "tasks")) plan.tasks.push_back(read_task(*task));
  const json::value* previous = find(*object, "previous");
  if (previous == nullptr || !previous->is_object()) return plan;
  plan.previous_job = number(previous->get_object(), "job");
  if (const json::value* spec = find(previous->get_object(), "spec")) plan.previous_spec = json::serialize(*spec);
  return plan;
}

}  // namespace stint::client
