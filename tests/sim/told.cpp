#include "sim/told.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <optional>

namespace stint::sim {
namespace {

namespace json = boost::json;

json::value parse(std::string_view text) {
  boost::system::error_code problem;
  auto value = json::parse(json::string_view(text.data(), text.size()), problem);
  return problem ? json::value(nullptr) : value;
}

std::uint64_t number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  boost::system::error_code problem;
  const auto number = value->to_number<std::uint64_t>(problem);
  return problem ? 0 : number;
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string_view take_part(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

std::uint32_t to_index(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

void Told::on_answer(const ports::HttpRequest& request, const ports::HttpResponse& response) {
  if (response.status >= 300) return;  // a refusal promises nothing
  std::string_view path(request.path);
  if (path == "/v1/jobs" && request.method == "POST") return on_submitted(request.idempotency_key, response);
  if (path == "/v1/work/claim") return on_claimed(response);
  if (path.starts_with("/v1/work/") && path.ends_with("/answer")) return on_answered(response);
  if (path.rfind("/v1/jobs/", 0) != 0) return;
  if (path.ends_with("/retry")) return on_submitted(request.idempotency_key, response);
  if (path.size() > 6 && path.substr(path.size() - 6) == "/tasks") return on_tasks(response);
  if (path.find("/explain") == std::string_view::npos && path.find("/spec") == std::string_view::npos) on_job(response);
}

void Told::on_submitted(const std::string& key, const ports::HttpResponse& response) {
  const auto body = parse(response.body);
  const JobId id{body.is_object() ? number_at(body.as_object(), "id") : 0};
  const auto* job = durable_.find_job(id);
  if (durable_.was_removed(id)) return;  // since it was decided
  if (job == nullptr || job->idempotency_key != key) {
    findings_.add("promise 1: job " + std::to_string(id.value) + " (" + key + ") was acknowledged and is not durable");
    return;
  }
  if (const auto earlier = jobs_.find(key); earlier != jobs_.end() && durable_.was_removed(earlier->second)) jobs_.erase(earlier);
  const auto [at, is_first] = jobs_.emplace(key, id);
  findings_.expect(is_first || at->second == id, "was acknowledged as two jobs", key);
}

void Told::on_tasks(const ports::HttpResponse& response) {
  const auto body = parse(response.body);
  const auto* items = body.is_object() ? body.as_object().if_contains("items") : nullptr;
  if (items == nullptr || !items->is_array()) return findings_.add("a list of tasks is no list");
  for (const auto& item : items->as_array()) {
    const auto& task = item.as_object();
    const auto status = parse_task_status(text_at(task, "state"));
    if (!status || !has_ended(*status)) continue;
    const std::string name = text_at(task, "id");
    const auto ref = find_task(name);
    if (durable_.was_removed(JobId{to_index(name)})) continue;
    if (!ref) return findings_.add("promise 1: task " + name + " was told and is not durable");
    note_end(*ref, *status);
  }
}

std::optional<TaskRef> Told::find_task(std::string_view name) const {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const JobId id{to_index(name.substr(0, dot))};
  const auto* job = durable_.find_job(id);
  return job == nullptr ? std::nullopt : core::find_task(id, *job->spec, name.substr(dot + 1));
}

void Told::on_claimed(const ports::HttpResponse& response) {
  const auto body = parse(response.body);
  if (!body.is_object() || !body.as_object().contains("items")) return findings_.add("a claim is no list");
  for (const auto& item : body.as_object().at("items").as_array()) {
    const std::string name = text_at(item.as_object(), "task");
    const auto ref = find_task(name);
    const auto attempt = static_cast<std::uint32_t>(number_at(item.as_object(), "attempt"));
    findings_.expect(ref && durable_.attempts().contains({*ref, attempt}), "promise 1: was claimed and is not durably so", name);
  }
}

void Told::on_answered(const ports::HttpResponse& response) {
  const auto body = parse(response.body);
  const std::string name = body.is_object() ? text_at(body.as_object(), "task") : std::string();
  const auto ref = find_task(name);
  if (durable_.was_removed(JobId{to_index(name)})) return;
  if (!ref) return findings_.add("promise 1: an answer for " + name + " was taken and the task is not durable");
  note_end(*ref, TaskStatus::completed);
}

void Told::on_job(const ports::HttpResponse& response) {
  const auto body = parse(response.body);
  if (!body.is_object()) return findings_.add("a job is no object");
  const JobId id{number_at(body.as_object(), "id")};
  if (durable_.was_removed(id)) return;
  if (durable_.find_job(id) == nullptr) return findings_.add("promise 1: job " + std::to_string(id.value) + " was told and is not durable");
  note_job_end(id, text_at(body.as_object(), "state"));
}

void Told::on_events(std::string_view text) {
  std::string_view kind;
  while (!text.empty()) {
    const auto line = take_part(text, '\n');
    if (line.rfind("event: ", 0) == 0) kind = line.substr(7);
    if (line.rfind("data: ", 0) != 0) continue;
    if (kind == "tasks_ended") on_tasks_ended(line.substr(6));
    if (kind == "job_ended") on_job_ended(line.substr(6));
  }
}

/// {"job":3,"task":"train","state":"completed","indexes":"0-4,7"}: values of the array, or null for a single task.
void Told::on_tasks_ended(std::string_view data) {
  const auto value = parse(data);
  if (!value.is_object()) return findings_.add("an event is no object");
  const auto& event = value.as_object();
  const JobId id{number_at(event, "job")};
  if (durable_.was_removed(id)) return;
  const auto* job = durable_.find_job(id);
  const auto status = parse_task_status(text_at(event, "state"));
  if (job == nullptr || !status)
    return findings_.add("promise 1: an event of job " + std::to_string(id.value) + " was told and the job is not durable");
  const std::string name = text_at(event, "task");
  for (std::uint32_t group = 0; group < job->spec->tasks.size(); ++group) {
    const auto& spec = job->spec->tasks[group];
    if (spec.name != name) continue;
    if (!spec.is_array) return note_end({id, group, 0}, *status);
    const std::string indexes = text_at(event, "indexes");
    std::string_view rest(indexes);
    while (!rest.empty()) {
      std::string_view range = take_part(rest, ',');
      const auto first = to_index(take_part(range, '-'));
      const auto last = range.empty() ? first : to_index(range);
      for (auto index = first; index <= last; index += spec.array_step)
        note_end({id, group, (index - spec.array_first) / spec.array_step}, *status);
    }
  }
}

void Told::on_job_ended(std::string_view data) {
  const auto value = parse(data);
  if (!value.is_object()) return findings_.add("an event is no object");
  note_job_end(JobId{number_at(value.as_object(), "job")}, text_at(value.as_object(), "state"));
}

void Told::note_end(const TaskRef& task, TaskStatus status) {
  const auto [at, is_first] = ends_.emplace(task, status);
  findings_.expect(is_first || at->second == status, "was told to have ended in two ways", durable_.name_of(task));
  check_end(task, status);
}

void Told::note_job_end(JobId job, std::string_view state) {
  const auto status = parse_task_status(state);
  if (!status || !has_ended(*status)) return;
  if (durable_.was_removed(job)) return;
  job_ends_.emplace(job, *status);
  if (durable_.state_of(job) != *status)
    findings_.add("promise 1: job " + std::to_string(job.value) + " was told to be " + std::string(state) + " and is not durably so");
}

void Told::check_end(const TaskRef& task, TaskStatus status) {
  if (durable_.was_removed(task.job)) return;
  const auto* end = durable_.find_end(task);
  if (end == nullptr || end->status != status)
    findings_.add("promise 1: task " + durable_.name_of(task) + " was told to be " + std::string(to_string(status)) +
                  " and is not durably so");
}

void Told::check_all() {
  for (const auto& [key, id] : jobs_)
    findings_.expect(durable_.was_removed(id) || durable_.find_job(id) != nullptr, "was acknowledged and is missing", key);
  for (const auto& [task, status] : ends_) check_end(task, status);
  for (const auto& [job, status] : job_ends_)
    findings_.expect(durable_.was_removed(job) || durable_.state_of(job) == status, "was told to have ended and has not",
                     "job " + std::to_string(job.value));
}

}  // namespace stint::sim
