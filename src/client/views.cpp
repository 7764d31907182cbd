#include "client/views.hpp"

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <functional>

#include "client/stream_readers.hpp"

namespace stint::client {
namespace {

namespace json = boost::json;

const json::value* find(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}
std::string text(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  const json::string* string = value != nullptr ? value->if_string() : nullptr;
  return string != nullptr ? std::string(*string) : std::string();
}
template <class Number>
Number number(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  json::error_code failed;
  const Number result = value != nullptr && value->is_number() ? value->to_number<Number>(failed) : Number{};
  return failed ? Number{} : result;
}
bool flag(const json::object& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}
const json::object& object_at(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::value* value = find(object, key);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}
const json::array& array_at(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::value* value = find(object, key);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}
std::vector<std::string> texts(const json::object& object, std::string_view key) {
  std::vector<std::string> result;
  for (const json::value& item : array_at(object, key))
    if (item.is_string()) result.emplace_back(item.get_string());
  return result;
}

Result<json::object> parse_object(std::string_view bytes, std::string_view what) {
  json::error_code failed;
  json::value value = json::parse(json::string_view(bytes.data(), bytes.size()), failed);
  if (!failed && value.is_object()) return std::move(value.get_object());
  constexpr std::size_t kShown = 80;
  return fail(Errc::corrupt,
              "the scheduler's answer is no JSON object of " + std::string(what) + ": " + std::string(bytes.substr(0, kShown)));
}

tl::unexpected<Error> lacks(std::string_view what, std::string_view key) {
  return fail(Errc::corrupt, "the scheduler's " + std::string(what) + " lacks \"" + std::string(key) + "\"");
}

TaskCounts counts(const json::object& object) {
  return {number<std::uint64_t>(object, "pending"), number<std::uint64_t>(object, "running"), number<std::uint64_t>(object, "completed"),
          number<std::uint64_t>(object, "failed"), number<std::uint64_t>(object, "cancelled")};
}

Resources resources(const json::object& object) {
  return {number<std::int64_t>(object, "cpu_millis"), number<std::int64_t>(object, "memory_bytes"), number<std::int64_t>(object, "gpu"),
          number<std::int64_t>(object, "storage_bytes")};
}

EndReason reason_of(const json::object& object) { return parse_end_reason(text(object, "reason")).value_or(EndReason::none); }

Outcome outcome_of(const json::object& object, TaskStatus state) {
  return {state, reason_of(object), number<int>(object, "exit_code"), number<int>(object, "signal")};
}

/// Numbers as people write them: 0.93, where Boost.JSON has 9.3E-1. As deep as the parser let it be.
std::string compact(const json::value& value) {
  if (const double* number = value.if_double()) {
    std::array<char, 32> digits{};
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), *number).ptr};
  }
  std::string all;
  const auto add = [&all](const std::string& part) { all += (all.empty() ? "" : ",") + part; };
  if (const json::array* list = value.if_array()) {
    for (const json::value& element : *list) add(compact(element));
    return "[" + all + "]";
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, element] : *object) add(json::serialize(json::value(key)) + ":" + compact(element));
    return "{" + all + "}";
  }
  return json::serialize(value);
}

}  // namespace

Result<JobView> parse_job_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a job"));
  JobView job;
  job.id = number<std::uint64_t>(object, "id");
  if (job.id == 0) return lacks("job", "id");
  const auto state = parse_task_status(text(object, "state"));
  if (!state) return lacks("job", "state");
  job.state = *state;
  job.reason = reason_of(object);
  job.name = text(object, "name");
  job.queue = text(object, "queue");
  job.detail = text(object, "detail");
  job.submitted_at = text(object, "submitted_at");
  job.ended_at = text(object, "ended_at");
  job.tasks = counts(object_at(object, "tasks"));
  for (const json::value& item : array_at(object, "groups")) {
    if (const json::object* group = item.if_object())
      job.groups.push_back({text(*group, "name"), flag(*group, "is_array"), counts(object_at(*group, "tasks"))});
  }
  return job;
}

Result<TaskView> parse_task_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a task"));
  TaskView task;
  task.id = text(object, "id");
  if (task.id.empty()) return lacks("task", "id");
  const auto state = parse_task_status(text(object, "state"));
  if (!state) return lacks("task", "state");
  task.outcome = outcome_of(object, *state);
  task.agent = text(object, "agent");
  task.started_at = text(object, "started_at");
  task.ended_at = text(object, "ended_at");
  task.retry_at = text(object, "retry_at");
  task.lease_until = text(object, "lease_until");
  task.message = text(object, "message");
  task.has_result = flag(object, "has_result");
  task.attempts = number<std::uint64_t>(object, "attempts");
  if (find(object, "progress") != nullptr) task.progress = number<double>(object, "progress");
  for (const auto& [name, value] : object_at(object, "metrics"))
    if (value.is_number()) task.metrics.emplace_back(name, value.to_number<double>());
  for (const json::value& item : array_at(object, "attempts_list")) {
    const json::object* attempt = item.if_object();
    if (attempt == nullptr) continue;
    task.detail = text(*attempt, "detail");
    if (flag(*attempt, "is_result")) break;
  }
  return task;
}

Result<ReportView> parse_report_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a report"));
  ReportView report;
  report.seq = number<std::uint64_t>(object, "seq");
  if (report.seq == 0) return lacks("report", "seq");
  report.attempt = number<std::uint64_t>(object, "attempt");
  for (const auto& [name, value] : object_at(object, "metrics"))
    if (value.is_number()) report.metrics.emplace_back(name, value.to_number<double>());
  return report;
}

Result<AgentView> parse_agent_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "an agent"));
  AgentView agent;
  agent.number = number<std::uint64_t>(object, "number");
  agent.name = text(object, "name");
  if (agent.name.empty()) return lacks("agent", "name");
  agent.is_person = text(object, "kind") == "person";
  for (const json::value& item : array_at(object, "claims"))
    if (const json::object* claim = item.if_object()) agent.claims.push_back({text(*claim, "task"), text(*claim, "lease_until")});
  agent.state = text(object, "state");
  agent.host = text(object, "host");
  agent.version = text(object, "version");
  agent.last_seen_at = text(object, "last_seen_at");
  agent.registered_at = text(object, "registered_at");
  agent.drain_by = text(object, "drain_by");
  agent.types = texts(object, "types");
  agent.drivers = texts(object, "drivers");
  agent.notes = texts(object, "notes");
  for (const auto& [name, value] : object_at(object, "labels"))
    if (value.is_string()) agent.labels.emplace_back(name, value.get_string());
  agent.resources = resources(object_at(object, "resources"));
  agent.used = resources(object_at(object, "used"));
  agent.running = number<std::uint64_t>(object, "running");
  agent.waiting = number<std::uint64_t>(object, "waiting");
  if (find(object, "skew_ms") != nullptr) agent.skew_ms = number<std::int64_t>(object, "skew_ms");
  return agent;
}

Result<ResultView> parse_result_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a result"));
  const json::value* result = object.if_contains("result");
  if (result == nullptr) return lacks("result", "result");
  return ResultView{text(object, "task"), compact(*result)};
}

Result<TokenView> parse_token_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a token"));
  TokenView token;
  token.id = number<std::uint64_t>(object, "id");
  token.name = text(object, "name");
  if (token.name.empty()) return lacks("token", "name");
  token.state = text(object, "state");
  token.scopes = texts(object, "scopes");
  token.created_by = text(object, "created_by");
  token.created_at = text(object, "created_at");
  token.expires_at = text(object, "expires_at");
  token.last_used_at = text(object, "last_used_at");
  token.token = text(object, "token");
  return token;
}

Result<EnrolTokenView> parse_enrol_token_view(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "an enrolment token"));
  EnrolTokenView token;
  token.id = text(object, "id");
  if (token.id.empty()) return lacks("enrolment token", "id");
  token.name = text(object, "name");
  token.state = text(object, "state");
  token.agent = text(object, "agent");
  token.created_by = text(object, "created_by");
  token.expires_at = text(object, "expires_at");
  token.types = texts(object, "types");
  if (const auto* labels = object.if_contains("labels"); labels != nullptr && labels->is_object())
    for (const auto& label : labels->as_object())
      token.labels.push_back(std::string(label.key()) + "=" + text(labels->as_object(), label.key()));
  token.token = text(object, "token");
  token.addresses = texts(object, "addresses");
  return token;
}

Result<AgentKey> parse_agent_key(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "an agent's key"));
  AgentKey key{number<std::uint64_t>(object, "number"),    text(object, "name"),     text(object, "key"), text(object, "server"),
               number<std::uint64_t>(object, "key_epoch"), texts(object, "tls_pins")};
  if (key.number == 0) return lacks("agent key", "number");
  if (key.key.empty()) return lacks("agent key", "key");
  return key;
}

Result<Explanation> parse_explanation(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "an explanation"));
  Explanation explanation;
  explanation.task = text(object, "task");
  explanation.summary = text(object, "summary");
  explanation.state = parse_task_status(text(object, "state")).value_or(TaskStatus::pending);
  explanation.nearest = text(object, "nearest");
  explanation.waits_for = texts(object, "waits_for");
  if (std::string help = text(object, "would_help"); !help.empty()) explanation.would_help = std::move(help);
  for (const json::value& item : array_at(object, "agents")) {
    const json::object* agent = item.if_object();
    if (agent == nullptr) continue;
    auto& added = explanation.agents.emplace_back(Explanation::Agent{text(*agent, "agent"), {}});
    for (const json::value& clause : array_at(*agent, "clauses"))
      if (clause.is_object()) added.reasons.push_back(text(clause.get_object(), "text"));
  }
  return explanation;
}

Result<LogEntry> parse_log_entry(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a line of a log"));
  LogEntry entry;
  if (flag(object, "end")) {
    const auto state = parse_task_status(text(object, "state"));
    if (!state) return lacks("end of a log", "state");
    entry.end = outcome_of(object, *state);
    return entry;
  }
  const auto data = decode_base64(text(object, "data"));
  if (!data) return fail(Errc::corrupt, "a line of the scheduler's log is not base64");
  entry.line = LogLine{number<std::uint64_t>(object, "seq"), number<std::uint64_t>(object, "offset"),
                       number<std::uint32_t>(object, "attempt"), text(object, "stream") == "stderr", *data};
  if (find(object, "seq") == nullptr) return lacks("line of a log", "seq");
  return entry;
}

Result<Page> parse_page(std::string_view bytes) {
  STINT_TRY(const json::object object, parse_object(bytes, "a list"));
  if (find(object, "items") == nullptr) return lacks("list", "items");
  Page page;
  for (const json::value& item : array_at(object, "items")) page.items.push_back(json::serialize(item));
  if (const json::value* next = find(object, "next"))
    page.next = next->is_string() ? std::string(next->get_string()) : json::serialize(*next);
  return page;
}

namespace {

Errc code_of_status(int status) {
  switch (status) {
    case 400: return Errc::invalid_argument;
    case 401: return Errc::unauthenticated;
    case 403: return Errc::forbidden;
    case 404: return Errc::not_found;
    case 409: return Errc::conflict;
    case 413:
    case 422: return Errc::out_of_range;
    case 502:
    case 503: return Errc::unavailable;
    case 504: return Errc::outcome_unknown;
    case 507: return Errc::no_space;
    default: return Errc::io;
  }
}

Errc code_of(std::string_view word, int status) {
  for (int i = static_cast<int>(Errc::invalid_argument); i <= static_cast<int>(Errc::unsupported); ++i)
    if (word == to_string(static_cast<Errc>(i))) return static_cast<Errc>(i);
  return code_of_status(status);
}

}  // namespace

Error parse_problem(int status, std::string_view bytes) {
  const auto object = parse_object(bytes, "a problem");
  if (!object) return {code_of_status(status), "the scheduler answered with HTTP status " + std::to_string(status)};
  std::string detail = text(*object, "detail");
  if (detail.empty()) detail = text(*object, "title");
  const std::string where = text(*object, "where");
  if (!where.empty() && detail.find(where) == std::string::npos) detail = where + ": " + detail;
  const std::string remedy = text(*object, "remedy");
  if (!remedy.empty()) detail += "; " + remedy;
  return {code_of(text(*object, "code"), status), std::move(detail)};
}

}  // namespace stint::client
