#include "bench/cell/api_jobs.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <thread>

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr auto kPoll = std::chrono::milliseconds(2);
constexpr auto kCallTime = std::chrono::seconds(120);

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

Result<std::int64_t> submit(CellProcesses& cell, const std::string& job_text) {
  STINT_TRY(const auto answer, cell.api().call({"POST", "/v1/jobs", {}, job_text, kCallTime}));
  if (answer.status != 201) return fail(Errc::io, "POST /v1/jobs: " + answer.body);
  return json::parse(answer.body).at("id").to_number<std::int64_t>();
}

Status wait_until_completed(CellProcesses& cell, std::int64_t id) {
  for (;;) {
    STINT_TRY(const auto answer, cell.api().call({"GET", "/v1/jobs/" + std::to_string(id), {}, {}, kCallTime}));
    const auto job = json::parse(answer.body);
    const auto& state = job.at("state").as_string();
    if (state == "completed") return {};
    if (state == "failed" || state == "cancelled") return fail(Errc::io, "job " + std::to_string(id) + " ended as " + std::string(state));
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace stint::bench
