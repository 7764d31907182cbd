#pragma once

#include <cstdint>
#include <vector>

#include "core/queue/block_counts.hpp"

namespace stint::core {

/// Tasks of one array, as bits: who is first, and how many are before one, is known without a walk over them. It grows with the highest
/// task that it ever had: 1.25 MB for the last of ten million.
class IndexSet {
 public:
  /// Not in it yet.
  void insert(std::uint32_t index);
  /// In it.
  void erase(std::uint32_t index);
  [[nodiscard]] bool contains(std::uint32_t index) const {
    return index / kPerWord < words_.size() && (words_[index / kPerWord] >> (index % kPerWord) & 1) != 0;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// The lowest one. Not empty.
  [[nodiscard]] std::uint32_t first() const { return next(0); }
  /// The lowest one from `from` on, or kNone.
  [[nodiscard]] std::uint32_t next(std::uint32_t from) const;
  [[nodiscard]] std::uint32_t count_before(std::uint32_t index) const;

  static constexpr std::uint32_t kNone = UINT32_MAX;

 private:
  static constexpr std::uint32_t kPerWord = 64;

  std::vector<std::uint64_t> words_;
  BlockCounts counts_;
  std::uint32_t size_ = 0;
};

}  // namespace stint::core
