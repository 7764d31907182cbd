#include "bench/dispatch/dispatch_bench.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "adapters/sqlite/store.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/report/report.hpp"

namespace stint::bench {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kCpusPerAgent = 4096;      ///< declared: how many noop tasks an agent holds at once
constexpr std::uint32_t kStoreBatch = 4096;        ///< tasks per commit of the store alone
constexpr auto kPoll = std::chrono::milliseconds(2);
constexpr auto kCallTime = std::chrono::seconds(120);

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string job_text(std::uint32_t count) {
  return json::serialize(
      json::object{{"name", "bench"},
                   {"tasks", json::array{json::object{{"name", "main"},
                                                      {"driver", "noop"},
                                                      {"workdir", "/"},
                                                      {"resources", json::object{{"cpu_millis", 1000}}},
                                                      {"array", json::object{{"first", 0}, {"step", 1}, {"count", count}}}}}}});
}

/// Submits `jobs` jobs of `count` tasks and waits until the API says of each that it has completed, which it says only of what is durable.
Result<double> time_jobs(CellProcesses& cell, std::uint32_t jobs, std::uint32_t count) {
  const std::string text = job_text(count);
  std::vector<std::int64_t> open;
  const auto start = Clock::now();
  for (std::uint32_t i = 0; i < jobs; ++i) {
    STINT_TRY(const auto answer, cell.api().call({"POST", "/v1/jobs", {}, text, kCallTime}));
    if (answer.status != 201) return fail(Errc::io, "POST /v1/jobs: " + answer.body);
    open.push_back(json::parse(answer.body).at("id").to_number<std::int64_t>());
  }
  for (const auto id : open) {
    for (;;) {
      STINT_TRY(const auto answer, cell.api().call({"GET", "/v1/jobs/" + std::to_string(id), {}, {}, kCallTime}));
      const auto job = json::parse(answer.body);
      const auto& state = job.at("state").as_string();
      if (state == "completed") break;
      if (state == "failed" || state == "cancelled") return fail(Errc::io, "job " + std::to_string(id) + " ended as " + std::string(state));
      std::this_thread::sleep_for(kPoll);
    }
  }
  return seconds_since(start);
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

/// The same store alone writing the same rows: each task's attempt once when placed and once when ended, batch after batch.
class StoreAlone {
 public:
  Result<double> run(std::uint32_t tasks) {
    const char* tmp = std::getenv("TMPDIR");
    std::string folder = std::string(tmp != nullptr ? tmp : "/var/tmp") + "/stint-bench-store-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return fail(Errc::io, folder + ": cannot be made");
    auto elapsed = write_all(folder + "/state.db", tasks);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return elapsed;
  }

 private:
  Result<double> write_all(const std::string& path, std::uint32_t tasks) {
    auto store = sqlite::make_store({path, [this](std::function<void()> work) {
                                       const std::lock_guard lock(mutex_);
                                       work();
                                       wake_.notify_one();
                                     }});
    STINT_TRY(const auto opened, store->open([this](BatchNumber number, Status status) {
      written_ = number.value;
      if (!status) problem_ = status.error().detail;
    }));
    const auto start = Clock::now();
    std::uint64_t batch = opened.last_batch.value;
    for (std::uint32_t first = 0; first < tasks; first += kStoreBatch)
      for (const bool ended : {false, true})
        store->commit({BatchNumber{++batch}, rows(first, std::min(tasks, first + kStoreBatch), ended)});
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return written_ == batch; });
    if (!problem_.empty()) return fail(Errc::io, problem_);
    return seconds_since(start);
  }

  static std::vector<core::Row> rows(std::uint32_t first, std::uint32_t end, bool ended) {
    std::vector<core::Row> made;
    for (std::uint32_t i = first; i < end; ++i) {
      core::AttemptRow row;
      row.ref = {{JobId{1}, 0, i}, 1};
      row.agent = AgentNumber{1};
      row.placed_at = row.started_at = unix_millis(1'700'000'000'000);
      if (ended) {
        row.status = TaskStatus::completed;
        row.reason = EndReason::exit;
        row.live = false;
        row.accepted = row.is_result = true;
        row.ended_at = row.started_at;
      }
      made.emplace_back(std::move(row));
    }
    return made;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::uint64_t written_ = 0;
  std::string problem_;
};

struct Shape {
  std::string name;
  std::uint32_t jobs;
  std::uint32_t tasks_each;
};

Status measure(const DispatchBenchOptions& options, const Shape& shape, double store_rate, Report& report) {
  STINT_TRY(auto cell, CellProcesses::start({.agents = options.agents, .cpus = kCpusPerAgent, .settings = {}}));
  STINT_TRY(const double elapsed, time_jobs(*cell, shape.jobs, shape.tasks_each));
  cell->kill_scheduler();
  const std::uint64_t tasks = std::uint64_t{shape.jobs} * shape.tasks_each;
  STINT_TRY(const auto whole, count_whole_tasks(cell->database(), shape.jobs));
  const double rate = static_cast<double>(tasks) / elapsed;
  report.rows.push_back({{"shape", shape.name},
                         {"tasks", tasks},
                         {"seconds", elapsed},
                         {"tasks_per_s", rate},
                         {"store_alone_per_s", store_rate},
                         {"of_store_alone", rate / store_rate},
                         {"recorded_whole", whole}});
  report.bars.push_back({"recorded_whole " + shape.name, static_cast<double>(whole), "==", static_cast<double>(tasks)});
  return {};
}

}  // namespace

int run_dispatch_bench(const DispatchBenchOptions& options, bool json, std::ostream& out) {
  Report report;
  report.bench = "dispatch";
  report.rounds = 1;
  report.notes = {{"driver", "noop"},
                  {"agents", options.agents},
                  {"cpus_declared_each", kCpusPerAgent},
                  {"transport", "TCP loopback, MAC on"},
                  {"store", "SQLite WAL, synchronous=FULL"}};
  report.skipped.push_back("HyperQueue without execution: compared by a later benchmark");
  const auto alone = StoreAlone().run(options.tasks);
  const Shape shapes[] = {{"one array", 1, options.tasks},
                          {std::to_string(options.jobs) + " jobs", options.jobs, options.tasks / options.jobs}};
  for (const auto& shape : shapes) {
    const Status measured = alone ? measure(options, shape, options.tasks / *alone, report) : Status(tl::unexpected<Error>(alone.error()));
    if (!measured) {
      out << "bench dispatch: " << measured.error().detail << "\n";
      return 2;
    }
  }
  return print(report, json, out);
}

}  // namespace stint::bench
