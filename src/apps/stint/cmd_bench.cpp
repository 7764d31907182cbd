#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/report.hpp"
#include "bench/agent/agent_bench.hpp"
#include "bench/core/growth_bench.hpp"
#include "bench/dispatch/dispatch_bench.hpp"
#include "bench/scale/scale_bench.hpp"
#include "bench/wire/wire_bench.hpp"

namespace stint::cli {
namespace {

void add_scale_command(CLI::App& bench, CommandLine& line) {
  CLI::App* scale = add_command(bench, line, "scale", "What connected agents and pending tasks cost the scheduler",
                                "  stint bench scale --json\n  stint bench scale --agents 1000 --tls-agents 100 --pending 0 --jobs 0");
  auto options = std::make_shared<bench::ScaleBenchOptions>();
  scale->add_option("--agents", options->agents, "Connected in plain; 0: not measured")
      ->check(CLI::Range(0, 15'000))
      ->capture_default_str();
  scale->add_option("--tls-agents", options->tls_agents, "Connected in TLS; 0: not measured")
      ->check(CLI::Range(0, 15'000))
      ->capture_default_str();
  scale->add_option("--heartbeat-seconds", options->heartbeat_seconds, "How long heartbeats are watched")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  scale->add_option("--pending", options->pending, "Tasks of the array; 0: not measured")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  scale->add_option("--jobs", options->jobs, "Jobs of items; 0: not measured")->check(CLI::Range(0, 10'000))->capture_default_str();
  scale->add_option("--items", options->items, "Of each job")->check(CLI::Range(1, 100'000))->capture_default_str();
  scale->add_option("--rounds", options->rounds, "Of placements")->check(CLI::Range(1, 1000))->capture_default_str();
  scale->callback(
      [&line, options] { line.action = [&line, options] { return bench::run_scale_bench(*options, line.common.json, std::cout); }; });
}

void add_growth_command(CLI::App& bench, CommandLine& line) {
  CLI::App* growth = add_command(bench, line, "growth", "How the cost of a placement grows with pending tasks and with agents",
                                 "  stint bench growth --json\n  stint bench growth --pending 100000 --agents 1000 --rounds 3");
  auto options = std::make_shared<bench::GrowthBenchOptions>();
  growth->add_option("--pending", options->pending, "The largest number of pending tasks")
      ->check(CLI::Range(1'000, 10'000'000))
      ->capture_default_str();
  growth->add_option("--agents", options->agents, "The largest number of agents")->check(CLI::Range(10, 100'000))->capture_default_str();
  growth->add_option("--rounds", options->rounds, "Of which each point is the median")->check(CLI::Range(1, 1000))->capture_default_str();
  growth->callback(
      [&line, options] { line.action = [&line, options] { return bench::run_growth_bench(*options, line.common.json, std::cout); }; });
}

}  // namespace

void add_bench_commands(CLI::App& app, CommandLine& line) {
  CLI::App* bench = app.add_subcommand("bench", "Benchmarks; 0 = bars met, 1 = not, 77 = a bar's peer is missing");
  bench->require_subcommand(1);
  CLI::App* wire =
      add_command(*bench, line, "wire", "What a signed message costs beside the HMAC it cannot do without", "  stint bench wire --json");
  wire->callback([&line] { line.action = [&line] { return bench::run_wire_bench(line.common.json, std::cout); }; });
  CLI::App* agent = add_command(*bench, line, "agent", "What an idle stint-agent costs a small machine: file, memory, heartbeats",
                                "  stint bench agent --json");
  agent->callback([&line] { line.action = [&line] { return bench::run_agent_bench(line.common.json, std::cout); }; });
  CLI::App* dispatch = add_command(*bench, line, "dispatch", "Tasks a second from submit to done, noop driver",
                                   "  stint bench dispatch --json\n  stint bench dispatch --tasks 100000 --jobs 100");
  auto options = std::make_shared<bench::DispatchBenchOptions>();
  dispatch->add_option("--tasks", options->tasks, "Of each shape")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  dispatch->add_option("--jobs", options->jobs, "Of the second shape")->check(CLI::Range(1, 100'000))->capture_default_str();
  dispatch->add_option("--agents", options->agents, "Agents, each a process")->check(CLI::Range(1, 64))->capture_default_str();
  dispatch->callback(
      [&line, options] { line.action = [&line, options] { return bench::run_dispatch_bench(*options, line.common.json, std::cout); }; });
  add_scale_command(*bench, line);
  add_growth_command(*bench, line);
}

}  // namespace stint::cli
