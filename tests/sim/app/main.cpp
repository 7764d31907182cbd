// stint-sim: the production scheduler and agents on a virtual clock, network and disk, one world per seed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/app/report.hpp"
#include "sim/app/scenario_command.hpp"
#include "sim/app/workers.hpp"
#include "sim/scenario/scenario.hpp"
#include "sim/seeds.hpp"
#include "sim/shrink.hpp"
#include "sim/world.hpp"

namespace stint::sim {
namespace {

enum Exit { kClean = 0, kFound = 1, kUsage = 2, kBroken = 3 };

constexpr std::size_t kShrunkMax = 3;  // failures of one run that are made small: the others are likely the same

/// What the command line says.
struct Options {
  std::string range = "1..200";
  std::size_t jobs = 1;
  bool as_json = false;
  bool with_trace = false;
  bool is_quick = false;  ///< failures are told as they are
  std::string mutant;
  Given given;
  std::uint64_t seed = 0;
  std::string cut;
  std::string file;
};

int refuse(const std::string& why) {
  std::fprintf(stderr, "stint-sim: %s\n", why.c_str());
  return kUsage;
}

Result<FaultChoice> choose(const Given& given) {
  FaultChoice choice;
  STINT_TRY(choice.only, parse_faults(given.faults));
  STINT_TRY(choice.without, parse_faults(given.without));
  return choice;
}

std::string first_finding(const Plan& plan) {
  const Outcome outcome = run_apart(plan);
  return outcome.is_clean() ? std::string() : outcome.findings.front();
}

void shrink(Failure& failure, const FaultChoice& choice) {
  const Plan plan = draw_plan(failure.outcome.seed, choice);
  failure.cut = Shrinker(plan, failure.outcome.findings.front(), first_finding).shrink();
  failure.short_plan = describe(failure.cut->apply(plan));
}

int run_all(const Options& options) {
  auto seeds = parse_seeds(options.range);
  if (!seeds) return refuse(seeds.error().detail);
  const auto choice = choose(options.given);
  if (!choice) return refuse(choice.error().detail);
  for (const auto seed : known_seeds())
    if (std::find(seeds->begin(), seeds->end(), seed) == seeds->end()) seeds->push_back(seed);
  Totals totals;
  const auto status = run_seeds(*seeds, *choice, options.jobs, [&](const Outcome& outcome) {
    totals.add(outcome);
    if (outcome.is_clean()) return true;
    Failure& failure = totals.failures.emplace_back(Failure{outcome, std::nullopt, {}});
    if (!options.is_quick && totals.failures.size() <= kShrunkMax) shrink(failure, *choice);
    print_failure(options.as_json ? stderr : stdout, failure, options.given);
    return options.mutant.empty();
  });
  if (!status) {
    std::fprintf(stderr, "stint-sim: %s\n", status.error().detail.c_str());
    return kBroken;
  }
  if (options.as_json) {
    print_json(totals, options.mutant, options.given);
  } else {
    print_text(totals);
  }
  return totals.failures.empty() == options.mutant.empty() ? kClean : kFound;
}

int replay(const Options& options) {
  const auto choice = choose(options.given);
  if (!choice) return refuse(choice.error().detail);
  const auto cut = parse_cut(options.cut);
  if (!cut) return refuse(cut.error().detail);
  Plan plan = cut->apply(draw_plan(options.seed, *choice));
  if (plan.agents.empty()) return refuse("no agent is left: seed " + std::to_string(options.seed) + " has fewer than the cut keeps");
  std::printf("seed %llu: %s", static_cast<unsigned long long>(options.seed), describe(plan).c_str());
  std::fflush(stdout);
  World world(std::move(plan), options.with_trace ? Trace::Output::standard : Trace::Output::none);
  const Outcome outcome = world.run();
  if (outcome.is_clean()) {
    std::printf("seed %llu is clean: %llu steps, %.1f virtual seconds, trace %016llx\n", static_cast<unsigned long long>(options.seed),
                static_cast<unsigned long long>(outcome.steps), static_cast<double>(outcome.virtual_ms) / 1000.0,
                static_cast<unsigned long long>(outcome.trace_hash));
    return kClean;
  }
  const std::optional<Cut> given = options.cut.empty() ? std::nullopt : std::optional(*cut);
  print_failure(stdout, {outcome, given, {}}, options.given);
  return kFound;
}

int shrink_one(const Options& options) {
  const auto choice = choose(options.given);
  if (!choice) return refuse(choice.error().detail);
  Failure failure{run_apart(draw_plan(options.seed, *choice)), std::nullopt, {}};
  if (failure.outcome.is_clean()) {
    std::printf("seed %llu is clean: there is nothing to shrink\n", static_cast<unsigned long long>(options.seed));
    return kClean;
  }
  shrink(failure, *choice);
  print_failure(stdout, failure, options.given);
  return kFound;
}

int list_faults() {
  for (std::size_t kind = 0; kind < kFaults; ++kind) std::printf("%s\n", std::string(to_string(static_cast<Fault>(kind))).c_str());
  return kClean;
}

void add_choice(CLI::App& app, Given& given) {
  app.add_option("--faults", given.faults, "These kinds of faults and no others, separated by commas (without it: drawn from the seed)");
  app.add_option("--without", given.without, "Not these kinds");
}

int run(int argc, char** argv) {
  Options options;
  bool wants_list = false;
  CLI::App app{"Runs the scheduler and its agents on a virtual clock, network and disk, with faults, and checks the promises", "stint-sim"};
  app.require_subcommand(0, 1);
  app.add_option("--seeds", options.range, "Seeds to run, FIRST..LAST; those that once found a bug always run too")->capture_default_str();
  app.add_option("--jobs", options.jobs, "Processes that share the seeds")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--json", options.as_json, "Print one JSON object; failures also go to stderr as they come");
  app.add_flag("--no-shrink", options.is_quick, "Tell failures as they are; else the first three are made small");
  app.add_flag("--list-faults", wants_list, "Name the kinds of faults, and nothing else");
  app.add_option("--mutant", options.mutant,
                 "This program was built with the planted bug of that name: stop at the first seed that catches it, and fail if none does");
  add_choice(app, options.given);
  auto* replay_command = app.add_subcommand("replay", "Run one seed again");
  replay_command->add_option("seed", options.seed, "The seed")->required();
  replay_command->add_flag("--trace", options.with_trace, "Print everything that happens");
  replay_command->add_option("--cut", options.cut, "Only this part of its world, as a shrunk failure names it");
  add_choice(*replay_command, options.given);
  auto* shrink_command = app.add_subcommand("shrink", "Find a small part of a failing seed's world that still fails");
  shrink_command->add_option("seed", options.seed, "The seed")->required();
  add_choice(*shrink_command, options.given);
  auto* scenario_command = app.add_subcommand("scenario", "Ask what the scheduler would do: play a text and print what happens");
  scenario_command->add_option("file", options.file, "The text; - for standard input")->required();
  scenario_command->add_flag("--json", options.as_json, "Print one JSON object");
  scenario_command->footer(std::string("\n") + scenario::kLanguage +
                           "\nExit status: 0 all was as expected, 1 something was not, 2 the text cannot be read.");
  app.footer(
      "\nExamples:\n  stint-sim --seeds 1..2000 --jobs 2\n  stint-sim --seeds 1..500 --faults crash_scheduler,torn_batch\n"
      "  stint-sim replay 121 --trace\n  stint-sim scenario examples/scenarios/drain-for-maintenance.txt\n\nExit status: 0 clean, 1 a "
      "promise was broken, 2 usage, 3 could not run.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kClean : kUsage;
  }
  if (wants_list) return list_faults();
  if (replay_command->parsed()) return replay(options);
  if (shrink_command->parsed()) return shrink_one(options);
  if (scenario_command->parsed()) return play_scenario(options.file, options.as_json);
  return run_all(options);
}

}  // namespace
}  // namespace stint::sim

int main(int argc, char** argv) { return stint::sim::run(argc, argv); }
