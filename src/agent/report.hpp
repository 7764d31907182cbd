#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"

namespace stint::agent {

/// The last `{"result":…}` among whole lines of STINT_REPORT.
struct FoundResult {
  std::string text;           ///< the value as the task wrote it, JSON; empty if it is too large
  bool is_too_large = false;  ///< over protocol::limits::kResult
};
[[nodiscard]] std::optional<FoundResult> find_result(std::string_view lines);

/// What a task has said through STINT_REPORT since the last report that was sent: the latest of everything, metrics merged by name.
///
/// A line is one JSON object {"progress":0.3,"step":120,"metrics":{"loss":0.21},"message":"…"}, every key optional, unknown keys ignored.
/// Units:   progress 0..1, clamped; metrics finite numbers, others are ignored.
class ReportMerge {
 public:
  /// Takes whole lines. Returns how many of them were no such object; they change nothing.
  std::size_t add_lines(std::string_view lines);
  [[nodiscard]] bool is_new() const { return is_new_; }
  /// As update number 0 of a running attempt. Progress stays, metrics and message are said once.
  [[nodiscard]] protocol::StatusUpdate take_update(const AttemptRef& ref);

 private:
  bool add_line(std::string_view line);
  void set_metric(std::string_view name, double value, std::uint64_t step);

  bool is_new_ = false;
  float progress_ = 0;
  std::uint64_t step_ = 0;
  std::vector<protocol::Metric> metrics_;
  std::string message_;
};

}  // namespace stint::agent
