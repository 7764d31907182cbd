// stint-sim: the production scheduler and agents on a virtual clock, network and disk, one world per seed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/app/workers.hpp"
#include "sim/seeds.hpp"
#include "sim/world.hpp"

namespace stint::sim {
namespace {

namespace json = boost::json;

enum Exit { kClean = 0, kFound = 1, kUsage = 2, kBroken = 3 };

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::int64_t virtual_ms = 0;
  std::uint64_t executions = 0;
  std::uint64_t facts = 0;
  std::uint64_t reloads = 0;
  std::vector<Outcome> failures;
};

std::string repeat_command(std::uint64_t seed) { return "stint-sim replay " + std::to_string(seed) + " --trace"; }

void print_failure(std::FILE* out, const Outcome& outcome) {
  std::fprintf(out, "seed %llu, step %llu:\n", static_cast<unsigned long long>(outcome.seed),
               static_cast<unsigned long long>(outcome.steps));
  for (const auto& finding : outcome.findings) std::fprintf(out, "  %s\n", finding.c_str());
  std::fprintf(out, "  repeat it with: %s\n", repeat_command(outcome.seed).c_str());
}

void print_json(const Totals& totals, const std::string& mutant) {
  json::array failures;
  for (const auto& outcome : totals.failures) {
    json::array findings;
    for (const auto& finding : outcome.findings) findings.emplace_back(finding);
    failures.push_back(json::object{
        {"seed", outcome.seed}, {"step", outcome.steps}, {"findings", std::move(findings)}, {"repeat", repeat_command(outcome.seed)}});
  }
  const json::object report{{"schema", "stint.sim/1"},         {"mutant", mutant.empty() ? json::value(nullptr) : json::value(mutant)},
                            {"seeds", totals.seeds},           {"clean", totals.seeds - totals.failures.size()},
                            {"steps", totals.steps},           {"virtual_ms", totals.virtual_ms},
                            {"executions", totals.executions}, {"facts", totals.facts},
                            {"reloads", totals.reloads},       {"failures", std::move(failures)}};
  std::printf("%s\n", json::serialize(report).c_str());
}

void print_text(const Totals& totals) {
  std::printf("%llu seeds, %llu clean; %llu steps, %.1f virtual hours, %llu executions, %llu facts told, %llu reloads compared\n",
              static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.seeds - totals.failures.size()),
              static_cast<unsigned long long>(totals.steps), static_cast<double>(totals.virtual_ms) / 3'600'000.0,
              static_cast<unsigned long long>(totals.executions), static_cast<unsigned long long>(totals.facts),
              static_cast<unsigned long long>(totals.reloads));
}

int run_all(const std::string& range, std::size_t jobs, bool as_json, const std::string& mutant) {
  auto seeds = parse_seeds(range);
  if (!seeds) {
    std::fprintf(stderr, "stint-sim: %s\n", seeds.error().detail.c_str());
    return kUsage;
  }
  for (const auto seed : known_seeds())
    if (std::find(seeds->begin(), seeds->end(), seed) == seeds->end()) seeds->push_back(seed);
  Totals totals;
  const auto status = run_seeds(*seeds, jobs, [&](const Outcome& outcome) {
    ++totals.seeds;
    totals.steps += outcome.steps;
    totals.virtual_ms += outcome.virtual_ms;
    totals.executions += outcome.executions;
    totals.facts += outcome.facts;
    totals.reloads += outcome.reloads;
    if (outcome.is_clean()) return true;
    totals.failures.push_back(outcome);
    print_failure(as_json ? stderr : stdout, outcome);
    return mutant.empty();
  });
  if (!status) {
    std::fprintf(stderr, "stint-sim: %s\n", status.error().detail.c_str());
    return kBroken;
  }
  if (as_json) {
    print_json(totals, mutant);
  } else {
    print_text(totals);
  }
  return totals.failures.empty() == mutant.empty() ? kClean : kFound;
}

int replay(std::uint64_t seed, bool with_trace) {
  World world(seed, with_trace ? Trace::Output::standard : Trace::Output::none);
  const Outcome outcome = world.run();
  if (outcome.is_clean()) {
    std::printf("seed %llu is clean: %llu steps, %.1f virtual seconds, trace %016llx\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(outcome.steps), static_cast<double>(outcome.virtual_ms) / 1000.0,
                static_cast<unsigned long long>(outcome.trace_hash));
    return kClean;
  }
  print_failure(stdout, outcome);
  return kFound;
}

int run(int argc, char** argv) {
  std::string range = "1..200";
  std::size_t jobs = 1;
  bool as_json = false;
  std::string mutant;
  std::uint64_t seed = 0;
  bool with_trace = false;
  CLI::App app("The whole system in one process, on a virtual clock, network and disk: everything that happens follows from a seed.",
               "stint-sim");
  app.set_help_flag("-h,--help", "Print this help");
  app.add_option("--seeds", range, "Seeds to run, FIRST..LAST; those that once found a bug always run too")->capture_default_str();
  app.add_option("--jobs", jobs, "Processes that share the seeds")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--json", as_json, "Print one JSON object; failures also go to stderr as they come");
  app.add_option("--mutant", mutant,
                 "This program was built with the planted bug of that name: stop at the first seed that catches it, and fail if none does");
  auto* replay_command = app.add_subcommand("replay", "Run one seed again");
  replay_command->add_option("seed", seed, "The seed")->required();
  replay_command->add_flag("--trace", with_trace, "Print everything that happens");
  app.footer(
      "\nExamples:\n  stint-sim --seeds 1..2000 --jobs 2\n  stint-sim replay 121 --trace\n\nExit status: 0 clean, 1 a promise was broken, "
      "2 usage, 3 could not run.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kClean : kUsage;
  }
  return replay_command->parsed() ? replay(seed, with_trace) : run_all(range, jobs, as_json, mutant);
}

}  // namespace
}  // namespace stint::sim

int main(int argc, char** argv) { return stint::sim::run(argc, argv); }
