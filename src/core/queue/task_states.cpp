#include "core/queue/task_states.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace stint::core {
namespace {

constexpr std::uint64_t kLowBits = 0x5555555555555555ULL;  // the lower bit of each pair

std::uint64_t code_of(TaskStatus status) {
  STINT_ASSERT(has_ended(status));
  return static_cast<std::uint64_t>(status) - static_cast<std::uint64_t>(TaskStatus::completed) + 1;
}

/// One bit (the lower of the pair) for each task that has ended.
std::uint64_t ended_pairs(std::uint64_t word) { return (word | word >> 1) & kLowBits; }

}  // namespace

TaskStatus TaskStates::status(std::uint32_t index) const {
  const std::uint64_t code = this->code(index);
  return code == 0 ? TaskStatus::pending : static_cast<TaskStatus>(code - 1 + static_cast<std::uint64_t>(TaskStatus::completed));
}

void TaskStates::end(std::uint32_t index, TaskStatus status) {
  STINT_ASSERT(index < count_ && is_open(index));
  words_[index / kPerWord] |= code_of(status) << (index % kPerWord * 2);
  ended_.add(index, 1);
}

void TaskStates::end_range(std::uint32_t first, std::uint32_t last, TaskStatus status) {
  STINT_ASSERT(first <= last && last < count_ && next_ended(first) > last);
  const std::uint64_t pattern = kLowBits * code_of(status);
  for (std::uint32_t word = first / kPerWord; word <= last / kPerWord; ++word) {
    const std::uint32_t begin = word == first / kPerWord ? first % kPerWord : 0;
    const std::uint32_t end = word == last / kPerWord ? last % kPerWord : kPerWord - 1;
    const std::uint64_t below_end = end == kPerWord - 1 ? ~std::uint64_t{0} : (std::uint64_t{1} << (end * 2 + 2)) - 1;
    words_[word] |= pattern & below_end & ~((std::uint64_t{1} << (begin * 2)) - 1);
    ended_.add(word * kPerWord, end - begin + 1);
  }
}

std::uint32_t TaskStates::next_open(std::uint32_t from) const {
  while (from < count_) {
    const std::uint64_t open = ~ended_pairs(words_[from / kPerWord]) & kLowBits & (~std::uint64_t{0} << (from % kPerWord * 2));
    if (open != 0) return std::min(count_, from / kPerWord * kPerWord + static_cast<std::uint32_t>(std::countr_zero(open)) / 2);
    from = next_word(from, &BlockCounts::skip_full);
  }
  return count_;
}

std::uint32_t TaskStates::next_ended(std::uint32_t from) const {
  while (from < count_) {
    const std::uint64_t ended = ended_pairs(words_[from / kPerWord]) & (~std::uint64_t{0} << (from % kPerWord * 2));
    if (ended != 0) return from / kPerWord * kPerWord + static_cast<std::uint32_t>(std::countr_zero(ended)) / 2;
    from = next_word(from, &BlockCounts::skip_empty);
  }
  return count_;
}

std::uint32_t TaskStates::next_with(std::uint32_t from, TaskStatus status) const {
  if (status == TaskStatus::pending) return next_open(from);
  if (!has_ended(status)) return count_;
  const std::uint64_t unlike = kLowBits * code_of(status);
  while (from < count_) {
    const std::uint64_t found = ~ended_pairs(words_[from / kPerWord] ^ unlike) & kLowBits & (~std::uint64_t{0} << (from % kPerWord * 2));
    if (found != 0) return std::min(count_, from / kPerWord * kPerWord + static_cast<std::uint32_t>(std::countr_zero(found)) / 2);
    from = next_word(from, &BlockCounts::skip_empty);
  }
  return count_;
}

std::uint32_t TaskStates::count_open_before(std::uint32_t index) const {
  STINT_ASSERT(index <= count_);
  std::uint32_t ended = ended_.before_block_of(index);
  for (std::uint32_t first = index / BlockCounts::kBlock * BlockCounts::kBlock; first < index; first += kPerWord) {
    const std::uint64_t below = index - first >= kPerWord ? ~std::uint64_t{0} : (std::uint64_t{1} << (index - first) * 2) - 1;
    ended += static_cast<std::uint32_t>(std::popcount(ended_pairs(words_[first / kPerWord]) & below));
  }
  return index - ended;
}

std::uint64_t TaskStates::hash() const {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ count_;
  for (const std::uint64_t word : words_) hash = (hash ^ word ^ (hash >> 29)) * 0x9E3779B97F4A7C15ULL;
  return hash;
}

}  // namespace stint::core
