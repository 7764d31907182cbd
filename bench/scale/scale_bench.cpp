#include "bench/scale/scale_bench.hpp"

#include <ostream>

#include "bench/scale/parts.hpp"

namespace stint::bench {
namespace {

Status measure(const ScaleRun& run) {
  if (run.options.agents > 0) STINT_TRY_VOID(measure_connected(run, Transport::plain, run.options.agents));
  if (run.options.tls_agents > 0) STINT_TRY_VOID(measure_connected(run, Transport::tls, run.options.tls_agents));
  if (run.options.cost_tasks > 0) STINT_TRY_VOID(measure_costs(run));
  if (run.options.pending > 0) STINT_TRY_VOID(measure_array(run));
  if (run.options.jobs > 0) STINT_TRY_VOID(measure_jobs(run));
  return {};
}

}  // namespace

int run_scale_bench(const ScaleBenchOptions& options, bool json, std::ostream& out) {
  Report report;
  report.bench = "scale";
  report.rounds = options.rounds;
  report.notes = {{"memory", "resident bytes of the scheduler's process, less those of an empty cell"},
                  {"agents", "simulated, in processes of their own; the real protocol over TCP loopback, MAC on"},
                  {"store", "SQLite WAL, synchronous=FULL"}};
  Status measured;
  {
    const Progress progress;
    measured = measure({options, report, progress});
  }
  if (!measured) {
    out << "bench scale: " << measured.error().detail << "\n";
    return 2;
  }
  return print(report, json, out);
}

}  // namespace stint::bench
