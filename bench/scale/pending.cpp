// What waits: one array of ten million, and a thousand jobs of ten thousand items each.
#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "adapters/server/clock.hpp"
#include "base/bytes.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/scale/cohort.hpp"
#include "bench/scale/history.hpp"
#include "bench/scale/parts.hpp"
#include "bench/scale/placer.hpp"
#include "bench/scale/process.hpp"
#include "hash/sha256.hpp"

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr double kArrayBytesMax = 2;
constexpr double kItemBytesMax = 200;
constexpr double kRateMin = 0.8;
constexpr double kArrayRestartMax = 5;
constexpr double kJobsRestartMax = 30;

constexpr std::uint32_t kWindowMax = 500;
constexpr std::uint32_t kSmallWindow = 4;
constexpr std::uint32_t kExchangedMax = 1'000;   ///< attempts of one round
constexpr std::uint32_t kSmallCell = 10'000;  ///< pending tasks there, in the middle of a round
constexpr std::uint32_t kShapes = 100;
constexpr std::size_t kItemBytes = 20;

using Cell = std::unique_ptr<CellProcesses>;

Result<double> idle_memory(const CellProcesses& cell) {
  STINT_TRY_VOID(wait_until_idle(cell.scheduler_pid()));
  return resident_bytes(cell.scheduler_pid());
}

/// SIGKILL, a start, and the time until an agent that connects at once has been told its first placement.
Result<Duration> time_restart(CellProcesses& cell, const SwarmAgent& agent) {
  cell.kill_scheduler();
  const Instant begun = server::read_clocks().mono;
  STINT_TRY_VOID(cell.restart_scheduler());
  STINT_TRY(const Placer placer, Placer::start(cell, agent, 1));
  return placer.last_assigned() - begun;
}

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

// One array.

Result<Cell> start_with_history(std::uint32_t tasks, std::vector<SwarmAgent>& agents) {
  STINT_TRY(Cell cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  STINT_TRY(agents, register_agents(*cell, 2));
  cell->stop_scheduler();
  STINT_TRY_VOID(write_array_history(cell->database(), tasks, agents[0].number));
  STINT_TRY_VOID(cell->restart_scheduler());
  return cell;
}

/// The rate of placements with many pending, against that with few: the median of rounds that take turns. Both arrays have a tenth of their
/// tasks finished in random order; in the middle of the rounds kSmallCell tasks of the small one are pending.
Status compare_rates(const ScaleRun& run, const CellProcesses& large, const SwarmAgent& agent) {
  const auto rounds = static_cast<std::uint32_t>(run.options.rounds);
  const std::uint32_t exchanged = std::min(kExchangedMax, run.options.pending / 2 / rounds);
  const std::uint32_t window = std::min(kWindowMax, run.options.pending / 10);
  const std::uint32_t open = kSmallCell + window + exchanged * rounds / 2;
  std::vector<SwarmAgent> agents;
  STINT_TRY(const Cell small, start_with_history(open / 9 * 10, agents));
  STINT_TRY(Placer few, Placer::start(*small, agents[0], window));
  STINT_TRY(Placer many, Placer::start(large, agent, window));
  std::vector<double> ratios, few_rates, many_rates;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    run.say("placements beside " + std::to_string(run.options.pending) + " pending, round " + std::to_string(round + 1) + " of " +
            std::to_string(rounds));
    STINT_TRY(const Duration few_time, few.exchange(exchanged));
    STINT_TRY(const Duration many_time, many.exchange(exchanged));
    few_rates.push_back(exchanged / seconds(few_time));
    many_rates.push_back(exchanged / seconds(many_time));
    ratios.push_back(seconds(few_time) / seconds(many_time));
  }
  run.note("placements beside few pending", kSmallCell, median(few_rates), "/s");
  run.note("placements beside many pending", run.options.pending, median(many_rates), "/s");
  run.hold("rate beside many pending / rate beside few", run.options.pending, median(ratios), "ratio", ">=", kRateMin);
  return {};
}

// Jobs of items.

std::string items_text(std::uint32_t job, std::uint32_t items) {
  std::string text;
  text.reserve(items * (kItemBytes + 1));
  for (std::uint32_t i = 0; i < items; ++i) {
    std::string item = "item-" + std::to_string(job) + "-" + std::to_string(i) + "-";
    item.resize(kItemBytes, 'x');
    text += item + "\n";
  }
  return text;
}

Status submit_items(CellProcesses& cell, std::uint32_t job, std::uint32_t items) {
  const std::string text = items_text(job, items);
  const std::string blob = to_hex(blob_id_of(as_bytes(text)));
  const std::string target = "/v1/blobs/" + blob + "?offset=0&size=" + std::to_string(text.size());
  STINT_TRY(const auto answer,
            cell.api().call({"PATCH", target, {{"Content-Type", "application/octet-stream"}}, text, std::chrono::minutes(1)}));
  if (answer.status != 200) return fail(Errc::io, "PATCH " + target + ": " + answer.body);
  const json::object each{{"items", blob}, {"count", items}};
  const json::object resources{{"cpu_millis", 1000 + job % kShapes}};
  return submit_job(
      cell, json::serialize(json::object{
                {"name", "items-" + std::to_string(job)},
                {"tasks", json::array{json::object{{"name", "main"}, {"driver", "noop"}, {"resources", resources}, {"each", each}}}}}));
}

}  // namespace

Status measure_array(const ScaleRun& run) {
  const std::uint32_t tasks = run.options.pending;
  run.say("writes an array of " + std::to_string(tasks) + " tasks, a tenth of them finished");
  STINT_TRY(const Cell cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  STINT_TRY(const auto agents, register_agents(*cell, 2));
  STINT_TRY(const double empty, idle_memory(*cell));
  cell->stop_scheduler();
  STINT_TRY_VOID(write_array_history(cell->database(), tasks, agents[0].number));
  STINT_TRY_VOID(cell->restart_scheduler());
  STINT_TRY(const double full, idle_memory(*cell));
  run.hold("memory of a task, one array", tasks, (full - empty) / tasks, "bytes each", "<=", kArrayBytesMax);

  STINT_TRY_VOID(compare_rates(run, *cell, agents[0]));
  STINT_TRY(const double used, idle_memory(*cell));
  run.hold("memory of a task, one array, after the rounds of placements", tasks, (used - empty) / tasks, "bytes each",
           "<=", kArrayBytesMax);
  run.say("kills and restarts the scheduler");
  STINT_TRY(const Duration restart, time_restart(*cell, agents[1]));
  run.hold("restart to first placement, one array", tasks, seconds(restart), "s", "<=", kArrayRestartMax);
  return {};
}

Status measure_jobs(const ScaleRun& run) {
  const std::uint32_t jobs = run.options.jobs;
  const std::uint64_t tasks = std::uint64_t{jobs} * run.options.items;
  STINT_TRY(const Cell cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  STINT_TRY(const auto agents, register_agents(*cell, 2));
  STINT_TRY(const double empty, idle_memory(*cell));
  const Instant begun = server::read_clocks().mono;
  for (std::uint32_t job = 0; job < jobs; ++job) {
    if (job % 10 == 0) run.say("submits job " + std::to_string(job) + " of " + std::to_string(jobs));
    STINT_TRY_VOID(submit_items(*cell, job, run.options.items));
  }
  const Instant submitted = server::read_clocks().mono;
  STINT_TRY(const double full, idle_memory(*cell));
  run.hold("memory of a task, jobs of items in 100 shapes", tasks, (full - empty) / static_cast<double>(tasks), "bytes each",
           "<=", kItemBytesMax);
  run.note("submitting a job with its items", jobs, seconds(submitted - begun) * 1000 / jobs, "ms each");

  run.say("kills and restarts the scheduler");
  STINT_TRY(Placer before, Placer::start(*cell, agents[0], kSmallWindow));
  STINT_TRY(const Duration restart, time_restart(*cell, agents[1]));
  run.hold("restart to first placement, jobs of items", tasks, seconds(restart), "s", "<=", kJobsRestartMax);
  return {};
}

}  // namespace stint::bench
