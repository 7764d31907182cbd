#include "core/queue/block_counts.hpp"

#include <algorithm>
#include <numeric>

namespace stint::core {

std::uint32_t BlockCounts::before_block_of(std::uint32_t index) const {
  const auto block = static_cast<std::ptrdiff_t>(std::min<std::size_t>(index / kBlock, blocks_.size()));
  const std::ptrdiff_t run = block / kRun;
  const std::uint32_t whole = std::accumulate(runs_.begin(), runs_.begin() + run, std::uint32_t{0});
  return std::accumulate(blocks_.begin() + run * kRun, blocks_.begin() + block, whole);
}

std::uint32_t BlockCounts::skip(std::uint32_t block, std::uint32_t unwanted) const {
  while (block < blocks_.size() && blocks_[block] == unwanted)
    block += block % kRun == 0 && runs_[block / kRun] == unwanted * kRun ? kRun : 1;
  return static_cast<std::uint32_t>(std::min<std::size_t>(block, blocks_.size())) * kBlock;
}

}  // namespace stint::core
