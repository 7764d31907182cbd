#include "agent/reports.hpp"

#include <algorithm>
#include <string>

#include "agent/limits.hpp"

namespace stint::agent {

void Reports::add_lines(const AttemptRef& ref, std::string_view lines, Now now) {
  auto& entry = entries_[ref];
  const bool was_new = entry.merge.is_new();
  const auto bad = entry.merge.add_lines(lines);
  if (bad > 0 && entry.bad_lines < limits::kBadReportLinesLogged)
    log_.warn("job " + std::to_string(ref.task.job.value) + ": " + std::to_string(bad) +
              " lines of STINT_REPORT are not JSON objects; ignored");
  entry.bad_lines += bad;
  if (!was_new && entry.merge.is_new()) {
    entry.not_before = std::max(entry.not_before, now.mono);
    due_.emplace(entry.not_before, ref);
  }
}

std::vector<protocol::StatusUpdate> Reports::take_due(Now now, std::size_t credit) {
  std::vector<protocol::StatusUpdate> updates;
  while (updates.size() < credit && !due_.empty() && due_.begin()->first <= now.mono) {
    const auto ref = due_.begin()->second;
    due_.erase(due_.begin());
    auto& entry = entries_.at(ref);
    updates.push_back(entry.merge.take_update(ref));
    entry.not_before = now.mono + limits::kReportInterval;
  }
  return updates;
}

void Reports::take_last(const AttemptRef& ref, std::vector<protocol::StatusUpdate>& out) {
  const auto found = entries_.find(ref);
  if (found == entries_.end()) return;
  if (found->second.merge.is_new()) out.push_back(found->second.merge.take_update(ref));
  drop(ref);
}

void Reports::drop(const AttemptRef& ref) {
  const auto found = entries_.find(ref);
  if (found == entries_.end()) return;
  due_.erase({found->second.not_before, ref});
  entries_.erase(found);
}

}  // namespace stint::agent
