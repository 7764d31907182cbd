#include "core/queue/task_states.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"
#include "core/queue/index_ranges.hpp"

namespace stint::core {
namespace {

TEST(TaskStates, KeepsHowEachTaskEnded) {
  TaskStates states{100};
  states.end(0, TaskStatus::completed);
  states.end(31, TaskStatus::failed);
  states.end(32, TaskStatus::cancelled);
  EXPECT_EQ(states.status(0), TaskStatus::completed);
  EXPECT_EQ(states.status(1), TaskStatus::pending);
  EXPECT_EQ(states.status(31), TaskStatus::failed);
  EXPECT_EQ(states.status(32), TaskStatus::cancelled);
  EXPECT_EQ(states.next_open(0), 1u);
  EXPECT_EQ(states.next_open(31), 33u);
  EXPECT_EQ(states.next_ended(1), 31u);
  EXPECT_EQ(states.next_ended(33), 100u);
}

TEST(TaskStates, FindsTheEndInsideAWord) {
  TaskStates states{33};
  states.end_range(0, 32, TaskStatus::cancelled);
  EXPECT_EQ(states.next_open(0), 33u);
  EXPECT_EQ(states.next_ended(32), 32u);
}

/// Against one status per task: ranges that begin and end anywhere.
TEST(TaskStates, AgreesWithAPlainArray) {
  Prng draw{7};
  for (int round = 0; round < 200; ++round) {
    const auto count = static_cast<std::uint32_t>(1 + draw.below(200));
    TaskStates states{count};
    std::vector<TaskStatus> plain(count, TaskStatus::pending);
    for (int i = 0; i < 20; ++i) {
      const std::uint32_t first = states.next_open(static_cast<std::uint32_t>(draw.below(count)));
      if (first == count) continue;
      const std::uint32_t end = states.next_ended(first);
      const auto last = static_cast<std::uint32_t>(first + draw.below(end - first));
      const auto status = static_cast<TaskStatus>(2 + draw.below(3));
      states.end_range(first, last, status);
      std::fill(plain.begin() + first, plain.begin() + last + 1, status);
    }
    std::uint32_t next = count;
    for (std::uint32_t i = count; i-- > 0;) {
      if (plain[i] == TaskStatus::pending) next = i;
      ASSERT_EQ(states.status(i), plain[i]);
      ASSERT_EQ(states.next_open(i), next);
    }
  }
}

/// What is counted over blocks, across their borders, against one status per task.
TEST(TaskStates, CountsAndFindsAcrossBlocks) {
  constexpr std::uint32_t kCount = 700'001;
  Prng draw{8};
  TaskStates states{kCount};
  std::vector<TaskStatus> plain(kCount, TaskStatus::pending);
  const auto end_some = [&] {
    const std::uint32_t first = states.next_open(static_cast<std::uint32_t>(draw.below(kCount)));
    if (first == kCount) return;
    const std::uint32_t last = std::min(states.next_ended(first), first + 1 + static_cast<std::uint32_t>(draw.below(30'000))) - 1;
    const auto status = static_cast<TaskStatus>(2 + draw.below(3));
    if (first == last) {
      states.end(first, status);
    } else {
      states.end_range(first, last, status);
    }
    std::fill(plain.begin() + first, plain.begin() + last + 1, status);
  };
  const auto next_like = [&](std::uint32_t from, TaskStatus status) {
    return static_cast<std::uint32_t>(std::find(plain.begin() + from, plain.end(), status) - plain.begin());
  };
  for (int round = 0; round < 40; ++round) {
    end_some();
    const auto from = static_cast<std::uint32_t>(draw.below(kCount));
    for (const TaskStatus status : {TaskStatus::pending, TaskStatus::completed, TaskStatus::failed, TaskStatus::cancelled})
      ASSERT_EQ(states.next_with(from, status), next_like(from, status));
    ASSERT_EQ(states.next_with(from, TaskStatus::running), kCount);
    ASSERT_EQ(states.count_open_before(from), std::count(plain.begin(), plain.begin() + from, TaskStatus::pending));
  }
  EXPECT_EQ(states.count_open_before(kCount), std::count(plain.begin(), plain.end(), TaskStatus::pending));
}

TEST(IndexRanges, JoinsNeighboursInAnyOrder) {
  IndexRanges ranges;
  for (const std::uint32_t index : {7u, 0u, 1u, 3u, 2u}) ranges.add(index, index);
  ranges.add(20, 29);
  EXPECT_EQ(ranges.take_text(0, 1), "0-3,7,20-29");
  EXPECT_TRUE(ranges.empty());
}

TEST(IndexRanges, SpeaksOfValues) {
  IndexRanges ranges;
  ranges.add(0, 3);
  ranges.add(5, 5);
  EXPECT_EQ(ranges.take_text(100, 10), "100-130:10,150");
}

}  // namespace
}  // namespace stint::core
