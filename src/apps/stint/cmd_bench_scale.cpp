#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "bench/core/growth_bench.hpp"
#include "bench/scale/scale_bench.hpp"

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
  scale->add_option("--cost-tasks", options->cost_tasks, "Of which the cost of one is taken; 0: neither of tasks nor of jobs")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  scale->add_option("--cost-jobs", options->cost_jobs, "Of one task each, likewise")->check(CLI::Range(1, 100'000))->capture_default_str();
  scale->add_option("--pending", options->pending, "Tasks of the array; 0: not measured")
      ->check(CLI::Range(1'000, 10'000'000) | CLI::IsMember({0}))
      ->capture_default_str();
  scale->add_option("--jobs", options->jobs, "Jobs of items; 0: not measured")->check(CLI::Range(0, 10'000))->capture_default_str();
  scale->add_option("--items", options->items, "Of each job")->check(CLI::Range(1, 100'000))->capture_default_str();
  scale->add_option("--rounds", options->rounds, "Of placements")->check(CLI::Range(1, 100))->capture_default_str();
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

void add_bench_of_scale_commands(CLI::App& bench, CommandLine& line) {
  add_scale_command(bench, line);
  add_growth_command(bench, line);
}

}  // namespace stint::cli
