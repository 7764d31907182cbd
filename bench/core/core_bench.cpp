// What one thread of the scheduler's brain carries: task life cycles per second (placed, then reported completed), without store or
// network.
// Prints figures and asserts none; the bars are on the whole path (stint bench dispatch).
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/scheduler.hpp"

namespace stint::core {
namespace {

struct Shape {
  const char* name;
  std::uint32_t jobs;
  std::uint32_t tasks_per_job;
  std::uint32_t agents;
  std::uint32_t window;
};

class Bench {
 public:
  explicit Bench(const Shape& shape) : shape_(shape) {
    for (std::uint32_t i = 0; i < shape.agents; ++i) connect("a" + std::to_string(i));
    for (std::uint32_t i = 0; i < shape.jobs; ++i) submit();
  }

  /// Turns as the daemon makes them: reports of everything assigned in the turn before, one place(), effects dropped.
  std::uint64_t run(std::uint64_t limit) {
    std::uint64_t done = 0;
    while (done < limit) {
      effects_.rows.clear();
      std::vector<Assign> assigned;
      for (const Send& send : effects_.sends)
        if (const auto* assign = std::get_if<Assign>(&send)) assigned.push_back(*assign);
      effects_.sends.clear();
      for (const Assign& assign : assigned) report(assign);
      scheduler_.place(now_, effects_);
      done += assigned.size();
      if (assigned.empty() && effects_.sends.empty()) break;
    }
    return done;
  }

 private:
  void connect(const std::string& name) {
    const auto number = scheduler_.register_agent({name, "bench"}, now_, effects_);
    AgentConnected event;
    event.agent = number.value();
    event.offer.drivers = {"noop"};
    event.offer.resources.cpu_millis = 1'000'000;
    event.offer.window = shape_.window;
    scheduler_.on_agent_connected(event, now_, effects_);
  }
  void submit() {
    SubmitJob event;
    TaskSpec task;
    task.name = "main";
    task.driver = "noop";
    task.is_array = true;
    task.array_count = shape_.tasks_per_job;
    event.spec.tasks.push_back(task);
    if (!scheduler_.submit(std::move(event), now_, effects_)) std::puts("submit failed");
  }
  void report(const Assign& assign) {
    AttemptReport report;
    report.agent = assign.agent;
    report.ref = assign.ref;
    report.number = 1;
    report.status = TaskStatus::completed;
    report.reason = EndReason::exit;
    report.ended_at = now_.wall;
    scheduler_.on_attempt_report(report, now_, effects_);
  }

  Shape shape_;
  Scheduler scheduler_;
  Now now_{Instant{std::chrono::hours{1}}, unix_millis(1'700'000'000'000)};
  Effects effects_;
};

void measure(const Shape& shape, std::uint64_t limit) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  Bench bench{shape};
  const auto ready = Clock::now();
  const std::uint64_t done = bench.run(limit);
  const double seconds = std::chrono::duration<double>(Clock::now() - ready).count();
  const double setup_ms = std::chrono::duration<double, std::milli>(ready - begin).count();
  std::printf("%-28s %10llu life cycles  %8.0f ms set-up  %10.0f /s\n", shape.name, static_cast<unsigned long long>(done), setup_ms,
              static_cast<double>(done) / seconds);
}

}  // namespace
}  // namespace stint::core

int main() {
  using stint::core::measure;
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  measure({"1 array of 1 M, 2 agents", 1, 1'000'000, 2, 1'000}, kAll);
  measure({"1,000 jobs x 1,000, 2 agents", 1'000, 1'000, 2, 1'000}, kAll);
  measure({"10 M pending, 1 M done", 1, 10'000'000, 2, 1'000}, 1'000'000);
  measure({"10 k pending, 1,000 agents", 1, 10'000, 1'000, 4}, kAll);
  measure({"1 M over 1,000 agents", 1, 1'000'000, 1'000, 4}, kAll);
}
