#include "bench/cell/api_jobs.hpp"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr auto kPoll = std::chrono::milliseconds(2);
constexpr auto kCallTime = std::chrono::seconds(120);
constexpr auto kEndTime = std::chrono::minutes(15);  ///< of one job: on the slowest machine a million tasks take less

constexpr auto kPollMany = std::chrono::milliseconds(5);
constexpr std::uint32_t kSubmitters = 4;
constexpr std::uint32_t kPage = 1000;

Result<std::int64_t> post(adapters::BeastHttpClient& api, const std::string& job_text) {
  STINT_TRY(const auto answer, api.call({"POST", "/v1/jobs", {}, job_text, kCallTime}));
  if (answer.status != 201) return fail(Errc::io, "POST /v1/jobs: " + answer.body);
  return json::parse(answer.body).at("id").to_number<std::int64_t>();
}

/// Why a job does not come to its end, in the scheduler's own words.
std::string explain(CellProcesses& cell, const std::string& job) {
  const auto answer = cell.api().call({"GET", "/v1/jobs/" + job + "/explain", {}, {}, kCallTime});
  if (!answer) return answer.error().detail;
  json::error_code failed;
  const auto told = json::parse(answer->body, failed);
  const auto* const summary = failed || !told.is_object() ? nullptr : told.as_object().if_contains("summary");
  return summary != nullptr && summary->is_string() ? std::string(summary->as_string()) : answer->body;
}

/// How many jobs are in that state; more than `limit` is not looked for.
Result<std::size_t> count_jobs(CellProcesses& cell, const std::string& state, std::uint32_t limit) {
  const std::string path = "/v1/jobs?state=" + state + "&limit=" + std::to_string(std::min(limit, kPage));
  std::size_t found = 0;
  for (std::string after;;) {
    STINT_TRY(const auto answer, cell.api().call({"GET", path + after, {}, {}, kCallTime}));
    if (answer.status != 200) return fail(Errc::io, "GET /v1/jobs: " + answer.body);
    const auto list = json::parse(answer.body);
    found += list.at("items").as_array().size();
    const auto& next = list.at("next");
    if (next.is_null() || found >= limit) return found;
    after = "&after=" + (next.is_string() ? std::string(next.as_string()) : json::serialize(next));
  }
}

}  // namespace

std::string to_json_text(const ArrayJob& job) {
  json::object task{{"name", "main"},
                    {"driver", job.driver},
                    {"workdir", "/"},
                    {"resources", json::object{{"cpu_millis", 1000}}},
                    {"array", json::object{{"first", 0}, {"step", 1}, {"count", job.tasks}}}};
  if (!job.command.empty()) task["command"] = json::value_from(job.command);
  return json::serialize(json::object{{"name", "bench"}, {"tasks", json::array{std::move(task)}}});
}

Result<std::int64_t> submit(CellProcesses& cell, const std::string& job_text) { return post(cell.api(), job_text); }

Result<std::vector<std::int64_t>> submit_many(CellProcesses& cell, const std::string& job_text, std::uint32_t jobs) {
  std::vector<std::int64_t> numbers(jobs);
  std::atomic<std::uint32_t> next{0};
  const auto submit_some = [&](std::optional<Error>& problem) {
    adapters::BeastHttpClient api([&]() -> Result<adapters::HttpEndpoint> { return cell.endpoint(); });
    for (std::uint32_t i = next++; i < jobs; i = next++) {
      const auto number = post(api, job_text);
      if (!number) {
        problem = number.error();
        return;
      }
      numbers[i] = *number;
    }
  };
  std::vector<std::optional<Error>> problems(std::min(kSubmitters, jobs));
  std::vector<std::thread> submitters;
  for (auto& problem : problems) submitters.emplace_back(submit_some, std::ref(problem));
  for (auto& submitter : submitters) submitter.join();
  for (auto& problem : problems)
    if (problem) return tl::unexpected(std::move(*problem));
  return numbers;
}

Status wait_until_completed(CellProcesses& cell, std::int64_t id) {
  const std::string number = std::to_string(id);
  const auto last = std::chrono::steady_clock::now() + kEndTime;
  while (std::chrono::steady_clock::now() < last) {
    STINT_TRY(const auto answer, cell.api().call({"GET", "/v1/jobs/" + number, {}, {}, kCallTime}));
    const auto job = json::parse(answer.body);
    const auto& state = job.at("state").as_string();
    if (state == "completed") return {};
    if (state == "failed" || state == "cancelled") return fail(Errc::io, "job " + number + " ended as " + std::string(state));
    std::this_thread::sleep_for(kPoll);
  }
  return fail(Errc::unavailable,
              "job " + number + " has not ended after " + std::to_string(kEndTime.count()) + " min: " + explain(cell, number));
}

/// The scheduler is asked for one job only until none is left that has not ended: a look at a thousand would cost it as much as they do.
Status wait_until_all_completed(CellProcesses& cell, std::uint32_t jobs) {
  const auto last = std::chrono::steady_clock::now() + kEndTime;
  while (std::chrono::steady_clock::now() < last) {
    STINT_TRY(const auto pending, count_jobs(cell, "pending", 1));
    STINT_TRY(const auto running, count_jobs(cell, "running", 1));
    if (pending + running == 0) {
      STINT_TRY(const auto completed, count_jobs(cell, "completed", jobs));
      if (completed == jobs) return {};
    }
    std::this_thread::sleep_for(kPollMany);
  }
  return fail(Errc::unavailable,
              "not all of " + std::to_string(jobs) + " jobs have completed after " + std::to_string(kEndTime.count()) + " min");
}

}  // namespace stint::bench
