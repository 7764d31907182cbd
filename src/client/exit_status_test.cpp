#include "client/exit_status.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

int failed(EndReason reason, int exit_code = 0, int signal = 0) {
  return exit_status(Outcome{TaskStatus::failed, reason, exit_code, signal});
}

TEST(ExitStatus, OfOneTaskIsItsOwn) {
  EXPECT_EQ(exit_status(Outcome{TaskStatus::completed, EndReason::exit, 0, 0}), 0);
  EXPECT_EQ(failed(EndReason::exit, 7), 7);
  EXPECT_EQ(failed(EndReason::signal, 0, 11), 139);
  EXPECT_EQ(failed(EndReason::timeout, 0, 9), 124) << "however it was killed";
  EXPECT_EQ(failed(EndReason::oom, 0, 9), 137);
  EXPECT_EQ(failed(EndReason::oom), 137) << "the kernel kills with SIGKILL";
  EXPECT_EQ(exit_status(Outcome{TaskStatus::cancelled, EndReason::cancelled, 0, 15}), 130);
}

TEST(ExitStatus, WhatNeverRanIsStintsOwnError) {
  EXPECT_EQ(failed(EndReason::start_failed), 125);
  EXPECT_EQ(failed(EndReason::needs_failed), 125);
  EXPECT_EQ(failed(EndReason::lost), 125);
}

TEST(ExitStatus, AFailedTaskNeverLooksLikeSuccess) { EXPECT_EQ(failed(EndReason::exit, 0), 1); }

TEST(ExitStatus, OfSeveralTasksSaysWhetherAnyFailed) {
  EXPECT_EQ(exit_status(TaskCounts{0, 0, 5, 0, 0}), 0);
  EXPECT_EQ(exit_status(TaskCounts{0, 0, 4, 1, 0}), 1);
  EXPECT_EQ(exit_status(TaskCounts{0, 0, 3, 1, 1}), 1) << "a failure weighs more than a cancelled task";
  EXPECT_EQ(exit_status(TaskCounts{0, 0, 4, 0, 1}), 130);
}

TEST(ExitStatus, OfSeveralJobsIsTheWorst) {
  EXPECT_EQ(combine_exit_statuses({7}), 7) << "one job keeps its own";
  EXPECT_EQ(combine_exit_statuses({0, 0}), 0);
  EXPECT_EQ(combine_exit_statuses({0, 7}), 1);
  EXPECT_EQ(combine_exit_statuses({0, 130}), 130);
  EXPECT_EQ(combine_exit_statuses({130, 1}), 1);
  EXPECT_EQ(combine_exit_statuses({1, 125}), 125);
  EXPECT_EQ(combine_exit_statuses({}), 0);
}

}  // namespace
}  // namespace stint::client
