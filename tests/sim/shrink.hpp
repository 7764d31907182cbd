#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/plan.hpp"

namespace stint::sim {

/// A failing plan made small: parts are left out as long as the same finding comes, the larger ones first.
///
/// Source: Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, TSE 2002; here
///          per list of the plan, with a limit of runs.
class Shrinker {
 public:
  /// What a plan gives: its first finding, or nothing.
  using Run = std::function<std::string(const Plan&)>;
  Shrinker(Plan plan, std::string finding, Run run);

  [[nodiscard]] Cut shrink();
  [[nodiscard]] std::size_t runs() const { return runs_; }

 private:
  using Numbers = std::vector<std::size_t>;
  /// True if the finding still comes; then the cut is kept.
  bool try_cut(const Cut& cut);
  void shrink_list(std::optional<Numbers> Cut::* list, std::size_t all, std::size_t least);
  void shrink_number(std::optional<std::uint32_t> Cut::* number, std::uint32_t all);

  Plan plan_;
  std::string kind_;
  Run run_;
  Cut cut_;
  std::size_t runs_ = 0;
};

/// Two findings are the same if their words are: numbers and names of tasks may differ.
[[nodiscard]] std::string kind_of_finding(const std::string& finding);

}  // namespace stint::sim
