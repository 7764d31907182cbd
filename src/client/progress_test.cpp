#include "client/progress.hpp"

#include <gtest/gtest.h>

#include "client/text.hpp"

namespace stint::client {
namespace {

using namespace std::chrono_literals;

const Instant kStart{};

JobView job_of(TaskCounts tasks) {
  JobView job;
  job.id = 12;
  job.tasks = tasks;
  job.groups = {{"train", true, tasks}};
  return job;
}

TEST(RateMeter, NeedsTwoMomentsASecondApart) {
  RateMeter meter;
  meter.add(0, kStart);
  EXPECT_FALSE(meter.per_second());
  meter.add(5, kStart + 500ms);
  EXPECT_FALSE(meter.per_second());
  meter.add(10, kStart + 2s);
  EXPECT_DOUBLE_EQ(*meter.per_second(), 5);
  EXPECT_EQ(*meter.time_left(50), Duration(10s));
}

TEST(RateMeter, LooksAtTheLastHalfMinute) {
  RateMeter meter;
  for (int second = 0; second <= 120; ++second)
    meter.add(static_cast<std::uint64_t>(second < 60 ? second * 10 : 600 + (second - 60) * 2), kStart + second * 1s);
  EXPECT_DOUBLE_EQ(*meter.per_second(), 2);
}

TEST(RateMeter, DoesNotTakeABurstOrAPauseForTheRate) {
  RateMeter meter;  // ten at once, a minute each: 1/6 a second
  for (int second = 0; second <= 600; ++second) {
    meter.add(static_cast<std::uint64_t>(second / 60 * 10), kStart + second * 1s, 10);
    if (second < 150) continue;
    EXPECT_GT(*meter.per_second(), 0.10) << second;
    EXPECT_LT(*meter.per_second(), 0.25) << second;
  }
}

TEST(RateMeter, NoRateNoPromise) {
  RateMeter stuck;
  stuck.add(3, kStart);
  stuck.add(3, kStart + 10s);
  EXPECT_FALSE(stuck.time_left(5));
}

TEST(RateMeter, StaysSmallOverDays) {
  RateMeter meter;
  for (int second = 0; second < 100'000; ++second) meter.add(static_cast<std::uint64_t>(second), kStart + second * 1s);
  EXPECT_LE(meter.history().size(), 1200U);
  EXPECT_NEAR(*meter.per_second(), 1, 1e-9);
}

TEST(Rate, ReadsWellAtAnySpeed) {
  EXPECT_EQ(show_rate(1234), "1234/s");
  EXPECT_EQ(show_rate(5), "5.0/s");
  EXPECT_EQ(show_rate(0.2), "12/min");
  EXPECT_EQ(show_rate(0.001), "3.6/h");
}

TEST(Progress, ShowsBarCountsRateAndTimeLeft) {
  RateMeter meter;
  meter.add(0, kStart);
  meter.add(50, kStart + 10s);
  const auto lines = show_progress(job_of({47, 3, 49, 1, 0}), meter, "", 100);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], "train  [===================>                  ]  49/100 · 3 running · 1 failed · 5.0/s · 10s left");
}

TEST(Progress, NeverWiderThanTheTerminal) {
  const auto job = job_of({4'000'000, 300'000, 2'000'000, 100'000, 7});
  RateMeter meter;
  for (std::size_t width = 1; width < 120; ++width)
    for (const std::string& line : show_progress(job, meter, "waits for a graphics card that nobody has", width))
      EXPECT_LE(display_width(line), width);
}

TEST(Progress, SeveralEntriesGetALineEachAndATotal) {
  JobView job = job_of({1, 0, 1, 0, 0});
  job.groups = {{"prepare", false, {0, 0, 1, 0, 0}}, {"rate", false, {1, 0, 0, 0, 0}}};
  const auto lines = show_progress(job, RateMeter(), "waits for prepare", 80);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(lines[0].starts_with("prepare  ["));
  EXPECT_TRUE(lines[1].starts_with("rate     ["));
  EXPECT_TRUE(lines[2].starts_with("job 12   ["));
  EXPECT_EQ(lines[3], "waits for prepare");
}

TEST(Progress, OnAPipeItIsASentence) {
  EXPECT_EQ(show_counts(job_of({1, 3, 5, 1, 0})), "job 12: 3 running, 5 of 10 completed, 1 failed");
  EXPECT_EQ(show_counts(job_of({0, 0, 5, 0, 2})), "job 12: 0 running, 5 of 7 completed, 2 cancelled");
  RateMeter meter;
  meter.add(0, kStart);
  meter.add(20, kStart + 10s);
  EXPECT_EQ(show_counts(job_of({77, 3, 20, 0, 0}), meter), "job 12: 3 running, 20 of 100 completed, 2.0/s, 40s left");
}

TEST(Progress, TheEndOfAJobIsASentence) {
  JobView job = job_of({0, 0, 5, 1, 2});
  job.name = "sweep";
  job.state = TaskStatus::failed;
  EXPECT_EQ(show_outcome(job), "job 12 sweep: failed, 5 of 8 tasks completed, 1 failed, 2 cancelled");
}

}  // namespace
}  // namespace stint::client
