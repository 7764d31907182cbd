#pragma once

#include <cstdint>
#include <vector>

namespace stint::core {

/// How many items of a long row have a property, summed over blocks and over runs of blocks: how many lie below a place, and where the next
/// one is, cost at most some hundred steps among ten million.
class BlockCounts {
 public:
  static constexpr std::uint32_t kBlock = 2048;  ///< items

  void resize(std::uint32_t items) {
    blocks_.resize((std::uint64_t{items} + kBlock - 1) / kBlock);
    runs_.resize((blocks_.size() + kRun - 1) / kRun);
  }
  /// All `number` lie in the block of `index`.
  void add(std::uint32_t index, std::uint32_t number) {
    blocks_[index / kBlock] = static_cast<std::uint16_t>(blocks_[index / kBlock] + number);
    runs_[index / kBlock / kRun] += number;
  }
  void subtract(std::uint32_t index, std::uint32_t number) {
    blocks_[index / kBlock] = static_cast<std::uint16_t>(blocks_[index / kBlock] - number);
    runs_[index / kBlock / kRun] -= number;
  }
  /// In all blocks before the one of `index`.
  [[nodiscard]] std::uint32_t before_block_of(std::uint32_t index) const;
  /// First item of the first block, from `block` on, that has at least one; the end of the last block if none has.
  [[nodiscard]] std::uint32_t skip_empty(std::uint32_t block) const { return skip(block, 0); }
  /// The same for a block that lacks at least one.
  [[nodiscard]] std::uint32_t skip_full(std::uint32_t block) const { return skip(block, kBlock); }

 private:
  static constexpr std::uint32_t kRun = 128;  ///< blocks
  [[nodiscard]] std::uint32_t skip(std::uint32_t block, std::uint32_t unwanted) const;

  std::vector<std::uint16_t> blocks_;
  std::vector<std::uint32_t> runs_;
};

}  // namespace stint::core
