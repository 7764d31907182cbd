#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "core/effects.hpp"
#include "protocol/messages.hpp"

namespace stint::scheduler {

/// The latest progress of running attempts: in memory at once, in the store at most once per attempt and period.
class ReportBook {
 public:
  struct Latest {
    UnixMillis at{};
    float progress = 0;
    std::uint64_t step = 0;
    std::vector<std::pair<std::string, double>> metrics;   ///< sorted by name, merged over reports
    std::string message;
    bool stored = true;
  };
  /// What a row says.
  [[nodiscard]] static Latest read(const core::ReportRow& row);

  void on_report(const protocol::StatusUpdate& update, Now now);
  [[nodiscard]] const Latest* find(const AttemptRef& ref) const;
  /// Rows of what changed since the last call, once a period.
  void store_changed(Now now, core::Effects& effects);
  /// The attempt has ended: its last report becomes a row at once.
  void finish(const AttemptRef& ref, core::Effects& effects);
  [[nodiscard]] Instant next_deadline() const { return changed_.empty() ? Instant::max() : next_store_; }
  void clear();

 private:
  std::unordered_map<AttemptRef, Latest> latest_;
  std::vector<AttemptRef> changed_;
  Instant next_store_{};
};

/// {"loss":0.25,"step":3}: names and numbers as one JSON object.
[[nodiscard]] std::string metrics_json(const std::vector<std::pair<std::string, double>>& metrics);

}  // namespace stint::scheduler
