#pragma once

#include <compare>
#include <cstdint>

namespace stint {

inline constexpr std::int64_t kMiB = std::int64_t{1} << 20;
inline constexpr std::int64_t kGiB = std::int64_t{1} << 30;

/// What a task asks for, or an agent offers. Integers only; never negative.
/// Units:   cpu in millicores (1000 = one core), gpu in whole GPUs, memory and storage in bytes
///          (on the wire: MB = 2^20 and GB = 2^30, rounded up).
struct Resources {
  std::int64_t cpu_millis = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t gpus = 0;
  std::int64_t storage_bytes = 0;

  constexpr bool operator==(const Resources&) const = default;
  constexpr auto operator<=>(const Resources&) const = default;

  /// True if `wanted` fits into this.
  [[nodiscard]] constexpr bool covers(const Resources& wanted) const {
    return cpu_millis >= wanted.cpu_millis && memory_bytes >= wanted.memory_bytes && gpus >= wanted.gpus &&
           storage_bytes >= wanted.storage_bytes;
  }
  constexpr Resources& operator+=(const Resources& o) {
    cpu_millis += o.cpu_millis, memory_bytes += o.memory_bytes, gpus += o.gpus, storage_bytes += o.storage_bytes;
    return *this;
  }
  constexpr Resources& operator-=(const Resources& o) {
    cpu_millis -= o.cpu_millis, memory_bytes -= o.memory_bytes, gpus -= o.gpus, storage_bytes -= o.storage_bytes;
    return *this;
  }
  friend constexpr Resources operator-(Resources a, const Resources& b) { return a -= b; }
};

}  // namespace stint
