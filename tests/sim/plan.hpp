#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/job.hpp"
#include "protocol/messages.hpp"
#include "sim/faults.hpp"
#include "sim/network.hpp"

/// Everything that a world is made of, drawn from its seed before it begins: a part of it can be left out, and the rest stays the same.
namespace stint::sim {

struct PlannedAgent {
  protocol::AgentInfo info;
  std::uint64_t seed = 0;
  bool is_refusing = false;
};

struct PlannedJob {
  core::JobSpec spec;
  Duration when{};
  bool is_twice = false;  ///< an impatient user submits it again under the same key
};

/// One fault, at a moment of the storm. What it hits is drawn from its own seed when it comes.
struct Strike {
  Fault fault = Fault::look;
  Duration when{};
  std::uint64_t seed = 0;
};

struct Plan {
  std::uint64_t seed = 0;
  Duration duration{};
  Duration heartbeat{};
  FaultSet faults;  ///< that are on
  Weather weather;
  std::uint32_t lost_answers = 0;  ///< of 100
  std::uint32_t prompt_writes = 0;  ///< of 100: the store promises to have done them within a moment
  std::vector<PlannedAgent> agents;
  std::vector<PlannedJob> jobs;
  std::vector<std::string> lists;  ///< of items: uploaded before the jobs
  bool has_people = false;
  bool has_liar = false;
  std::vector<Strike> strikes;  ///< in the order of their moments
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed, const FaultChoice& choice = {});

/// What is left of a plan. An absent part is whole.
///
/// Its text is what the command line takes: `agents 1-2; jobs 3; tasks 4; faults 2,7; minutes 3; calm network; no people; no liar`.
/// Numbers count from 1, as the plan has them; `tasks` is the most of one array.
struct Cut {
  std::optional<std::vector<std::size_t>> agents;
  std::optional<std::vector<std::size_t>> jobs;
  std::optional<std::vector<std::size_t>> faults;  ///< strikes
  std::optional<std::uint32_t> tasks;
  std::optional<std::uint32_t> minutes;
  bool is_network_calm = false;
  bool has_no_people = false;
  bool has_no_liar = false;
  bool operator==(const Cut&) const = default;

  [[nodiscard]] Plan apply(Plan plan) const;
  [[nodiscard]] std::string text() const;
};

/// Errors:  invalid_argument  names the part that is not of that form.
[[nodiscard]] Result<Cut> parse_cut(std::string_view text);

/// The plan for people: one line for each thing.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace stint::sim
