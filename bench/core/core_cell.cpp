#include "bench/core/core_cell.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "base/assert.hpp"

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kTaskCpu = 1'000;  ///< of the first job's; each further job's tasks want a thousandth of a CPU more

}  // namespace

CoreCell::CoreCell(const Shape& shape) : shape_(shape) {
  for (std::uint32_t i = 0; i < shape.agents; ++i) connect(i);
  for (std::uint32_t i = 0; i < shape.jobs; ++i) submit(i, shape.tasks / shape.jobs);
  turn(0);
}

CoreCell::Turn CoreCell::turn(std::uint32_t completed) {
  Turn turn;
  const auto begun = Clock::now();
  for (std::uint32_t i = 0; i < completed && !held_.empty(); ++i) {
    std::swap(held_[draw_.below(held_.size())], held_.back());
    report(held_.back());
    held_.pop_back();
  }
  take_effects();
  const auto reported = Clock::now();
  scheduler_.place(now_, effects_);
  const auto placed = Clock::now();
  turn.placed = take_effects();
  turn.report = reported - begun;
  turn.place = placed - reported;
  return turn;
}

std::uint32_t CoreCell::take_effects() {
  std::uint32_t assigned = 0;
  for (const core::Send& send : effects_.sends) {
    const auto* assign = std::get_if<core::Assign>(&send);
    if (assign == nullptr) continue;
    held_.push_back(*assign);
    ++assigned;
  }
  effects_.rows.clear();
  effects_.sends.clear();
  return assigned;
}

void CoreCell::connect(std::uint32_t number) {
  const auto agent = scheduler_.register_agent({"a" + std::to_string(number), "bench"}, now_, effects_);
  STINT_ASSERT(agent);
  core::AgentConnected event;
  event.agent = *agent;
  event.offer.drivers = {"noop"};
  event.offer.resources.cpu_millis = (kTaskCpu + shape_.jobs) * shape_.window;
  event.offer.window = shape_.window;
  scheduler_.on_agent_connected(event, now_, effects_);
}

void CoreCell::submit(std::uint32_t job, std::uint32_t tasks) {
  core::SubmitJob event;
  core::TaskSpec task;
  task.name = "main";
  task.driver = "noop";
  task.is_array = true;
  task.array_count = tasks;
  task.resources.cpu_millis = kTaskCpu + job;
  event.spec.tasks.push_back(std::move(task));
  const auto submitted = scheduler_.submit(std::move(event), now_, effects_);
  STINT_ASSERT(submitted);
}

void CoreCell::report(const core::Assign& assign) {
  core::AttemptReport report;
  report.agent = assign.agent;
  report.ref = assign.ref;
  report.number = 1;
  report.status = TaskStatus::completed;
  report.reason = EndReason::exit;
  report.started_at = report.ended_at = now_.wall;
  scheduler_.on_attempt_report(report, now_, effects_);
}

}  // namespace stint::bench
