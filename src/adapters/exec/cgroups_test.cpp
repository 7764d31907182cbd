#include "adapters/exec/cgroups.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace stint::exec {
namespace {

constexpr Resources kOneCpu{.cpu_millis = 1000, .memory_bytes = 0, .gpus = 0, .storage_bytes = 0};
constexpr Resources kWithMemory{.cpu_millis = 1000, .memory_bytes = 64 * kMiB, .gpus = 0, .storage_bytes = 0};

/// Where this machine lets us make groups; elsewhere there is nothing to be tested.
class CgroupsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "cgroups-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    state_.emplace(*StateDir::open(folder));
    cgroups_.emplace(Cgroups::find(*state_));
    if (!cgroups_->limits_cpu()) GTEST_SKIP() << "no writable cpu cgroup here";
  }
  void TearDown() override {
    if (cgroups_) cgroups_->remove_all();
    std::filesystem::remove_all(folder_);
  }

  /// A child that is in the group and sleeps.
  static pid_t enter(const TaskCgroup& group) {
    const std::vector<int> entries = group.entries();
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (const int entry : entries)
        if (::write(entry, "0", 1) != 1) ::_exit(1);
      ::close(ready[1]);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char end = 0;
    EXPECT_EQ(::read(ready[0], &end, 1), 0);
    ::close(ready[0]);
    return child;
  }

  std::filesystem::path folder_;
  std::optional<StateDir> state_;
  std::optional<Cgroups> cgroups_;
};

TEST_F(CgroupsTest, AnEmptyOneThatLimitsOnlyTheCpuServesTheNextTask) {
  auto first = cgroups_->make(kOneCpu);
  ASSERT_TRUE(first);
  const std::vector<int> entries = first->entries();
  ASSERT_FALSE(entries.empty());
  const pid_t child = enter(*first);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  first->kill_all();
  cgroups_->remove(std::move(*first));
  const auto second = cgroups_->make(kOneCpu);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->entries(), entries);  // the same descriptors, still open
}

TEST_F(CgroupsTest, OneThatIsNotKnownToBeEmptyServesNobody) {
  auto first = cgroups_->make(kOneCpu);
  ASSERT_TRUE(first);
  const pid_t child = enter(*first);
  const auto first_entries = first->entries();
  cgroups_->remove(std::move(*first));
  auto second = cgroups_->make(kOneCpu);
  ASSERT_TRUE(second);
  const pid_t other = enter(*second);
  second->kill_all();
  EXPECT_EQ(::waitpid(other, nullptr, 0), other);
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "killed with a group that it is not in";
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(CgroupsTest, OneThatLimitsMemoryServesOneTask) {
  if (!cgroups_->limits_memory()) GTEST_SKIP() << "no writable memory cgroup here";
  auto first = cgroups_->make(kWithMemory);
  ASSERT_TRUE(first);
  first->kill_all();
  cgroups_->remove(std::move(*first));
  const auto spare = cgroups_->make(kOneCpu);
  ASSERT_TRUE(spare);
  EXPECT_EQ(spare->entries().size(), 1U) << "a group with a memory limit serves a task without";
}

TEST_F(CgroupsTest, WhatIsReservedServesOnlyTheTaskThatItWaitsFor) {
  const ReservedCgroup reserved = cgroups_->reserve();
  ASSERT_NE(reserved.number, 0u);
  EXPECT_EQ(cgroups_->reserve().number, reserved.number);
  const auto other = cgroups_->make(kOneCpu);
  ASSERT_TRUE(other);
  EXPECT_NE(other->number(), reserved.number);
  if (cgroups_->limits_memory()) {
    EXPECT_NE(cgroups_->make(kWithMemory, true)->number(), reserved.number);
  }
  EXPECT_EQ(cgroups_->make({}, true)->number(), 0u) << "no limit is wanted";
  const auto wanted = cgroups_->make(kOneCpu, true);
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->number(), reserved.number);
  EXPECT_NE(cgroups_->reserve().number, reserved.number);
}

/// Its descriptors are written to by another process, later.
TEST_F(CgroupsTest, TheWayIntoAGroupThatIsGoneLeadsNowhere) {
  const ReservedCgroup reserved = cgroups_->reserve();
  cgroups_->remove_all();
  for (const UniqueFd& entry : reserved.entries) EXPECT_NE(::write(entry.get(), "0", 1), 1);
}

}  // namespace
}  // namespace stint::exec
