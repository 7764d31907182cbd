// Real processes a second, beside what the kernel gives a loop that does nothing but start them and wait.

#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/cell/api_jobs.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/dispatch/bare_loop.hpp"
#include "bench/dispatch/drivers.hpp"
#include "bench/dispatch/hyperqueue.hpp"
#include "bench/report/progress.hpp"

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kTasks = 2'000;
constexpr std::uint32_t kRounds = 9;
constexpr std::uint32_t kCpus = 256;               ///< declared by the agent, and by HyperQueue's worker: how many tasks run at once
constexpr std::uint32_t kLoopsPerCore = 4;         ///< more at once are not faster: what the machine gives at all
constexpr double kOfLoopMin = 0.90;
constexpr const char* kPeerVariable = "STINT_PEER_HQ";

/// Tasks a second of each thing measured, a value for each round.
struct Measured {
  std::vector<double> loop, loop_per_core, loops, stint, peer;
};

Result<std::string> find_true() {
  for (const char* path : {"/usr/bin/true", "/bin/true"})
    if (::access(path, X_OK) == 0) return path;
  return fail(Errc::not_found, "no program `true` in /usr/bin or /bin");
}

Result<double> time_stint(CellProcesses& cell, const std::string& program, std::uint32_t tasks) {
  const std::string text = to_json_text({.driver = "exec", .command = {program}, .tasks = tasks});
  const auto start = Clock::now();
  STINT_TRY(const auto job, submit(cell, text));
  STINT_TRY_VOID(wait_until_completed(cell, job));
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Peers of one class only: this one starts processes too.
Result<std::unique_ptr<HyperQueue>> start_peer(Report& report) {
  const auto program = HyperQueue::find_program(kPeerVariable);
  if (!program) {
    report.skipped.push_back(std::string("HyperQueue: ") + kPeerVariable + " names no program");
    return nullptr;
  }
  STINT_TRY(const auto version, HyperQueue::version(*program));
  report.notes["hyperqueue"] = version + " (" + kPeerVariable + "); journal on, one worker of " + std::to_string(kCpus) +
                               " CPUs, output thrown away: it has no bar here";
  return HyperQueue::start(*program, kCpus);
}

struct Setting {
  std::string program;
  std::uint32_t tasks;
  std::uint32_t cores;
};

Status measure_round(const Setting& setting, CellProcesses& cell, HyperQueue* peer, Measured& measured) {
  const double tasks = setting.tasks;
  STINT_TRY(const double loop, time_bare_loop(setting.program, setting.tasks, 1));
  STINT_TRY(const double stint, time_stint(cell, setting.program, setting.tasks));
  STINT_TRY(const double loop_per_core, time_bare_loop(setting.program, setting.tasks, setting.cores));
  STINT_TRY(const double loops, time_bare_loop(setting.program, setting.tasks, kLoopsPerCore * setting.cores));
  measured.loop.push_back(tasks / loop);
  measured.stint.push_back(tasks / stint);
  measured.loop_per_core.push_back(tasks / loop_per_core);
  measured.loops.push_back(tasks / loops);
  if (peer == nullptr) return {};
  STINT_TRY(const auto timed, peer->time_array(setting.tasks, {setting.program}));
  measured.peer.push_back(tasks / timed.seconds);
  return {};
}

/// The median of the rounds' ratios: what disturbs the machine disturbs both sides of a round.
double median_ratio(const std::vector<double>& of, const std::vector<double>& to) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < of.size(); ++i) ratios.push_back(of[i] / to[i]);
  return median(ratios);
}

void report_rows(const Measured& measured, Report& report) {
  const std::array<std::pair<const char*, const std::vector<double>*>, 5> rows{{{"bare loop, one at a time", &measured.loop},
                                                                                {"bare loops, one per core", &measured.loop_per_core},
                                                                                {"bare loops, four per core", &measured.loops},
                                                                                {"stint", &measured.stint},
                                                                                {"HyperQueue", &measured.peer}}};
  for (const auto& [name, rates] : rows) {
    if (rates->empty()) continue;
    report.rows.push_back({{"who", std::string(name)},
                           {"tasks_per_s", median(*rates)},
                           {"of_bare_loop", median_ratio(*rates, measured.loop)},
                           {"of_loop_per_core", median_ratio(*rates, measured.loop_per_core)},
                           {"of_four_loops_per_core", median_ratio(*rates, measured.loops)}});
  }
  report.bars.push_back({"of_bare_loop", median_ratio(measured.stint, measured.loop), ">=", kOfLoopMin});
}

}  // namespace

Result<Report> measure_exec(const DispatchBenchOptions& options) {
  Report report;
  report.bench = "dispatch";
  const std::uint32_t rounds = options.rounds.value_or(kRounds);
  report.rounds = static_cast<int>(rounds);
  STINT_TRY(const auto program, find_true());
  const Setting setting{program, options.tasks.value_or(kTasks), std::max(1U, std::thread::hardware_concurrency())};
  report.notes = {
      {"driver", "exec"}, {"program", program},     {"tasks_each_round", setting.tasks},
      {"agents", 1},      {"cpus_declared", kCpus}, {"isolation", "none; output captured, a CPU limit where cgroups can be written"}};
  STINT_TRY(const auto peer, start_peer(report));
  STINT_TRY(auto cell, CellProcesses::start({.agents = 1, .cpus = kCpus, .settings = {}}));
  STINT_TRY_VOID(time_stint(*cell, program, setting.tasks / 4 + 1));  // its first tasks find a cold cell
  Measured measured;
  const Progress progress;
  for (std::uint32_t i = 1; i <= rounds; ++i) {
    progress.say("round " + std::to_string(i) + " of " + std::to_string(rounds));
    STINT_TRY_VOID(measure_round(setting, *cell, peer.get(), measured));
  }
  report_rows(measured, report);
  return report;
}

}  // namespace stint::bench
