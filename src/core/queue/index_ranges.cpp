#include "core/queue/index_ranges.hpp"

#include <algorithm>

namespace stint::core {

std::string IndexRanges::take_text(std::uint32_t array_first, std::uint32_t array_step) {
  std::sort(ranges_.begin(), ranges_.end());
  const auto value = [&](std::uint32_t index) { return std::to_string(array_first + std::uint64_t{array_step} * index); };
  std::string text;
  for (std::size_t i = 0; i < ranges_.size();) {
    const std::uint32_t first = ranges_[i].first;
    std::uint32_t last = ranges_[i].second;
    for (++i; i < ranges_.size() && ranges_[i].first == last + 1; ++i) last = ranges_[i].second;
    if (!text.empty()) text += ',';
    text += value(first);
    if (last == first) continue;
    text += '-' + value(last);
    if (array_step != 1) text += ':' + std::to_string(array_step);
  }
  ranges_.clear();
  return text;
}

}  // namespace stint::core
