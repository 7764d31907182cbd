#include "bench/dispatch/dispatch_bench.hpp"

#include <ostream>

#include "bench/dispatch/drivers.hpp"

namespace stint::bench {

int run_dispatch_bench(const DispatchBenchOptions& options, bool json, std::ostream& out) {
  const auto report = options.driver == "exec" ? measure_exec(options) : measure_noop(options);
  if (report) return print(*report, json, out);
  out << "bench dispatch: " << report.error().detail << "\n";
  return 2;
}

}  // namespace stint::bench
