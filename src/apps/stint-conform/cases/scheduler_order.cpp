#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/cases/session_cases.hpp"

// The order of a session, what an agent may not say, how long it may be silent, and how it ends.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;
using schema::SchedulerMessage;

constexpr const char* kFirstRule =
    "| `out_of_order` | first message not Resume; Resume or Reconcile twice; work before Reconcile | the session ends |";
constexpr const char* kBeforeRule =
    "Before Reconcile the agent sends no updates and no log chunks, the scheduler no assignments, acknowledgements and cancels. Whoever "
    "sees this broken ends the session (`out_of_order`).";
constexpr const char* kDirectionRule = "Anything else is `wrong_direction`: answered with Error, the session goes on.";
constexpr const char* kLeaseRule = "A side that has not read an authenticated frame for three intervals ends the session (`lease`).";

const AttemptRef kSomeAttempt{{JobId{1}, 0, 0}, 1};

Check first_is(Subject& subject, const protocol::Message& message) {
  CONFORM_TRY(auto session, subject.shake_hands());
  session.send(message);
  return session.expect_refused("out_of_order");
}

Check resume_twice(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(subject.idle_resume());
  return session.expect_refused("out_of_order");
}

/// In one segment with Resume, before Reconcile can have left.
Check work_before_reconcile(Subject& subject, const protocol::Message& work) {
  CONFORM_TRY(auto session, subject.shake_hands());
  Bytes both = session.data(subject.idle_resume());
  const Bytes second = session.data(work);
  both.insert(both.end(), second.begin(), second.end());
  session.peer().send(both);
  return session.expect_refused("out_of_order");
}

Check life_before_reconcile(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  const auto beat = fresh_beat();
  Bytes both = session.data(subject.idle_resume());
  const Bytes second = session.data(protocol::Heartbeat{beat, 0});
  both.insert(both.end(), second.begin(), second.end());
  session.peer().send(both);
  CONFORM_CHECK(expect_beat(session, beat));
  CONFORM_TRY(const auto reconcile, session.take<protocol::Reconcile>("Reconcile"));
  (void)reconcile;
  return {};
}

Check one_reconcile(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto second, session.find_until_alive<protocol::Reconcile>());
  return require(!second, "one Reconcile", "two");
}

Check wrong_direction(Subject& subject, SchedulerMessage type, const Build& build) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(type, build);
  return session.expect_error("wrong_direction");
}
Check wrong_direction(Subject& subject, const protocol::Message& message) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(message);
  return session.expect_error("wrong_direction");
}

protocol::TaskTemplate some_task() {
  protocol::TaskTemplate task;
  task.task_name = "main";
  task.driver = "noop";
  return task;
}

// ---- life

Checked<Duration> lease_of(const Subject& subject) {
  const Duration lease = 3 * from_ms(subject.ack().heartbeat_ms);
  if (lease > limits::kLeaseTestable) return skip("a heartbeat interval of 3 s at most, to see a lease of three of them end");
  return lease;
}

Check silence_ends(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto lease, lease_of(subject));
  const Instant begin = now();
  CONFORM_CHECK([&] {
    auto close = session.until_end(lease + limits::kSlack);
    return close ? Check{} : Check{tl::unexpected(close.error())};
  }());
  const auto took = now() - begin;
  return require(took >= lease - from_ms(500), "three intervals before the end", std::to_string(to_ms(took)) + " ms");
}

/// Any frame will do: here AgentInfo, and no heartbeat at all.
Check any_frame_holds(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto lease, lease_of(subject));
  for (const Instant end = now() + lease + from_ms(1'500); now() < end;) {
    session.send(protocol::Message{subject.idle_resume().info});
    CONFORM_TRY(const auto heard, session.next(now() + lease / 6));
    if (!heard && session.peer().closed()) return differ("a session that lives on", "its end");
  }
  return session.expect_alive();
}

/// Bytes inside a frame stand in for one at most twice.
Check trickle_ends(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto lease, lease_of(subject));
  Bytes body = heartbeat_body(session, fresh_beat());
  body.resize(64 * 1024);
  const Bytes frame = session.data(body);
  const Instant end = now() + 3 * lease + limits::kSlack;
  for (std::size_t at = 0; now() < end; ++at) {
    session.peer().send(ByteView{frame}.subspan(at, 1));
    CONFORM_TRY(const auto heard, session.peer().next_frame(now() + from_ms(250)));
    (void)heard;
    if (session.peer().closed()) return {};
  }
  return differ("the end within three leases", "open");
}

Check answer_times(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  const std::int64_t before = session.time_ms();
  const auto beat = fresh_beat();
  session.send(protocol::Heartbeat{beat, 0});
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto heard, session.next(deadline));
    if (!heard) return differ("HeartbeatAck", "none");
    const auto* ack = std::get_if<protocol::HeartbeatAck>(&heard->message);
    if (ack == nullptr) continue;
    constexpr std::int64_t kClockError = 200;  // of our own estimate
    const bool is_right = ack->session_time_ms >= before - kClockError && heard->timestamp_ms >= ack->session_time_ms &&
                          ack->session_time_ms <= session.time_ms() + kClockError;
    return require(
        is_right, "received_ms between sending and the answer's timestamp, in session time",
        std::to_string(ack->session_time_ms) + ", sent " + std::to_string(before) + ", answered " + std::to_string(heard->timestamp_ms));
  }
}

// ---- the end

Check close_ends(Subject& subject, protocol::CloseReason reason) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::Close{reason, "a test of the runner"});
  CONFORM_TRY(const auto close, session.until_end());
  return require(!close, "the end; Close is never answered", "Close");
}

Check nothing_behind_close(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  const auto beat = fresh_beat();
  Bytes both = session.data(protocol::Close{protocol::CloseReason::leaving, ""});
  const Bytes second = session.data(protocol::Heartbeat{beat, 0});
  both.insert(both.end(), second.begin(), second.end());
  session.peer().send(both);
  CONFORM_TRY(const auto close, session.until_end());
  (void)close;
  CONFORM_TRY(const auto ack, session.find<protocol::HeartbeatAck>());
  return require(!ack, "no answer to what comes behind Close", "HeartbeatAck");
}

Check close_before_resume(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  session.send(protocol::Close{protocol::CloseReason::leaving, ""});
  CONFORM_TRY(const auto close, session.until_end());
  (void)close;
  return {};
}

}  // namespace

std::vector<SchedulerCase> order_cases() {
  using namespace protocol;
  const UpdateList update{{make_update(kSomeAttempt, 1, TaskStatus::running)}};
  const LogChunk chunk{kSomeAttempt, LogStream::out, 0, {'x'}};
  const auto wrong = [](std::string id, std::string title, const Message& message) {
    return SchedulerCase{std::move(id), std::move(title), kDirectionRule, [message](Subject& s) { return wrong_direction(s, message); }};
  };
  return {
      {"S9.01", "a silent agent's session ends after three intervals", kLeaseRule, silence_ends},
      {"S9.02", "any frame keeps a session alive", kLeaseRule, any_frame_holds},
      {"S9.03", "a trickle of bytes holds nothing open",
       "so a large frame on a slow line may take three leases and a trickle of bytes holds nothing open.", trickle_ends},
      {"S9.04", "HeartbeatAck tells when the heartbeat arrived",
       "| heartbeat | `clock_boot_ns`, echoed | `HeartbeatAck.received_ms` | envelope timestamp | HeartbeatAck read |", answer_times},
      {"S14.01", "a heartbeat first", kFirstRule, [](Subject& s) { return first_is(s, Heartbeat{1, 0}); }},
      {"S14.02", "AgentInfo first", kFirstRule, [](Subject& s) { return first_is(s, s.idle_resume().info); }},
      {"S14.03", "an update first", kFirstRule, [update](Subject& s) { return first_is(s, update); }},
      {"S14.04", "Resume twice", "Resume is the agent's first message and comes once.", resume_twice},
      {"S14.05", "an update before Reconcile", kBeforeRule, [update](Subject& s) { return work_before_reconcile(s, update); }},
      {"S14.06", "a log chunk before Reconcile", kBeforeRule, [chunk](Subject& s) { return work_before_reconcile(s, chunk); }},
      {"S14.07", "a heartbeat before Reconcile is answered",
       "The agent sends a Heartbeat every interval once it has sent Resume, whatever else it sends", life_before_reconcile},
      {"S14.08", "Reconcile comes once",
       "Reconcile is the scheduler's first answer to it, comes once, and has a verdict for every attempt in Resume", one_reconcile},
      wrong("S15.01", "AssignmentList from an agent", AssignmentList{{some_task()}, {{kSomeAttempt, 0}}, {}}),
      wrong("S15.02", "StatusAck from an agent", StatusAck{{{kSomeAttempt, 1}}}),
      wrong("S15.03", "Reconcile from an agent", Reconcile{}),
      wrong("S15.04", "Cancel from an agent", Cancel{{{kSomeAttempt, CancelMode::kill, EndReason::cancelled}}}),
      wrong("S15.05", "Credit from an agent", Credit{100, 100, {}}),
      wrong("S15.06", "Rekey from an agent", Rekey{KeyEpoch{2}, 0, {}, {}}),
      wrong("S15.07", "CellPins from an agent", CellPins{{{}}}),
      {"S15.08", "TaskAssignment from an agent", kDirectionRule,
       [](Subject& s) {
         return wrong_direction(s, SchedulerMessage::TaskAssignment, [](Builder& b) {
           const schema::AttemptRef ref(1, 0, 0, 1);
           const auto driver = b.CreateString("noop");
           schema::TaskAssignmentBuilder task(b);
           task.add_attempt(&ref);
           task.add_driver(driver);
           return task.Finish().Union();
         });
       }},
      {"S22.01", "Close `Leaving` ends the session without an answer", "| 18 | Close | either, last | never |",
       [](Subject& s) { return close_ends(s, CloseReason::leaving); }},
      {"S22.02", "Close `Normal` ends the session without an answer", "| 18 | Close | either, last | never |",
       [](Subject& s) { return close_ends(s, CloseReason::normal); }},
      {"S22.03", "what comes behind Close is not read", "| 18 | Close | either, last | never |", nothing_behind_close},
      {"S22.04", "Close before Resume", "| 18 | Close | either, last | never |", close_before_resume},
  };
}

}  // namespace stint::conform::scheduler
