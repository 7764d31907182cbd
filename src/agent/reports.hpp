#pragma once

#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/report.hpp"
#include "base/log.hpp"
#include "base/time.hpp"

namespace stint::agent {

/// Progress and metrics on their way: at most one report of an attempt each limits::kReportInterval, the latest of everything in it.
class Reports {
 public:
  explicit Reports(Log& log) : log_(log) {}
  void add_lines(const AttemptRef& ref, std::string_view lines, Now now);
  /// Reports that are due, at most `credit`.
  [[nodiscard]] std::vector<protocol::StatusUpdate> take_due(Now now, std::size_t credit);
  /// The last word before the end, due or not; nothing is kept of the attempt.
  void take_last(const AttemptRef& ref, std::vector<protocol::StatusUpdate>& out);
  void drop(const AttemptRef& ref);
  [[nodiscard]] Instant next_due() const { return due_.empty() ? Instant::max() : due_.begin()->first; }

 private:
  struct Entry {
    ReportMerge merge;
    Instant not_before = Instant::min();
    std::size_t bad_lines = 0;
  };
  Log& log_;
  std::unordered_map<AttemptRef, Entry> entries_;
  std::set<std::pair<Instant, AttemptRef>> due_;  ///< of entries with something new: (max(not_before, arrival), ref)
};

}  // namespace stint::agent
