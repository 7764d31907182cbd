#pragma once

#include "base/result.hpp"
#include "bench/dispatch/dispatch_bench.hpp"
#include "bench/report/report.hpp"

namespace stint::bench {

/// The two halves of `stint bench dispatch`: what one driver costs.
[[nodiscard]] Result<Report> measure_noop(const DispatchBenchOptions& options);
[[nodiscard]] Result<Report> measure_exec(const DispatchBenchOptions& options);

}  // namespace stint::bench
