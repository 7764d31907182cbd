#include "scheduler/event_ring.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "adapters/memory/store.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

core::EventRow event(std::uint64_t seq, std::uint64_t job = 0) {
  return {.seq = seq, .at = {}, .kind = "k" + std::to_string(seq), .job = JobId{job}, .body = "{}"};
}

class EventRingTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> after(std::uint64_t seq, JobId job = {}, std::size_t limit = 100) {
    std::vector<std::uint64_t> found;
    const auto events = ring.after(seq, job, limit);
    EXPECT_TRUE(events);
    for (const auto& item : *events) found.push_back(item.seq);
    return found;
  }
  using Seqs = std::vector<std::uint64_t>;

  std::shared_ptr<memory::Tables> tables = std::make_shared<memory::Tables>();
  memory::MemoryReader reader{tables};
  EventRing ring{reader};
};

TEST_F(EventRingTest, GivesWhatCameAfter) {
  for (std::uint64_t seq = 1; seq <= 5; ++seq) ring.push(event(seq));
  EXPECT_EQ(after(0), (Seqs{1, 2, 3, 4, 5}));
  EXPECT_EQ(after(3), (Seqs{4, 5}));
  EXPECT_EQ(after(5), Seqs{});
  EXPECT_EQ(after(99), Seqs{}) << "a number that has not been given yet";
  EXPECT_EQ(after(0, {}, 2), (Seqs{1, 2}));
  EXPECT_EQ(ring.last(), 5U);
}

TEST_F(EventRingTest, GivesTheEventsOfOneJobOnly) {
  ring.push(event(1, 7));
  ring.push(event(2, 8));
  ring.push(event(3));
  ring.push(event(4, 7));
  EXPECT_EQ(after(0, JobId{7}), (Seqs{1, 4}));
  EXPECT_EQ(after(0, JobId{7}, 1), Seqs{1});
}

TEST_F(EventRingTest, OlderEventsComeFromTheStore) {
  for (std::uint64_t seq = 1; seq <= 3; ++seq) tables->apply(event(seq));
  ring.restart(3);
  EXPECT_EQ(after(1), (Seqs{2, 3})) << "nothing is in memory after a start";
  tables->apply(event(4));
  ring.push(event(4));
  EXPECT_EQ(after(1), (Seqs{2, 3, 4})) << "the ring starts at 4: it cannot answer alone";
  EXPECT_EQ(after(3), Seqs{4});
}

TEST_F(EventRingTest, HoldsNoMoreThanItsLimitAndLosesNothing) {
  for (std::uint64_t seq = 1; seq <= limits::kEventRingMax + 2; ++seq) {
    tables->apply(event(seq));
    ring.push(event(seq));
  }
  EXPECT_EQ(after(0, {}, 3), (Seqs{1, 2, 3})) << "from the store";
  EXPECT_EQ(after(limits::kEventRingMax), (Seqs{limits::kEventRingMax + 1, limits::kEventRingMax + 2}));
}

}  // namespace
}  // namespace stint::scheduler
