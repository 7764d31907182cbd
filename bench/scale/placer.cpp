#include "bench/scale/placer.hpp"

#include <chrono>
#include <thread>

#include "adapters/server/clock.hpp"
#include "bench/scale/process.hpp"

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::minutes(3);
constexpr auto kPoll = std::chrono::milliseconds(1);
constexpr auto kLook = std::chrono::milliseconds(500);
constexpr Duration kIdleCpu = std::chrono::milliseconds(5);
constexpr int kIdleLooks = 3;

}  // namespace

Result<Placer> Placer::start(const CellProcesses& cell, const SwarmAgent& agent, std::uint32_t window) {
  SwarmOptions options;
  options.server = cell.server();
  options.window = window;
  STINT_TRY(auto swarm, Swarm::start(std::move(options), {agent}));
  Placer placer(std::move(swarm));
  STINT_TRY_VOID(placer.wait_for(window));
  return placer;
}

Status Placer::wait_for(std::uint64_t assigned) const {
  for (const auto give_up = Clock::now() + kPatience; swarm_->counters().assigned < assigned; std::this_thread::sleep_for(kPoll))
    if (Clock::now() > give_up)
      return fail(Errc::unavailable,
                  std::to_string(swarm_->counters().assigned) + " placements came, " + std::to_string(assigned) + " were expected");
  return {};
}

Result<Duration> Placer::exchange(std::uint64_t attempts) {
  const std::uint64_t target = swarm_->counters().assigned + attempts;
  const Instant begun = server::read_clocks().mono;
  swarm_->complete(attempts);
  STINT_TRY_VOID(wait_for(target));
  return last_assigned() - begun;
}

Status wait_until_idle(pid_t process) {
  STINT_TRY(Duration before, cpu_time(process));
  const auto give_up = Clock::now() + kPatience;
  for (int idle = 0; idle < kIdleLooks && Clock::now() < give_up;) {
    std::this_thread::sleep_for(kLook);
    STINT_TRY(const Duration now, cpu_time(process));
    idle = now - before < kIdleCpu ? idle + 1 : 0;
    before = now;
  }
  return {};
}

}  // namespace stint::bench
