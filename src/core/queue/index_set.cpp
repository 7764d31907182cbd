#include "core/queue/index_set.hpp"

#include <bit>

#include "base/assert.hpp"

namespace stint::core {

void IndexSet::insert(std::uint32_t index) {
  STINT_ASSERT(!contains(index));
  if (index / kPerWord >= words_.size()) {
    words_.resize(index / kPerWord + 1);
    counts_.resize(index + 1);
  }
  words_[index / kPerWord] |= std::uint64_t{1} << index % kPerWord;
  counts_.add(index, 1);
  ++size_;
}

void IndexSet::erase(std::uint32_t index) {
  STINT_ASSERT(contains(index));
  words_[index / kPerWord] &= ~(std::uint64_t{1} << index % kPerWord);
  counts_.subtract(index, 1);
  --size_;
}

std::uint32_t IndexSet::next(std::uint32_t from) const {
  for (std::uint32_t word = from / kPerWord; word < words_.size();) {
    const std::uint64_t here = words_[word] & (word == from / kPerWord ? ~std::uint64_t{0} << from % kPerWord : ~std::uint64_t{0});
    if (here != 0) return word * kPerWord + static_cast<std::uint32_t>(std::countr_zero(here));
    ++word;
    if (word % (BlockCounts::kBlock / kPerWord) == 0) word = counts_.skip_empty(word * kPerWord / BlockCounts::kBlock) / kPerWord;
  }
  return kNone;
}

std::uint32_t IndexSet::count_before(std::uint32_t index) const {
  std::uint32_t number = counts_.before_block_of(index);
  for (std::uint32_t word = index / BlockCounts::kBlock * (BlockCounts::kBlock / kPerWord); word < words_.size() && word * kPerWord < index;
       ++word) {
    const std::uint64_t below = index - word * kPerWord >= kPerWord ? ~std::uint64_t{0} : (std::uint64_t{1} << index % kPerWord) - 1;
    number += static_cast<std::uint32_t>(std::popcount(words_[word] & below));
  }
  return number;
}

}  // namespace stint::core
