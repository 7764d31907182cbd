#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stint::core {

/// Tasks of one array, collected in any order, said as ranges. Neighbours that arrive in order cost nothing.
class IndexRanges {
 public:
  void add(std::uint32_t first, std::uint32_t last) {
    if (!ranges_.empty() && ranges_.back().second + 1 == first) {
      ranges_.back().second = last;
    } else {
      ranges_.emplace_back(first, last);
    }
  }
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }
  /// `0-511,600`: values of the array (`first + i * step`) in rising order; a run of an array with another step is `0-98:2`, as Slurm
  /// writes it.
  [[nodiscard]] std::string take_text(std::uint32_t array_first, std::uint32_t array_step);

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;
};

}  // namespace stint::core
