#include "protocol/session.hpp"

#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"

namespace stint::protocol {
namespace {

using namespace std::chrono_literals;
using namespace protocol::testing;

TEST(Session, HandshakeResumeReconcileWork) {
  Pipe p;
  p.to_scheduler();
  ASSERT_NE(p.scheduler->hello(), nullptr);
  EXPECT_EQ(p.scheduler->hello()->connect, 5U);
  EXPECT_EQ(find_event<Established>(p.scheduler_events), nullptr) << "HELLO alone proves nothing";
  p.to_agent();
  const auto* agent_side = find_event<Established>(p.agent_events);
  ASSERT_NE(agent_side, nullptr);
  EXPECT_EQ(agent_side->session, SessionId{99});
  EXPECT_EQ(agent_side->heartbeat_interval, 30s);

  p.agent->send(Resume{agent_info(), {HeldAttempt{ref(1), TaskStatus::running, 3, 100, 0}}});
  p.settle();
  const auto* scheduler_side = find_event<Established>(p.scheduler_events);
  ASSERT_NE(scheduler_side, nullptr);
  EXPECT_EQ(scheduler_side->hello.agent, AgentNumber{7});
  const auto* resume = find_message<Resume>(p.scheduler_events);
  ASSERT_NE(resume, nullptr);
  ASSERT_EQ(resume->held.size(), 1U);
  EXPECT_EQ(resume->held[0].stdout_bytes, 100U);

  p.scheduler->send(Reconcile{{AttemptVerdict{ref(1), Verdict::keep, 2, 50, 0}}});
  p.scheduler->send(AssignmentList{{task_template()}, {Assignment{ref(2), 0}}});
  p.settle();
  ASSERT_NE(find_message<Reconcile>(p.agent_events), nullptr);
  ASSERT_NE(find_message<AssignmentList>(p.agent_events), nullptr);

  p.agent->send(UpdateList{{update(2, 1, TaskStatus::completed)}});
  p.settle();
  const auto* updates = find_message<UpdateList>(p.scheduler_events);
  ASSERT_NE(updates, nullptr);
  EXPECT_EQ(updates->items[0].status, TaskStatus::completed);
  EXPECT_FALSE(p.scheduler->ended());
  EXPECT_FALSE(p.agent->ended());
}

}  // namespace
}  // namespace stint::protocol
