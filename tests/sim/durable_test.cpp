#include "sim/durable.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace stint::sim {
namespace {

constexpr JobId kJob{1};
constexpr AgentNumber kAgent{1};
constexpr TaskRef kTask{kJob, 0, 0};

/// A job of one task with one retry, and an agent that it fills.
class DurableTest : public testing::Test {
 protected:
  DurableTest() {
    auto spec = std::make_shared<core::JobSpec>();
    core::TaskSpec task;
    task.name = "main";
    task.resources.cpu_millis = 1000;
    task.retries = 1;
    spec->tasks.push_back(task);
    core::JobRow job;
    job.id = kJob;
    job.spec = spec;
    job.idempotency_key = "key";
    durable.apply_batch({job, job_state(kJob, TaskStatus::pending), agent_row(0)});
  }

  static core::AgentRow agent_row(std::uint32_t prefetch) {
    core::AgentRow agent;
    agent.number = kAgent;
    agent.name = "a";
    agent.offer.resources.cpu_millis = 1000;
    agent.offer.prefetch = prefetch;
    return agent;
  }

  static core::AttemptRow attempt(std::uint32_t number, TaskStatus status, bool is_live, bool is_result = false) {
    core::AttemptRow row;
    row.ref = {kTask, number};
    row.agent = kAgent;
    row.status = status;
    row.reason = has_ended(status) ? EndReason::exit : EndReason::none;
    row.live = is_live;
    row.is_result = is_result;
    if (!is_live) row.ended_at = unix_millis(1);
    return row;
  }
  static core::JobStateRow job_state(JobId job, TaskStatus status) {
    core::JobStateRow row;
    row.job = job;
    row.status = status;
    return row;
  }
  [[nodiscard]] bool found(const std::string& text) const {
    for (const auto& finding : findings.texts())
      if (finding.find(text) != std::string::npos) return true;
    return false;
  }

  Findings findings;
  Durable durable{findings};
};

TEST_F(DurableTest, HasNothingToSayAboutAGoodLife) {
  durable.apply_batch({attempt(1, TaskStatus::pending, true)});
  durable.apply_batch({attempt(1, TaskStatus::running, true)});
  durable.apply_batch({attempt(1, TaskStatus::completed, false, true), job_state(kJob, TaskStatus::completed)});
  EXPECT_TRUE(findings.empty()) << findings.texts().front();
  EXPECT_TRUE(durable.all_jobs_ended());
}

TEST_F(DurableTest, SeesASecondResult) {
  durable.apply_batch({attempt(1, TaskStatus::completed, false, true), job_state(kJob, TaskStatus::completed)});
  durable.apply_batch({attempt(2, TaskStatus::completed, false, true)});
  EXPECT_TRUE(found("ended twice"));
}

TEST_F(DurableTest, SeesAResultFromOutsideTheLiveSet) {
  durable.apply_batch({attempt(1, TaskStatus::running, false)});
  durable.apply_batch({attempt(1, TaskStatus::completed, false, true), job_state(kJob, TaskStatus::completed)});
  EXPECT_TRUE(found("without being in the live set"));
}

TEST_F(DurableTest, SeesMoreAtAnAgentThanItHas) {
  durable.apply_batch({attempt(1, TaskStatus::running, true), attempt(2, TaskStatus::pending, true)});
  EXPECT_TRUE(found("over-committed"));
}

TEST_F(DurableTest, WhereAttemptsMayWaitCountsThoseThatHaveBegun) {
  const auto running = [](std::uint32_t number) {
    auto row = attempt(number, TaskStatus::running, true);
    row.started_at = unix_millis(1);
    return row;
  };
  durable.apply_batch({agent_row(2), attempt(1, TaskStatus::pending, true), attempt(2, TaskStatus::pending, true)});
  durable.apply_batch({running(1)});
  durable.apply_batch({running(2)});  // the end of the first is on its way
  EXPECT_FALSE(found("over-committed"));
  durable.apply_batch({attempt(3, TaskStatus::pending, true)});
  EXPECT_TRUE(found("over-committed"));
}

TEST_F(DurableTest, CountsAnAttemptThatWasGivenUpUntilItsAgentHasLetItGo) {
  auto given_up = attempt(1, TaskStatus::failed, false);
  given_up.reason = EndReason::lost;
  given_up.ended_at = {};
  durable.apply_batch({given_up, attempt(2, TaskStatus::pending, true)});
  EXPECT_TRUE(found("over-committed"));
}

TEST_F(DurableTest, SeesATaskThatFailsWithRetriesLeft) {
  durable.apply_batch({attempt(1, TaskStatus::failed, false, true), job_state(kJob, TaskStatus::failed)});
  EXPECT_TRUE(found("before the retries were used"));
}

TEST_F(DurableTest, SeesAnEndThatChanges) {
  durable.apply_batch({attempt(1, TaskStatus::completed, false, true), job_state(kJob, TaskStatus::completed)});
  durable.apply_batch({attempt(1, TaskStatus::failed, false, true)});
  EXPECT_TRUE(found("changed its state"));
}

TEST_F(DurableTest, SeesAKeyThatMakesTwoJobs) {
  core::JobRow again = *durable.find_job(kJob);
  again.id = JobId{2};
  durable.apply_batch({again, job_state(JobId{2}, TaskStatus::pending)});
  EXPECT_TRUE(found("two jobs"));
}

TEST_F(DurableTest, SeesNewWorkForAnAgentThatIsDrained) {
  core::AgentRow drained = *durable.find_agent(kAgent);
  drained.draining = true;
  durable.apply_batch({drained, attempt(1, TaskStatus::pending, true)});
  EXPECT_TRUE(found("takes no new work"));
}

TEST_F(DurableTest, SeesAJobRemovedThatHadNotEnded) {
  durable.apply_batch({core::JobRemovalRow{kJob, {}}});
  EXPECT_TRUE(found("was removed and had not ended"));
}

TEST_F(DurableTest, SeesAJobRemovedThatAnAgentStillHolds) {
  auto superseded = attempt(2, TaskStatus::cancelled, false);
  superseded.reason = EndReason::superseded;
  superseded.ended_at = {};
  durable.apply_batch({attempt(1, TaskStatus::running, true)});
  durable.apply_batch({superseded, attempt(1, TaskStatus::completed, false, true), job_state(kJob, TaskStatus::completed)});
  durable.apply_batch({core::JobRemovalRow{kJob, {}}});
  EXPECT_TRUE(found("while an agent may hold"));
}

TEST_F(DurableTest, SeesADiskWithAPartOfABatch) {
  memory::Tables tables;
  tables.apply(*durable.find_job(kJob));
  tables.apply(*durable.find_agent(kAgent));
  tables.apply(attempt(1, TaskStatus::running, true));
  durable.compare(tables);
  EXPECT_TRUE(found("that no whole batch has brought"));
}

}  // namespace
}  // namespace stint::sim
