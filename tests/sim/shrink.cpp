#include "sim/shrink.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

namespace stint::sim {
namespace {

constexpr std::size_t kRunsMax = 300;

}  // namespace

/// `12.t0.3@1: ended twice` and `7.t1@2: ended twice` are of one kind; of a difference only that there is one.
std::string kind_of_finding(const std::string& finding) {
  if (finding.starts_with("reload:")) return "reload";
  const auto colon = finding.find(": ");
  const bool has_subject = colon != std::string::npos && !finding.starts_with("promise") && !finding.starts_with("invariant");
  std::string kind;
  for (const char c : has_subject ? finding.substr(colon + 2) : finding)
    if (std::isdigit(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '@') kind += c;
  return kind.substr(0, 60);
}

Shrinker::Shrinker(Plan plan, std::string finding, Run run)
    : plan_(std::move(plan)), kind_(kind_of_finding(finding)), run_(std::move(run)) {}

bool Shrinker::try_cut(const Cut& cut) {
  if (cut == cut_ || runs_ == kRunsMax) return false;
  ++runs_;
  const std::string finding = run_(cut.apply(plan_));
  if (finding.empty() || kind_of_finding(finding) != kind_) return false;
  cut_ = cut;
  return true;
}

/// Without all of it, without ever smaller pieces of it, without single ones.
void Shrinker::shrink_list(std::optional<Numbers> Cut::* list, std::size_t all, std::size_t least) {
  Numbers left = (cut_.*list).value_or(Numbers(all));
  if (!(cut_.*list)) std::iota(left.begin(), left.end(), std::size_t{1});
  for (std::size_t piece = left.size(); piece > 0; piece = piece > 1 ? (piece + 1) / 2 : 0) {
    for (std::size_t at = 0; at < left.size();) {
      Numbers shorter(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(at));
      const std::size_t end = std::min(left.size(), at + piece);
      shorter.insert(shorter.end(), left.begin() + static_cast<std::ptrdiff_t>(end), left.end());
      Cut cut = cut_;
      cut.*list = shorter;
      if (shorter.size() >= least && try_cut(cut)) {
        left = std::move(shorter);
      } else {
        at = end;
      }
    }
  }
}

void Shrinker::shrink_number(std::optional<std::uint32_t> Cut::* number, std::uint32_t all) {
  for (std::uint32_t value = 1; value < (cut_.*number).value_or(all); value *= 2) {
    Cut cut = cut_;
    cut.*number = value;
    if (try_cut(cut)) return;
  }
}

Cut Shrinker::shrink() {
  for (Cut before; runs_ < kRunsMax; before = cut_) {
    shrink_list(&Cut::faults, plan_.strikes.size(), 0);
    shrink_list(&Cut::jobs, plan_.jobs.size(), 0);
    shrink_list(&Cut::agents, plan_.agents.size(), 1);
    for (bool Cut::* flag : {&Cut::is_network_calm, &Cut::has_no_people, &Cut::has_no_liar}) {
      Cut cut = cut_;
      cut.*flag = true;
      try_cut(cut);
    }
    shrink_number(&Cut::tasks, 64);
    shrink_number(&Cut::minutes, static_cast<std::uint32_t>(to_ms(plan_.duration) / 60'000 + 1));
    if (cut_ == before) break;
  }
  return cut_;
}

}  // namespace stint::sim
