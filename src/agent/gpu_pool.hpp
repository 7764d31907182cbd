#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace stint::agent {

/// Which GPU of this machine belongs to whom: an index is given to one attempt at a time, lowest first.
class GpuPool {
 public:
  explicit GpuPool(std::size_t count) : taken_(count, false) {}
  /// nullopt: fewer than `count` are free, and none was taken.
  [[nodiscard]] std::optional<std::vector<std::uint32_t>> take(std::size_t count);
  /// Marks what an attempt held before a restart; indices that are no longer there are ignored.
  void reserve(const std::vector<std::uint32_t>& indices);
  void give_back(const std::vector<std::uint32_t>& indices);
  [[nodiscard]] std::size_t size() const { return taken_.size(); }

 private:
  std::vector<bool> taken_;
};

}  // namespace stint::agent
