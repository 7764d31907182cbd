#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace stint::client {

/// What a person calls jobs, tasks and attempts on the command line:
/// `last`, `12`, `12-15`, `12.train`, `12.train.3`, `12.train.*`, `12.train.3@2`; `last` may stand for the number everywhere but in a
/// range.
struct Selector {
  bool is_last = false;  ///< the newest job: its number is not known yet
  std::uint64_t first_job = 0;
  std::uint64_t last_job = 0;  ///< = first_job unless a range
  std::string task;  ///< name of the job's entry; empty: the whole job
  std::optional<std::uint32_t> index;
  std::optional<std::uint32_t> attempt;

  [[nodiscard]] bool is_range() const { return first_job != last_job; }
  /// `train` or `train.3`; empty for a whole job.
  [[nodiscard]] std::string task_path() const;
  bool operator==(const Selector&) const = default;
};

/// Errors:  invalid_argument  the detail shows the forms; out_of_range  a range of more than 10,000 jobs.
[[nodiscard]] Result<Selector> parse_selector(std::string_view text);

}  // namespace stint::client
