#include "scheduler/api/handlers.hpp"

#include <charconv>
#include <limits>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler::api {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Answer refuse(Problem problem) {
  return [problem = std::move(problem)] { return to_response(problem); };
}

Answer refuse(const Error& error) { return refuse(to_problem(error)); }

Answer say(int status, std::string json) {
  return [status, json = std::move(json)] {
    ports::HttpResponse response;
    response.status = status;
    response.body = json + "\n";
    return response;
  };
}

std::optional<std::string> find_query(const ports::HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query)
    if (key == name) return value;
  return std::nullopt;
}

Result<std::uint64_t> read_number(const ports::HttpRequest& request, std::string_view name, std::uint64_t otherwise) {
  const auto text = find_query(request, name);
  if (!text || text->empty()) return otherwise;
  if (const auto value = parse_number(*text)) return *value;
  return fail(Errc::invalid_argument, "query `" + std::string(name) + "`: \"" + *text + "\" is not a whole number");
}

Result<std::uint32_t> read_count(const ports::HttpRequest& request, std::string_view name, std::uint32_t otherwise) {
  constexpr auto kMax = std::numeric_limits<std::uint32_t>::max();
  STINT_TRY(const auto value, read_number(request, name, otherwise));
  if (value > kMax)
    return fail(Errc::invalid_argument, "query `" + std::string(name) + "`: " + std::to_string(value) + " is over " + std::to_string(kMax));
  return static_cast<std::uint32_t>(value);
}

Result<std::size_t> read_limit(const ports::HttpRequest& request) {
  STINT_TRY(const auto limit, read_number(request, "limit", limits::kReplyItemsDefault));
  if (limit == 0 || limit > limits::kReplyItemsMax)
    return fail(Errc::invalid_argument,
                "query `limit`: " + std::to_string(limit) + " is not within 1 to " + std::to_string(limits::kReplyItemsMax));
  return static_cast<std::size_t>(limit);
}

Result<JobId> find_job_id(const Cell& cell, std::string_view word) {
  if (word == "last") {
    const JobId newest = cell.core.newest_job();
    if (!newest) return fail(Errc::not_found, "there is no job yet");
    return newest;
  }
  const auto number = parse_number(word);
  if (!number) return fail(Errc::invalid_argument, "job \"" + std::string(word) + "\": expected a number or `last`");
  if (cell.core.was_removed(JobId{*number}))
    return fail(Errc::not_found, "job " + std::string(word) +
                                     ": no longer here; retention removed it (`retention.jobs` in stint.toml), "
                                     "or it came after the backup that the cell was restored from");
  if (cell.core.find_spec(JobId{*number}) == nullptr) return fail(Errc::not_found, "job " + std::string(word) + ": no such job");
  return JobId{*number};
}

Result<TaskRef> find_task_ref(const Cell& cell, std::string_view id) {
  const auto dot = id.find('.');
  if (dot == std::string_view::npos)
    return fail(Errc::invalid_argument,
                "task \"" + std::string(id) + "\": expected JOB.TASK or JOB.TASK.INDEX, such as 12.main or 12.train.3");
  STINT_TRY(const JobId job, find_job_id(cell, id.substr(0, dot)));
  if (const auto ref = core::find_task(job, *cell.core.find_spec(job), id.substr(dot + 1))) return *ref;
  return fail(Errc::not_found, "task " + std::string(id) + ": job " + std::to_string(job.value) + " has no such task");
}

Problem forbidden(const Principal& who, const std::string& what, core::Scopes needed) {
  if (needed.empty())
    return {403, "forbidden", what + " is for the token of a live attempt alone; the token `" + who.name + "` is none", "Authorization",
            "",  ""};
  std::string words = core::to_string(needed);
  if (const auto comma = words.rfind(", "); comma != std::string::npos) words.replace(comma, 2, " or ");
  const auto held = who.attempt ? "is that of an attempt, which may only move its own data" : "has " + core::to_string(who.scopes);
  return {403, "forbidden", what + " needs the scope " + words + "; the token `" + who.name + "` " + held,
          "",  "",          "ask who runs the scheduler for a token that has it (stint token create NAME --scope …)"};
}

std::optional<Problem> find_refusal(const Call& call, const core::JobView& job, std::string_view doing) {
  const auto& who = call.principal;
  if (who.scopes.allow(core::Scope::operate) || who.name == job.row.submitted_by) return std::nullopt;
  return forbidden(who,
                   std::string(doing) + " job " + std::to_string(job.row.id.value) + ", which `" + job.row.submitted_by + "` submitted,",
                   {core::Scope::operate});
}

std::string agent_name(const core::Scheduler& core, AgentNumber number) {
  const auto* row = core.find_agent(number);
  return row == nullptr ? std::string() : row->name;
}

}  // namespace stint::scheduler::api
