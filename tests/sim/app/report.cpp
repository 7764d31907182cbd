#include "sim/app/report.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace stint::sim {
namespace {

namespace json = boost::json;

std::vector<std::string> unreached(const Totals& totals) {
  std::vector<std::string> names;
  for (const auto& name : Situations::known())
    if (!totals.situations.contains(name)) names.push_back(name);
  return names;
}

std::size_t count_reached(const Totals& totals) {
  const auto known = Situations::known();
  return static_cast<std::size_t>(
      std::count_if(known.begin(), known.end(), [&](const auto& name) { return totals.situations.contains(name); }));
}

json::array to_array(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

unsigned long long number(std::uint64_t value) { return value; }

}  // namespace

void Totals::add(const Outcome& outcome) {
  ++seeds;
  steps += outcome.steps;
  virtual_ms += outcome.virtual_ms;
  executions += outcome.executions;
  facts += outcome.facts;
  reloads += outcome.reloads;
  faults.add(outcome.faults);
  situations.insert(outcome.situations.begin(), outcome.situations.end());
}

std::string repeat_command(std::uint64_t seed, const std::optional<Cut>& cut, const Given& given) {
  std::string command = "stint-sim replay " + std::to_string(seed);
  if (!given.faults.empty()) command += " --faults " + given.faults;
  if (!given.without.empty()) command += " --without " + given.without;
  if (cut && !cut->text().empty()) command += " --cut \"" + cut->text() + '"';
  return command + " --trace";
}

void print_failure(std::FILE* out, const Failure& failure, const Given& given) {
  const Outcome& outcome = failure.outcome;
  std::fprintf(out, "seed %llu, step %llu:\n", number(outcome.seed), number(outcome.steps));
  for (const auto& finding : outcome.findings) std::fprintf(out, "  %s\n", finding.c_str());
  if (!failure.short_plan.empty()) std::fprintf(out, "  this much of it is enough: %s", failure.short_plan.c_str());
  std::fprintf(out, "  repeat it with: %s\n", repeat_command(outcome.seed, failure.cut, given).c_str());
}

void print_text(const Totals& totals) {
  std::printf("%llu seeds, %llu clean; %llu steps, %.1f virtual hours, %llu executions, %llu facts told, %llu reloads compared\n",
              number(totals.seeds), number(totals.seeds - totals.failures.size()), number(totals.steps),
              static_cast<double>(totals.virtual_ms) / 3'600'000.0, number(totals.executions), number(totals.facts),
              number(totals.reloads));
  std::printf("faults:");
  for (std::size_t kind = 0; kind < kFaults; ++kind)
    std::printf("%s %s %llu", kind == 0 ? "" : ",", std::string(to_string(static_cast<Fault>(kind))).c_str(),
                number(totals.faults.of(static_cast<Fault>(kind))));
  std::printf("\nsituations of the core: %zu of %zu reached", count_reached(totals), Situations::known().size());
  const auto missing = unreached(totals);
  for (std::size_t i = 0; i < missing.size(); ++i) std::printf("%s %s", i == 0 ? "; never:" : ",", missing[i].c_str());
  std::printf("\n");
}

void print_json(const Totals& totals, const std::string& mutant, const Given& given) {
  json::array failures;
  for (const auto& failure : totals.failures)
    failures.push_back(json::object{{"seed", failure.outcome.seed},
                                    {"step", failure.outcome.steps},
                                    {"findings", to_array(failure.outcome.findings)},
                                    {"cut", failure.cut ? json::value(failure.cut->text()) : json::value(nullptr)},
                                    {"repeat", repeat_command(failure.outcome.seed, failure.cut, given)}});
  json::object faults;
  for (std::size_t kind = 0; kind < kFaults; ++kind)
    faults[std::string(to_string(static_cast<Fault>(kind)))] = totals.faults.of(static_cast<Fault>(kind));
  const json::object report{
      {"schema", "stint.sim/1"},
      {"mutant", mutant.empty() ? json::value(nullptr) : json::value(mutant)},
      {"seeds", totals.seeds},
      {"clean", totals.seeds - totals.failures.size()},
      {"steps", totals.steps},
      {"virtual_ms", totals.virtual_ms},
      {"executions", totals.executions},
      {"facts", totals.facts},
      {"reloads", totals.reloads},
      {"faults", std::move(faults)},
      {"situations",
       json::object{{"reached", count_reached(totals)}, {"known", Situations::known().size()}, {"never", to_array(unreached(totals))}}},
      {"failures", std::move(failures)}};
  std::printf("%s\n", json::serialize(report).c_str());
}

}  // namespace stint::sim
