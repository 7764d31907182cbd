#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/model/job.hpp"

/// Amounts as people write them. Errors: invalid_argument; the detail shows the value and the accepted forms. Fractions are rounded up:
/// nobody gets less than was asked for.
namespace stint::core {

/// Kubernetes CPU: `500m`, `4`, `0.5`. Units: millicores.
[[nodiscard]] Result<std::int64_t> parse_cpu(std::string_view text);
/// Kubernetes bytes: `4Gi`, `4G`, `1.5Gi`, `512k`, `1000`. Units: bytes.
[[nodiscard]] Result<std::int64_t> parse_bytes(std::string_view text);
/// `500ms`, `90s`, `15m`, `2h`, `3d`, `1h30m`; a bare `0` is zero.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

struct ArrayRange {
  std::uint32_t first = 0;
  std::uint32_t step = 1;
  std::uint32_t count = 1;
  std::uint32_t max_parallel = 0;
  bool operator==(const ArrayRange&) const = default;
};
/// As Slurm writes them: `0-99`, `0-99:2` (every second), `0-99%10` (10 at once), `100` (0-99).
[[nodiscard]] Result<ArrayRange> parse_array(std::string_view text);
void set_array(TaskSpec& task, const ArrayRange& range);

}  // namespace stint::core
