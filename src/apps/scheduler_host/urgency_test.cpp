#include "apps/scheduler_host/urgency.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <functional>
#include <thread>

namespace stint::apps {
namespace {

void in_thread(const std::function<void()>& what) { std::thread(what).join(); }

void set_policy(int policy) {
  const sched_param none{};
  ASSERT_EQ(::sched_setscheduler(0, policy, &none), 0);
}

/// What the kernel gives if nobody asks; 0: it does not say, or knows no other.
std::uint64_t common_slice() {
  std::uint64_t common = 0;
  in_thread([&] { common = slice_ns(); });
  return common;
}

TEST(Urgency, ShortSlicesAreAskedForOnceAndInherited) {
  const auto common = common_slice();
  if (common == 0) GTEST_SKIP() << "this kernel knows no slices";
  in_thread([&] {
    ask_for_short_slices();
    EXPECT_EQ(slice_ns(), 100'000u);
    ask_for_short_slices();
    EXPECT_EQ(slice_ns(), 100'000u);
    EXPECT_EQ(common_slice(), 100'000u);
  });
  EXPECT_EQ(common_slice(), common) << "a thread asked for itself";
}

TEST(Urgency, NothingElseOfAThreadChanges) {
  in_thread([] {
    ASSERT_NE(::nice(3), -1);
    const int nice = ::nice(0);
    ask_for_short_slices();
    EXPECT_EQ(::nice(0), nice);
    EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
  });
}

TEST(Urgency, WhoStandsBackGoesOnDoingSo) {
  in_thread([] {
    set_policy(SCHED_BATCH);
    ask_for_short_slices();
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    set_policy(SCHED_OTHER);
    EXPECT_TRUE(slice_ns() == 0 || slice_ns() > 100'000) << slice_ns();
  });
}

}  // namespace
}  // namespace stint::apps
