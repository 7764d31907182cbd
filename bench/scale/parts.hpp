#pragma once

#include <string>

#include "base/result.hpp"
#include "bench/report/progress.hpp"
#include "bench/report/report.hpp"
#include "bench/scale/scale_bench.hpp"

namespace stint::bench {

/// Where a part of the benchmark leaves what it found.
struct ScaleRun {
  const ScaleBenchOptions& options;
  Report& report;
  const Progress& progress;

  void say(const std::string& line) const { progress.say(line); }
  /// A row.
  void note(const std::string& measure, std::uint64_t count, double value, const std::string& unit) const {
    report.rows.push_back({{"measure", measure}, {"count", count}, {"value", value}, {"unit", unit}});
  }
  /// A row and its bar.
  void hold(const std::string& measure, std::uint64_t count, double value, const std::string& unit, const std::string& op,
            double limit) const {
    note(measure, count, value, unit);
    report.bars.push_back({measure, value, op, limit});
  }
};

enum class Transport : std::uint8_t { plain, tls };
/// Memory of connected agents, and the processor time of their heartbeats.
[[nodiscard]] Status measure_connected(const ScaleRun& run, Transport transport, std::uint32_t agents);
/// One array, a tenth of it finished in random order: memory, rate of placements beside a small cell, restart.
[[nodiscard]] Status measure_array(const ScaleRun& run);
/// Many jobs of items in a hundred shapes: memory, restart.
[[nodiscard]] Status measure_jobs(const ScaleRun& run);
/// What one task and one job cost in processor time, disk, network and memory.
[[nodiscard]] Status measure_costs(const ScaleRun& run);

}  // namespace stint::bench
