// What one more of a thing costs: for the capacity page, without bars.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <string>

#include "bench/cell/cell_processes.hpp"
#include "bench/scale/cohort.hpp"
#include "bench/scale/parts.hpp"
#include "bench/scale/placer.hpp"
#include "bench/scale/process.hpp"

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr std::uint32_t kWindow = 1'000;
constexpr std::uint32_t kExchanged = 10'000;
constexpr std::int64_t kTooManyCpus = 1'000'000;   ///< in thousandths: no agent here has them, so the job waits

using Cell = std::unique_ptr<CellProcesses>;

struct Usage {
  double cpu_us = 0, written = 0, resident = 0;
};

Result<Usage> usage_of(const CellProcesses& cell) {
  STINT_TRY_VOID(wait_until_idle(cell.scheduler_pid()));
  STINT_TRY(const Duration cpu, cpu_time(cell.scheduler_pid()));
  STINT_TRY(const double written, written_bytes(cell.scheduler_pid()));
  STINT_TRY(const double resident, resident_bytes(cell.scheduler_pid()));
  return Usage{std::chrono::duration<double, std::micro>(cpu).count(), written, resident};
}

std::string job_text(std::uint32_t count, std::int64_t cpu_millis) {
  return json::serialize(json::object{{"tasks", json::array{json::object{{"name", "main"},
                                                                         {"driver", "noop"},
                                                                         {"resources", json::object{{"cpu_millis", cpu_millis}}},
                                                                         {"array", json::object{{"count", count}}}}}}});
}

/// The database once everything in its log has been written into it.
double database_bytes(CellProcesses& cell) {
  cell.stop_scheduler();
  std::error_code error;
  const auto size = std::filesystem::file_size(cell.database(), error);
  return error ? 0 : static_cast<double>(size);
}

Result<double> empty_database_bytes() {
  STINT_TRY(const Cell cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  return database_bytes(*cell);
}

void note_usage(const ScaleRun& run, const std::string& what, std::uint32_t count, const Usage& before, const Usage& after) {
  run.note("processor time of a " + what, count, (after.cpu_us - before.cpu_us) / count, "us");
  run.note("written to files for a " + what, count, (after.written - before.written) / count, "bytes");
}

Status measure_tasks(const ScaleRun& run, double empty_bytes) {
  const std::uint32_t tasks = run.options.cost_tasks;
  STINT_TRY(const Cell cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  STINT_TRY(const auto agents, register_agents(*cell, 1));
  STINT_TRY_VOID(submit_job(*cell, job_text(tasks + kWindow, 1000)));
  STINT_TRY(Placer placer, Placer::start(*cell, agents.front(), kWindow));
  STINT_TRY(const Usage before, usage_of(*cell));
  const std::uint64_t network_before = placer.network_bytes();
  for (std::uint32_t done = 0; done < tasks; done += kExchanged) {
    run.say("tasks: " + std::to_string(done) + " of " + std::to_string(tasks));
    STINT_TRY(const Duration ignored, placer.exchange(std::min(kExchanged, tasks - done)));
    static_cast<void>(ignored);
  }
  STINT_TRY(const Usage after, usage_of(*cell));
  note_usage(run, "task", tasks, before, after);
  run.note("frames of a task", tasks, static_cast<double>(placer.network_bytes() - network_before) / tasks, "bytes");
  run.note("database of a task", tasks, (database_bytes(*cell) - empty_bytes) / tasks, "bytes");
  return {};
}

Status measure_small_jobs(const ScaleRun& run, double empty_bytes) {
  const std::uint32_t jobs = run.options.cost_jobs;
  STINT_TRY(const Cell cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  STINT_TRY(const Usage before, usage_of(*cell));
  const std::string text = job_text(1, kTooManyCpus);
  for (std::uint32_t job = 0; job < jobs; ++job) {
    if (job % 100 == 0) run.say("jobs: " + std::to_string(job) + " of " + std::to_string(jobs));
    STINT_TRY_VOID(submit_job(*cell, text));
  }
  STINT_TRY(const Usage after, usage_of(*cell));
  note_usage(run, "job", jobs, before, after);
  run.note("memory of a job", jobs, (after.resident - before.resident) / jobs, "bytes");
  run.note("database of a job", jobs, (database_bytes(*cell) - empty_bytes) / jobs, "bytes");
  return {};
}

}  // namespace

Status measure_costs(const ScaleRun& run) {
  STINT_TRY(const double empty_bytes, empty_database_bytes());
  STINT_TRY_VOID(measure_tasks(run, empty_bytes));
  return measure_small_jobs(run, empty_bytes);
}

}  // namespace stint::bench
