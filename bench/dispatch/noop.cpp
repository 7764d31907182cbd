// Tasks a second without execution: what scheduling costs, and nothing else.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/store.hpp"
#include "bench/cell/api_jobs.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/dispatch/drivers.hpp"
#include "bench/dispatch/hyperqueue.hpp"
#include "bench/dispatch/store_alone.hpp"
#include "bench/report/progress.hpp"

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kTasks = 1'000'000;
constexpr std::uint32_t kRounds = 3;
constexpr std::uint32_t kCpusPerAgent = 4096;      ///< declared: how many noop tasks an agent holds at once
constexpr std::uint32_t kPeerCpus = 8192;          ///< declared by HyperQueue's worker: as many as our two agents, and its best here
constexpr int kPeerTries = 5;                      ///< its server is seen to panic in this mode
constexpr double kOfStoreMin = 0.25;
constexpr double kOfPeerMin = 2;
constexpr double kGoal = 150'000;
constexpr double kDream = 300'000;
constexpr const char* kPeerVariable = "STINT_PEER_HQ_ZERO";

struct Shape {
  std::string name;
  std::uint32_t jobs = 1;
  std::uint32_t tasks_each = 1;

  std::uint64_t tasks() const { return std::uint64_t{jobs} * tasks_each; }
};

/// Of one shape, a value for each round.
struct Measured {
  std::vector<double> seconds, rate, of_store, of_peer, store_rows;
  std::uint64_t whole = ~std::uint64_t{0};  ///< the fewest of any round
};

/// What the shapes of one round are compared with.
struct Limits {
  double store_rate = 0;
  double alike_rate = 0;  ///< of the store, with rows that are joined
  std::optional<double> peer_rate;
};

Result<double> time_jobs(CellProcesses& cell, const Shape& shape) {
  const std::string text = to_json_text({.driver = "noop", .command = {}, .tasks = shape.tasks_each});
  const auto start = Clock::now();
  STINT_TRY(const auto jobs, submit_many(cell, text, shape.jobs));
  STINT_TRY_VOID(shape.jobs == 1 ? wait_until_completed(cell, jobs.front()) : wait_until_all_completed(cell, shape.jobs));
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Opens the database of the killed scheduler: how many tasks have attempt, agent, start, end and exit status.
Result<std::uint64_t> count_whole_tasks(const std::string& database, std::uint32_t jobs) {
  STINT_TRY(auto reader, sqlite::make_reader(database));
  std::uint64_t whole = 0;
  for (std::uint32_t job = 1; job <= jobs; ++job) {
    ports::StoreReader::AttemptQuery query;
    query.job = JobId{job};
    query.results_only = true;
    query.limit = 10'000;
    for (;;) {
      STINT_TRY(const auto rows, reader->attempts(query));
      for (const auto& row : rows)
        whole += row.status == TaskStatus::completed && row.agent && row.ref.attempt >= 1 && to_ms(row.started_at) > 0 &&
                 to_ms(row.ended_at) > 0 && row.exit_code == 0;
      if (rows.size() < query.limit) break;
      query.from = rows.back().ref;
      ++query.from.attempt;
    }
  }
  return whole;
}

/// In how many rows all that is: alike neighbours share one (docs/storage.md "Runs").
Result<std::int64_t> count_rows(const std::string& path) {
  STINT_TRY(auto database, sqlite::Database::open(path, sqlite::Database::Access::read_only));
  return database.number("SELECT (SELECT count(*) FROM attempts) + (SELECT count(*) FROM attempt_runs)");
}

struct PeerTrouble {
  std::uint32_t repeated = 0;
  std::uint32_t unconfirmed = 0;
};

/// A run that the peer's client does not see to its end is none. One whose server has gone when it is asked once more counts: the client
/// said that all tasks had ended, and if they had not, the peer looks faster than it is.
Result<double> time_peer(const std::string& program, std::uint32_t tasks, PeerTrouble& trouble) {
  Error last;
  for (int tries = 0; tries < kPeerTries; ++tries) {
    STINT_TRY(auto hyperqueue, HyperQueue::start(program, kPeerCpus));
    const auto timed = hyperqueue->time_array(tasks, {"true"});
    if (timed) {
      trouble.unconfirmed += timed->is_confirmed ? 0 : 1;
      return timed->seconds;
    }
    last = timed.error();
    ++trouble.repeated;
  }
  return tl::unexpected(last);
}

Result<Limits> measure_limits(std::uint32_t tasks, const std::optional<std::string>& peer, PeerTrouble& trouble) {
  Limits limits;
  STINT_TRY(const double store_seconds, time_store_alone(tasks, Ends::apart));
  STINT_TRY(const double alike_seconds, time_store_alone(tasks, Ends::alike));
  limits.store_rate = tasks / store_seconds;
  limits.alike_rate = tasks / alike_seconds;
  if (!peer) return limits;
  STINT_TRY(const double peer_seconds, time_peer(*peer, tasks, trouble));
  limits.peer_rate = tasks / peer_seconds;
  return limits;
}

Status measure_shape(const Shape& shape, std::uint32_t agents, const Limits& limits, Measured& measured) {
  STINT_TRY(auto cell, CellProcesses::start({.agents = agents, .cpus = kCpusPerAgent, .settings = {}}));
  STINT_TRY(const double seconds, time_jobs(*cell, shape));
  cell->kill_scheduler();
  STINT_TRY(const auto whole, count_whole_tasks(cell->database(), shape.jobs));
  STINT_TRY(const auto rows, count_rows(cell->database()));
  const double rate = static_cast<double>(shape.tasks()) / seconds;
  measured.seconds.push_back(seconds);
  measured.rate.push_back(rate);
  measured.store_rows.push_back(static_cast<double>(rows));
  measured.of_store.push_back(rate / limits.store_rate);
  if (limits.peer_rate) measured.of_peer.push_back(rate / *limits.peer_rate);
  measured.whole = std::min(measured.whole, whole);
  return {};
}

void report_shape(const Shape& shape, const Measured& measured, const std::vector<Limits>& limits, Report& report) {
  std::vector<double> store_rates, alike_rates, peer_rates;
  for (const auto& each : limits) {
    store_rates.push_back(each.store_rate);
    alike_rates.push_back(each.alike_rate);
    if (each.peer_rate) peer_rates.push_back(*each.peer_rate);
  }
  boost::json::object row{{"shape", shape.name},
                          {"tasks", shape.tasks()},
                          {"seconds", median(measured.seconds)},
                          {"tasks_per_s", median(measured.rate)},
                          {"store_alone_per_s", median(store_rates)},
                          {"of_store_alone", median(measured.of_store)},
                          {"store_alone_joined_per_s", median(alike_rates)},
                          {"hyperqueue_per_s", nullptr},
                          {"of_hyperqueue", nullptr},
                          {"recorded_whole", measured.whole},
                          {"store_rows", median(measured.store_rows)},
                          {"reached", nullptr}};
  report.bars.push_back({"of_store_alone " + shape.name, median(measured.of_store), ">=", kOfStoreMin});
  if (!peer_rates.empty()) {
    row["hyperqueue_per_s"] = median(peer_rates);
    row["of_hyperqueue"] = median(measured.of_peer);
    report.bars.push_back({"of_hyperqueue " + shape.name, median(measured.of_peer), ">=", kOfPeerMin});
  }
  report.bars.push_back({"recorded_whole " + shape.name, static_cast<double>(measured.whole), "==", static_cast<double>(shape.tasks())});
  report.rows.push_back(std::move(row));
}

/// What we want to reach, without a bar, and how much of it the slower shape has.
void report_goals(const std::vector<Measured>& measured, Report& report) {
  double slowest = median(measured.front().rate);
  for (const auto& each : measured) slowest = std::min(slowest, median(each.rate));
  for (const auto& [name, rate] : {std::pair{"goal", kGoal}, std::pair{"dream", kDream}})
    report.rows.push_back({{"shape", std::string(name)}, {"tasks_per_s", rate}, {"reached", slowest / rate}});
}

/// The peer as it is started, or why not.
Result<std::optional<std::string>> find_peer(Report& report) {
  auto program = HyperQueue::find_program(kPeerVariable);
  if (!program) {
    report.skipped.push_back(std::string("HyperQueue without execution: ") + kPeerVariable +
                             " names no program; bench/peers/build-hyperqueue makes one");
    report.peer_missing = true;
    return program;
  }
  STINT_TRY(const auto version, HyperQueue::version(*program));
  report.notes["hyperqueue"] = version + " (" + kPeerVariable +
                               "), built with --cfg zero_worker: its workers execute nothing; journal on, " + "one worker of " +
                               std::to_string(kPeerCpus) + " CPUs, one array";
  return program;
}

}  // namespace

Result<Report> measure_noop(const DispatchBenchOptions& options) {
  const std::uint32_t tasks = options.tasks.value_or(kTasks);
  const std::uint32_t rounds = options.rounds.value_or(kRounds);
  const std::uint32_t jobs = std::min(options.jobs, tasks);
  Report report;
  report.bench = "dispatch";
  report.rounds = static_cast<int>(rounds);
  report.notes = {{"driver", "noop"},
                  {"agents", options.agents},
                  {"cpus_declared_each", kCpusPerAgent},
                  {"transport", "TCP loopback, MAC on"},
                  {"store", "SQLite WAL, synchronous=FULL"}};
  STINT_TRY(const auto peer, find_peer(report));
  const std::vector<Shape> shapes{{"one array", 1, tasks}, {std::to_string(jobs) + " jobs", jobs, tasks / jobs}};
  std::vector<Measured> measured(shapes.size());
  std::vector<Limits> limits;
  PeerTrouble trouble;
  const Progress progress;
  for (std::uint32_t i = 1; i <= rounds; ++i) {
    const std::string round = "round " + std::to_string(i) + " of " + std::to_string(rounds) + ": ";
    progress.say(round + "the store alone" + (peer ? ", HyperQueue" : ""));
    STINT_TRY(limits.emplace_back(), measure_limits(tasks, peer, trouble));
    for (std::size_t n = 0; n < shapes.size(); ++n) {
      progress.say(round + shapes[n].name);
      STINT_TRY_VOID(measure_shape(shapes[n], options.agents, limits.back(), measured[n]));
    }
  }
  for (std::size_t n = 0; n < shapes.size(); ++n) report_shape(shapes[n], measured[n], limits, report);
  report_goals(measured, report);
  if (trouble.repeated > 0) report.notes["hyperqueue_runs_repeated"] = trouble.repeated;
  if (trouble.unconfirmed > 0) report.notes["hyperqueue_server_gone_after_a_run"] = trouble.unconfirmed;
  return report;
}

}  // namespace stint::bench
