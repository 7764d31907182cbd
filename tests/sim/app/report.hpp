#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/plan.hpp"
#include "sim/world.hpp"

namespace stint::sim {

/// A seed that broke a promise, and how little of its world is enough.
struct Failure {
  Outcome outcome;
  std::optional<Cut> cut;  ///< none: not shrunk
  std::string short_plan;
};

/// What many seeds came to.
struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::int64_t virtual_ms = 0;
  std::uint64_t executions = 0;
  std::uint64_t facts = 0;
  std::uint64_t reloads = 0;
  FaultCounts faults;
  std::set<std::string> situations;
  std::vector<Failure> failures;

  void add(const Outcome& outcome);
};

/// Options that the world of a seed depends on, as the command line has them: `--faults a,b --without c`.
struct Given {
  std::string faults;
  std::string without;
};

[[nodiscard]] std::string repeat_command(std::uint64_t seed, const std::optional<Cut>& cut, const Given& given);
void print_failure(std::FILE* out, const Failure& failure, const Given& given);
void print_text(const Totals& totals);
void print_json(const Totals& totals, const std::string& mutant, const Given& given);

}  // namespace stint::sim
