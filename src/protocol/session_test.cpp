#include "protocol/session.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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
  p.scheduler->send(AssignmentList{{task_template()}, {Assignment{ref(2), 0}}, {}});
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

TEST(Session, UpdatesAndLogsWaitForReconcile) {
  Pipe p;
  p.shake_hands();
  p.agent->send(Resume{agent_info(), {}});
  p.agent->send(UpdateList{{update(1, 1), update(1, 2, TaskStatus::completed)}});
  p.agent->send(log_chunk(0, 10));
  p.agent->send(agent_info("renamed"));
  p.settle();
  EXPECT_EQ(find_message<UpdateList>(p.scheduler_events), nullptr);
  EXPECT_NE(find_message<AgentInfo>(p.scheduler_events), nullptr);
  EXPECT_EQ(p.agent->log_credit(), 0U);

  p.scheduler->send(Reconcile{});
  p.settle();
  const auto* updates = find_message<UpdateList>(p.scheduler_events);
  ASSERT_NE(updates, nullptr);
  ASSERT_EQ(updates->items.size(), 2U);
  EXPECT_EQ(updates->items[1].number, 2U);
  EXPECT_NE(find_message<LogChunk>(p.scheduler_events), nullptr);
  EXPECT_EQ(p.agent->log_credit(), 3U);
}

template <class M>
std::size_t count_messages(const std::vector<SessionEvent>& events) {
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [](const SessionEvent& event) {
    const auto* received = std::get_if<Received>(&event);
    return received != nullptr && std::holds_alternative<M>(received->message);
  }));
}

TEST(Session, LogChunksWaitForCredit) {
  Pipe p;  // 4 chunks
  p.establish();
  for (std::uint64_t i = 0; i < 7; ++i) p.agent->send(log_chunk(i * 10, 10));
  p.settle();
  EXPECT_EQ(count_messages<LogChunk>(p.scheduler_events), 4U);
  EXPECT_EQ(p.agent->log_credit(), 0U);
  EXPECT_EQ(p.scheduler->log_credit(), 0U);
  p.scheduler->send(Credit{5, 0, {}});
  p.settle();
  EXPECT_EQ(count_messages<LogChunk>(p.scheduler_events), 7U);
  EXPECT_EQ(p.agent->log_credit(), 2U);
  EXPECT_EQ(p.scheduler->log_credit(), 2U);
  EXPECT_EQ(p.scheduler_counters.of(Refusal::over_credit), 0U);
}

TEST(Session, ReportsWaitForCreditAndChangesOfStateDoNot) {
  Pipe p;  // 8 reports
  p.establish();
  UpdateList list;
  for (std::uint32_t i = 0; i < 10; ++i) list.items.push_back(update(i, 0));
  list.items.push_back(update(3, 1, TaskStatus::completed));
  list.items.push_back(update(9, 1, TaskStatus::completed));  // its report still waits and is worth nothing any more
  p.agent->send(list);
  p.settle();
  const auto* first = find_message<UpdateList>(p.scheduler_events);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->items.size(), 10U);
  p.clear_events();
  p.scheduler->send(Credit{0, 100, {}});
  p.settle();
  const auto* second = find_message<UpdateList>(p.scheduler_events);
  ASSERT_NE(second, nullptr);
  ASSERT_EQ(second->items.size(), 1U);
  EXPECT_EQ(second->items[0].ref, ref(8));
  EXPECT_EQ(p.agent->report_credit(), 99U);
  EXPECT_EQ(p.scheduler->report_credit(), 99U);
}

TEST(Session, TooManyWaitingReportsLoseTheOldest) {
  Pipe p;
  p.establish();
  for (std::uint32_t i = 0; i < 8 + limits::kHeldReports + 3; ++i) p.agent->send(UpdateList{{update(i, 0)}});
  EXPECT_EQ(p.agent_counters.of(Refusal::reports_dropped), 3U);
  p.settle();
  p.clear_events();
  p.scheduler->send(Credit{0, 1, {}});
  p.settle();
  const auto* next = find_message<UpdateList>(p.scheduler_events);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->items[0].ref, ref(8 + 3));
}

TEST(Session, CloseReachesThePeerAfterWhatWasQueued) {
  Pipe p;
  p.establish();
  p.agent->send(UpdateList{{update(1, 1, TaskStatus::completed)}});
  p.agent->close(CloseReason::leaving, "SIGTERM");
  EXPECT_TRUE(p.agent->ended());
  p.agent->send(agent_info("too late"));  // ignored
  p.to_scheduler();
  EXPECT_NE(find_message<UpdateList>(p.scheduler_events), nullptr);
  EXPECT_EQ(find_message<AgentInfo>(p.scheduler_events), nullptr);
  const auto* ended = find_event<Ended>(p.scheduler_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, CloseReason::leaving);
  EXPECT_EQ(ended->detail, "SIGTERM");
  EXPECT_EQ(p.scheduler->next_deadline(), Instant::max());
}

TEST(Session, AgentMayCloseInsteadOfResuming) {
  Pipe p;
  p.shake_hands();
  p.agent->close(CloseReason::leaving, "changed its mind");
  p.to_scheduler();
  EXPECT_EQ(find_event<Established>(p.scheduler_events), nullptr);
  const auto* ended = find_event<Ended>(p.scheduler_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->reason, CloseReason::leaving);
}

TEST(Session, ClosedConnectionEndsBothOnce) {
  Pipe p;
  p.establish();
  p.agent->send(agent_info("never sent"));
  p.agent->on_closed(p.agent_now());
  p.agent->on_closed(p.agent_now());
  p.collect();
  EXPECT_FALSE(p.agent->has_output());
  EXPECT_EQ(std::count_if(p.agent_events.begin(), p.agent_events.end(), [](const auto& e) { return std::holds_alternative<Ended>(e); }), 1);
  EXPECT_EQ(find_event<Ended>(p.agent_events)->code, "disconnected");
}

TEST(Session, LargeListsAndLogsTravelCompressedAndWhole) {
  Pipe p;
  p.establish();
  UpdateList list;
  for (std::uint32_t i = 0; i < 3000; ++i) list.items.push_back(update(i, 1, TaskStatus::completed));
  p.agent->send(list);
  const Bytes bytes = p.take(*p.agent);
  EXPECT_LT(bytes.size(), 3000U * 56 / 2) << "records repeat themselves";
  p.deliver(*p.scheduler, bytes);
  std::vector<StatusUpdate> all;
  for (const SessionEvent& event : p.scheduler_events) {
    const auto& items = std::get<UpdateList>(std::get<Received>(event).message).items;
    all.insert(all.end(), items.begin(), items.end());
  }
  EXPECT_EQ(all, list.items);
}

TEST(Session, ScratchCanBeShared) {
  const auto scratch = make_session_scratch();
  const OneKey keys;
  Pipe clocks;
  for (int i = 0; i < 3; ++i) {
    SchedulerSessionOptions s;
    s.session = SessionId{5};
    s.session_time_offset_ms = kWall2026;
    s.scratch = scratch;
    AgentSessionOptions a;
    a.agent = AgentNumber{7};
    a.key_epoch = KeyEpoch{1};
    a.key = keys.key;
    a.scratch = scratch;
    clocks.scheduler = make_scheduler_session(keys, s, clocks.scheduler_now());
    clocks.agent = make_agent_session(a, clocks.agent_now());
    clocks.establish();
    EXPECT_FALSE(clocks.agent->ended());
  }
}

}  // namespace
}  // namespace stint::protocol
