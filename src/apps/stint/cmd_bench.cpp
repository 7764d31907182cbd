#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/report.hpp"
#include "bench/agent/agent_bench.hpp"
#include "bench/dispatch/dispatch_bench.hpp"
#include "bench/latency/latency_bench.hpp"
#include "bench/wire/wire_bench.hpp"

namespace stint::cli {
void add_bench_commands(CLI::App& app, CommandLine& line) {
  CLI::App* bench = app.add_subcommand("bench", "Benchmarks; 0 = bars met, 1 = not, 77 = a bar's peer is missing");
  bench->require_subcommand(1);
  CLI::App* wire =
      add_command(*bench, line, "wire", "What a signed message costs beside the HMAC it cannot do without", "  stint bench wire --json");
  wire->callback([&line] { line.action = [&line] { return bench::run_wire_bench(line.common.json, std::cout); }; });
  CLI::App* agent = add_command(*bench, line, "agent", "What an idle stint-agent costs a small machine: file, memory, heartbeats",
                                "  stint bench agent --json");
  agent->callback([&line] { line.action = [&line] { return bench::run_agent_bench(line.common.json, std::cout); }; });
  CLI::App* dispatch = add_command(*bench, line, "dispatch", "Tasks a second from submit to done",
                                   "  stint bench dispatch --json\n  stint bench dispatch --tasks 100000 --jobs 100\n"
                                   "  stint bench dispatch --driver exec --json");
  auto options = std::make_shared<bench::DispatchBenchOptions>();
  dispatch->add_option("--driver", options->driver, "noop: what scheduling costs; exec: real processes")
      ->check(CLI::IsMember({"noop", "exec"}))
      ->capture_default_str();
  dispatch->add_option("--tasks", options->tasks, "noop: of each shape (1000000); exec: of each round (2000)")
      ->check(CLI::Range(1, 10'000'000));
  dispatch->add_option("--rounds", options->rounds, "What is reported is their median (noop 3, exec 9)")->check(CLI::Range(1, 1'000));
  dispatch->add_option("--jobs", options->jobs, "noop: of the second shape")->check(CLI::Range(1, 100'000))->capture_default_str();
  dispatch->add_option("--agents", options->agents, "noop: agents, each a process")->check(CLI::Range(1, 64))->capture_default_str();
  dispatch->callback(
      [&line, options] { line.action = [&line, options] { return bench::run_dispatch_bench(*options, line.common.json, std::cout); }; });
  CLI::App* latency = add_command(*bench, line, "latency", "Milliseconds from submit to the process's first instruction, on an idle cell",
                                  "  stint bench latency --json");
  auto latency_options = std::make_shared<bench::LatencyBenchOptions>();
  latency->add_option("--rounds", latency_options->rounds, "Jobs, one after the other")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  latency->add_option("--tries", latency_options->tries, "Measures again, up to so many times, if others were at the disk meanwhile")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  latency->callback([&line, latency_options] {
    line.action = [&line, latency_options] { return bench::run_latency_bench(*latency_options, line.common.json, std::cout); };
  });
  add_bench_of_scale_commands(*bench, line);
}

}  // namespace stint::cli
