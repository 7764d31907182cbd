#pragma once

#include <cstdint>
#include <vector>

#include "base/task_words.hpp"
#include "core/queue/block_counts.hpp"

namespace stint::core {

/// How each task of a group ended, in two bits a task: an array of ten million takes 2.5 MB, whatever order its tasks end in. Whatever is
/// asked of one task, or of the open ones, costs at most some hundred steps; `next_with` for an ended state looks at 32 tasks a step.
class TaskStates {
 public:
  explicit TaskStates(std::uint32_t count) : count_(count), words_((std::uint64_t{count} + kPerWord - 1) / kPerWord) {
    ended_.resize(count);
  }

  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] bool is_open(std::uint32_t index) const { return code(index) == 0; }
  /// completed, failed or cancelled; pending while the task has not ended.
  [[nodiscard]] TaskStatus status(std::uint32_t index) const;
  /// The task must be open.
  void end(std::uint32_t index, TaskStatus status);
  /// Ends `first … last`, all of them open.
  void end_range(std::uint32_t first, std::uint32_t last, TaskStatus status);
  /// The lowest open task from `from` on, or count().
  [[nodiscard]] std::uint32_t next_open(std::uint32_t from) const;
  /// The lowest ended task from `from` on, or count().
  [[nodiscard]] std::uint32_t next_ended(std::uint32_t from) const;
  /// The lowest task from `from` on that is `status` (running: none is), or count().
  [[nodiscard]] std::uint32_t next_with(std::uint32_t from, TaskStatus status) const;
  /// Open tasks below `index`, which is at most count().
  [[nodiscard]] std::uint32_t count_open_before(std::uint32_t index) const;
  /// Of the whole content, for digests.
  [[nodiscard]] std::uint64_t hash() const;

 private:
  static constexpr std::uint32_t kPerWord = 32;
  static_assert(BlockCounts::kBlock % kPerWord == 0);
  /// First task of the next word; what lies between is skipped by whole blocks.
  [[nodiscard]] std::uint32_t next_word(std::uint32_t from, std::uint32_t (BlockCounts::*skip)(std::uint32_t) const) const {
    from = (from / kPerWord + 1) * kPerWord;
    return from % BlockCounts::kBlock == 0 ? (ended_.*skip)(from / BlockCounts::kBlock) : from;
  }
  [[nodiscard]] std::uint64_t code(std::uint32_t index) const { return (words_[index / kPerWord] >> (index % kPerWord * 2)) & 3; }

  std::uint32_t count_;
  std::vector<std::uint64_t> words_;
  BlockCounts ended_;
};

}  // namespace stint::core
