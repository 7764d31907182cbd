#include "bench/core/growth_bench.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "bench/core/core_cell.hpp"
#include "bench/report/report.hpp"

namespace stint::bench {
namespace {

constexpr double kPendingSlopeMax = 0.1;
constexpr double kAgentsSlopeMax = 0.35;
constexpr std::uint32_t kPendingFrom = 1'000;
constexpr std::uint32_t kAgentsFrom = 10;
constexpr std::uint32_t kCompleted = 20;        ///< of one turn
constexpr int kTurns = 20;                      ///< of one point in one round: of 1,000 pending tasks, 400 are placed
constexpr int kWarmTurns = 5;
constexpr std::uint32_t kShapes = 100;
constexpr std::uint32_t kShapesMost = 1'000;
constexpr std::uint32_t kFixedAgents = 10;      ///< while pending tasks grow
constexpr std::uint32_t kFixedWindow = 16;
constexpr std::uint32_t kFixedPending = 1'000'000;  ///< while agents grow
constexpr std::uint32_t kSmallWindow = 4;

struct Point {
  std::uint32_t number = 0;
  CoreCell::Shape shape;
  std::vector<double> place_ns, report_ns;
};
/// How the cost grows with one thing.
struct Curve {
  std::string axis;
  std::string work;
  double slope_max = 0;
  std::vector<Point> points;
};

Curve pending_curve(std::uint32_t most, std::uint32_t jobs, std::string work) {
  Curve curve{"pending", std::move(work), kPendingSlopeMax, {}};
  for (std::uint64_t number = kPendingFrom; number <= most; number *= 10) {
    const auto pending = static_cast<std::uint32_t>(number);
    // What agents hold at once and what warming up takes comes beside it, but no array is larger than arrays may be.
    const auto tasks = std::min<std::uint32_t>(pending + kFixedAgents * kFixedWindow + kWarmTurns * kCompleted, kFixedPending * 10);
    curve.points.push_back({pending, {kFixedAgents, kFixedWindow, tasks, jobs}, {}, {}});
  }
  return curve;
}

Curve agents_curve(std::uint32_t most, std::uint32_t jobs, std::string work) {
  Curve curve{"agents", std::move(work), kAgentsSlopeMax, {}};
  for (std::uint64_t number = kAgentsFrom; number <= most; number *= 10) {
    const auto agents = static_cast<std::uint32_t>(number);
    curve.points.push_back({agents, {agents, kSmallWindow, kFixedPending, jobs}, {}, {}});
  }
  return curve;
}

/// Without a bar: each shape is a class of its own, and a turn asks every class that waits for capacity.
Curve shapes_curve() {
  Curve curve{"shapes", "as many jobs", 0, {}};
  for (std::uint32_t shapes = 1; shapes <= kShapesMost; shapes *= 10)
    curve.points.push_back({shapes, {kFixedAgents, kFixedWindow, kFixedPending, shapes}, {}, {}});
  return curve;
}

void measure_once(Point& point) {
  CoreCell cell(point.shape);
  for (int i = 0; i < kWarmTurns; ++i) cell.turn(kCompleted);
  double place = 0, report = 0, placed = 0;
  for (int i = 0; i < kTurns; ++i) {
    const auto turn = cell.turn(kCompleted);
    place += static_cast<double>(turn.place.count());
    report += static_cast<double>(turn.report.count());
    placed += turn.placed;
  }
  point.place_ns.push_back(place / placed);
  point.report_ns.push_back(report / placed);
}

/// Of the line of least squares through the logarithms.
double slope(const Curve& curve) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const Point& point : curve.points) {
    const double x = std::log10(point.number), y = std::log10(median(point.place_ns));
    n += 1, sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return n < 2 ? 0 : (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

}  // namespace

int run_growth_bench(const GrowthBenchOptions& options, bool json, std::ostream& out) {
  std::vector<Curve> curves{pending_curve(options.pending, 1, "one array"), pending_curve(options.pending, kShapes, "100 shapes"),
                            agents_curve(options.agents, 1, "one array"), agents_curve(options.agents, kShapes, "100 shapes"),
                            shapes_curve()};
  for (int round = 0; round < options.rounds; ++round)
    for (Curve& curve : curves)
      for (Point& point : curve.points) measure_once(point);

  Report report;
  report.bench = "growth";
  report.rounds = options.rounds;
  report.notes = {{"turn", "20 attempts complete, drawn from all that are held; then one place()"},
                  {"beside growing pending tasks", "10 agents with 16 attempts each"},
                  {"beside growing agents", "1,000,000 tasks, 4 attempts at each agent"}};
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points)
      report.rows.push_back({{"axis", curve.axis},
                             {"work", curve.work},
                             {"number", point.number},
                             {"place_ns", median(point.place_ns)},
                             {"report_ns", median(point.report_ns)}});
    if (curve.slope_max > 0) report.bars.push_back({"slope over " + curve.axis + ", " + curve.work, slope(curve), "<=", curve.slope_max});
  }
  return print(report, json, out);
}

}  // namespace stint::bench
