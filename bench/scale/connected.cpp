#include <chrono>
#include <thread>

#include "bench/cell/cell_processes.hpp"
#include "bench/scale/cohort.hpp"
#include "bench/scale/parts.hpp"
#include "bench/scale/process.hpp"
#include "bench/scale/swarm.hpp"

namespace stint::bench {
namespace {

constexpr double kPlainBytesMax = 10'000;
constexpr double kTlsBytesMax = 32'000;
constexpr double kHeartbeatCpuMax = 0.02;
constexpr std::size_t kAgentsPerProcess = 5'000;
constexpr auto kConnectTime = std::chrono::minutes(4);
constexpr auto kSettleTime = std::chrono::seconds(3);
constexpr auto kPoll = std::chrono::milliseconds(100);

using Clock = std::chrono::steady_clock;
using Swarms = std::vector<std::unique_ptr<Swarm>>;

std::uint64_t sum(const Swarms& swarms, std::atomic<std::uint64_t> SwarmCounters::* counter) {
  std::uint64_t all = 0;
  for (const auto& swarm : swarms) all += (swarm->counters().*counter).load();
  return all;
}

Result<Swarms> connect(const ScaleRun& run, const CellProcesses& cell, Transport transport, const std::vector<SwarmAgent>& agents) {
  Swarms swarms;
  SwarmOptions options;
  options.server = cell.server();
  if (transport == Transport::tls) options.pins = cell.pins();
  for (std::size_t first = 0; first < agents.size(); first += kAgentsPerProcess) {
    const auto begin = agents.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = agents.begin() + static_cast<std::ptrdiff_t>(std::min(agents.size(), first + kAgentsPerProcess));
    STINT_TRY(auto swarm, Swarm::start(options, {begin, end}));
    swarms.push_back(std::move(swarm));
  }
  for (const auto give_up = Clock::now() + kConnectTime; sum(swarms, &SwarmCounters::connected) < agents.size();) {
    const auto connected = sum(swarms, &SwarmCounters::connected);
    run.say(std::to_string(connected) + " of " + std::to_string(agents.size()) + " agents are connected");
    if (Clock::now() > give_up)
      return fail(Errc::unavailable, "only " + std::to_string(connected) + " of " + std::to_string(agents.size()) + " agents connected");
    std::this_thread::sleep_for(kPoll);
  }
  return swarms;
}

}  // namespace

Status measure_connected(const ScaleRun& run, Transport transport, std::uint32_t count) {
  const std::string how = transport == Transport::tls ? "TLS" : "plain";
  STINT_TRY(auto cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = {}}));
  std::this_thread::sleep_for(kSettleTime);
  STINT_TRY(const double empty, resident_bytes(cell->scheduler_pid()));
  run.say("registers " + std::to_string(count) + " agents");
  STINT_TRY(const auto agents, register_agents(*cell, count));
  STINT_TRY(const double registered, resident_bytes(cell->scheduler_pid()));
  const auto started = Clock::now();
  STINT_TRY(const auto swarms, connect(run, *cell, transport, agents));
  const double connect_seconds = std::chrono::duration<double>(Clock::now() - started).count();
  std::this_thread::sleep_for(kSettleTime);
  STINT_TRY(const double connected, resident_bytes(cell->scheduler_pid()));

  run.say("watches heartbeats for " + std::to_string(run.options.heartbeat_seconds) + " s");
  const auto lost_before = sum(swarms, &SwarmCounters::lost);
  const auto frames_before = sum(swarms, &SwarmCounters::frames_out);
  const auto bytes_before = sum(swarms, &SwarmCounters::bytes);
  STINT_TRY(const Duration cpu_before, cpu_time(cell->scheduler_pid()));
  const auto watched = Clock::now();
  std::this_thread::sleep_for(std::chrono::seconds(run.options.heartbeat_seconds));
  STINT_TRY(const Duration cpu_after, cpu_time(cell->scheduler_pid()));
  const double seconds = std::chrono::duration<double>(Clock::now() - watched).count();
  const auto heartbeats = sum(swarms, &SwarmCounters::frames_out) - frames_before;
  const auto bytes = sum(swarms, &SwarmCounters::bytes) - bytes_before;
  const double cpu = std::chrono::duration<double>(cpu_after - cpu_before).count();

  const bool is_plain = transport == Transport::plain;
  run.hold("memory of a connected agent, " + how, count, (connected - empty) / count, "bytes each",
           "<=", is_plain ? kPlainBytesMax : kTlsBytesMax);
  run.note("of that, of a registered one, " + how, count, (registered - empty) / count, "bytes each");
  run.note("connecting, " + how, count, connect_seconds, "s");
  run.note("heartbeats, " + how, count, static_cast<double>(heartbeats) / seconds, "/s");
  const auto each = [heartbeats](double all) { return heartbeats == 0 ? 0 : all / static_cast<double>(heartbeats); };
  run.note("processor time of a heartbeat, " + how, heartbeats, each(cpu) * 1e6, "us");
  run.note("frames of a heartbeat and its answer, " + how, heartbeats, each(static_cast<double>(bytes)), "bytes");
  run.hold("heartbeats' share of a core, " + how, count, cpu / seconds, "cores", "<=", kHeartbeatCpuMax);
  run.report.bars.push_back({"sessions lost, " + how, static_cast<double>(sum(swarms, &SwarmCounters::lost) - lost_before), "==", 0});
  return {};
}

}  // namespace stint::bench
