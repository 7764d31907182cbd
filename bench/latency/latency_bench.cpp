#include "bench/latency/latency_bench.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "bench/cell/api_jobs.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/cell/folder.hpp"
#include "bench/latency/disk_probe.hpp"
#include "bench/latency/submitter.hpp"
#include "bench/report/progress.hpp"
#include "bench/report/report.hpp"

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, as the task reads it
using std::chrono::milliseconds;

constexpr std::uint32_t kWarmUp = 20;
constexpr std::uint32_t kCpus = 2;
constexpr double kMedianMsMax = 0.8;               ///< above the disk's own median
constexpr double kTailMsMax = 4;                   ///< above the disk's own p99
constexpr double kIdleTail = 3;                    ///< fdatasync's p99 in its medians; beyond, somebody else is at the disk
constexpr auto kTaskTime = milliseconds(30'000);
constexpr auto kIdle = milliseconds(15);           ///< between two jobs: what the last one leaves to be done is done
constexpr std::uint32_t kIdleSteps = 7;            ///< and up to as many ms more, so that no timer of the cell walks along
constexpr const char* kProgram = "stint-first-instruction";

double ms_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

/// Where tasks say when they began.
class StartTimes {
 public:
  static Result<StartTimes> make(const std::filesystem::path& folder) {
    StartTimes made(folder / "started");
    if (::mkfifo(made.path_.c_str(), 0600) != 0) return fail(Errc::io, made.path_ + ": " + std::strerror(errno));
    made.pipe_ = ::open(made.path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);  // also for writing: without a task it is not at its end
    if (made.pipe_ < 0) return fail(Errc::io, made.path_ + ": " + std::strerror(errno));
    return made;
  }
  ~StartTimes() {
    if (pipe_ >= 0) ::close(pipe_);
  }
  StartTimes(StartTimes&& other) noexcept : path_(std::move(other.path_)), pipe_(std::exchange(other.pipe_, -1)) {}
  StartTimes& operator=(StartTimes&&) = delete;

  const std::string& path() const { return path_; }

  Result<Clock::time_point> next() {
    pollfd wait{pipe_, POLLIN, 0};
    std::int64_t ns = 0;
    if (::poll(&wait, 1, static_cast<int>(kTaskTime.count())) <= 0 || ::read(pipe_, &ns, sizeof ns) != sizeof ns)
      return fail(Errc::unavailable, "a task did not begin within " + std::to_string(kTaskTime.count()) + " ms");
    return Clock::time_point(std::chrono::nanoseconds(ns));
  }

 private:
  explicit StartTimes(std::string path) : path_(std::move(path)) {}

  std::string path_;
  int pipe_ = -1;
};

/// Milliseconds, a value for each round.
struct Measured {
  std::vector<double> disk, answered, begun, ended;
};

Result<std::string> find_program() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / kProgram;
  if (::access(program.c_str(), X_OK) == 0) return program.string();
  return fail(Errc::not_found, program.string() + " is not there; it is built beside stint: cmake --build --preset release");
}

Status measure_job(CellProcesses& cell, Submitter& submitter, StartTimes& times, Measured& measured) {
  STINT_TRY(const auto submitted, submitter.submit());
  STINT_TRY(const auto begun, times.next());
  STINT_TRY_VOID(wait_until_completed(cell, submitted.job));
  measured.ended.push_back(ms_between(submitted.sent, Clock::now()));
  measured.answered.push_back(ms_between(submitted.sent, submitted.answered));
  measured.begun.push_back(ms_between(submitted.sent, begun));
  return {};
}

Status measure_disk(DiskProbe& disk, Measured& measured) {
  STINT_TRY(const double ms, disk.time_once());
  measured.disk.push_back(ms);
  return {};
}

double tail_of(const std::vector<double>& ms) { return percentile(ms, 0.99) / percentile(ms, 0.50); }

Result<Measured> measure_rounds(std::uint32_t rounds, const Progress& progress) {
  STINT_TRY(const auto program, find_program());
  STINT_TRY(const auto folder, Folder::make());
  STINT_TRY(auto times, StartTimes::make(folder.path()));
  STINT_TRY(auto disk, DiskProbe::make(folder.path()));
  STINT_TRY(auto cell, CellProcesses::start({.agents = 1, .cpus = kCpus, .settings = {}}));
  const std::string job = to_json_text({.driver = "exec", .command = {program, times.path()}, .tasks = 1});
  STINT_TRY(auto submitter, Submitter::make(cell->endpoint(), job));
  Measured measured, warm_up;
  for (std::uint32_t i = 0; i < kWarmUp + rounds; ++i) {
    Measured& into = i < kWarmUp ? warm_up : measured;
    if (i % 10 == 0) progress.say("job " + std::to_string(i) + " of " + std::to_string(kWarmUp + rounds));
    std::this_thread::sleep_for(kIdle + milliseconds(i % kIdleSteps));
    if (i % 2 == 0) STINT_TRY_VOID(measure_disk(disk, into));
    STINT_TRY_VOID(measure_job(*cell, submitter, times, into));
    if (i % 2 == 1) STINT_TRY_VOID(measure_disk(disk, into));
  }
  return measured;
}

struct Tried {
  Measured measured;  ///< when the disk was at its calmest
  std::uint32_t tries = 0;
};

Result<Tried> measure_idle(const LatencyBenchOptions& options) {
  const Progress progress;
  Tried tried;
  do {
    STINT_TRY(auto measured, measure_rounds(options.rounds, progress));
    if (++tried.tries == 1 || tail_of(measured.disk) < tail_of(tried.measured.disk)) tried.measured = std::move(measured);
  } while (tried.tries < options.tries && tail_of(tried.measured.disk) > kIdleTail);
  return tried;
}

void report_row(const char* what, const std::vector<double>& ms, Report& report) {
  report.rows.push_back({{"what", what},
                         {"p50_ms", percentile(ms, 0.50)},
                         {"p90_ms", percentile(ms, 0.90)},
                         {"p99_ms", percentile(ms, 0.99)},
                         {"max_ms", percentile(ms, 1)}});
}

}  // namespace

int run_latency_bench(const LatencyBenchOptions& options, bool json, std::ostream& out) {
  const auto tried = measure_idle(options);
  if (!tried) {
    out << "bench latency: " << tried.error().detail << "\n";
    return 2;
  }
  const Measured& measured = tried->measured;
  Report report;
  report.bench = "latency";
  report.rounds = static_cast<int>(options.rounds);
  report.notes = {{"driver", "exec"},
                  {"agents", 1},
                  {"transport", "TCP loopback, MAC on"},
                  {"store", "SQLite WAL, synchronous=FULL"},
                  {"task", "one process without libraries, which reads the clock first"},
                  {"disk_p99_of_p50", tail_of(measured.disk)},
                  {"tries", tried->tries}};
  report_row("fdatasync of an overwrite", measured.disk, report);
  report_row("submit -> answered", measured.answered, report);
  report_row("submit -> first instruction", measured.begun, report);
  report_row("submit -> told of its end", measured.ended, report);
  const auto above_disk = [&](double part) { return percentile(measured.begun, part) - percentile(measured.disk, part); };
  report.bars.push_back({"p50_above_fdatasync_ms", above_disk(0.50), "<=", kMedianMsMax});
  report.bars.push_back({"p99_above_fdatasync_ms", above_disk(0.99), "<=", kTailMsMax});
  return print(report, json, out);
}

}  // namespace stint::bench
