#include "adapters/sqlite/inline_rule.hpp"

#include <gtest/gtest.h>

namespace stint::sqlite {
namespace {

using std::chrono::milliseconds;

constexpr InlineLimits kLimits{.rows = 4, .commit_time = milliseconds(2), .fast_in_a_row = 3, .quiet = milliseconds(5)};

/// A rule, and commits one after the other.
struct Commits {
  InlineRule rule{kLimits};
  InlineRule::Time now{std::chrono::hours(1)};

  void add(int count, milliseconds each) {
    for (int i = 0; i < count; ++i) {
      const auto began = now;
      now += each;
      rule.on_commit(began, now);
    }
  }
  [[nodiscard]] bool allows(std::size_t rows, milliseconds later) const { return rule.allows(rows, now + later); }
};

TEST(InlineRule, NothingBeforeTheDiskHasBeenFastAFewTimes) {
  Commits commits;
  EXPECT_FALSE(commits.allows(1, milliseconds(100)));
  commits.add(2, milliseconds(1));
  EXPECT_FALSE(commits.allows(1, milliseconds(100)));
  commits.add(1, milliseconds(2));
  EXPECT_TRUE(commits.allows(1, milliseconds(100)));
}

TEST(InlineRule, OneSlowCommitIsTheEndOfItUntilAsManyWereFastAgain) {
  Commits commits;
  commits.add(100, milliseconds(1));
  commits.add(1, milliseconds(3));
  EXPECT_FALSE(commits.allows(1, milliseconds(100)));
  commits.add(2, milliseconds(1));
  EXPECT_FALSE(commits.allows(1, milliseconds(100)));
  commits.add(1, milliseconds(1));
  EXPECT_TRUE(commits.allows(1, milliseconds(100)));
}

TEST(InlineRule, ManyRowsAreForTheThread) {
  Commits commits;
  commits.add(3, milliseconds(1));
  EXPECT_TRUE(commits.allows(4, milliseconds(100)));
  EXPECT_FALSE(commits.allows(5, milliseconds(100)));
}

TEST(InlineRule, NothingWhileCommitsFollowEachOther) {
  Commits commits;
  commits.add(3, milliseconds(1));
  EXPECT_FALSE(commits.allows(1, milliseconds(4)));
  EXPECT_TRUE(commits.allows(1, milliseconds(5)));
}

}  // namespace
}  // namespace stint::sqlite
