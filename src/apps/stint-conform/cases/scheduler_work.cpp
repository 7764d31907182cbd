#include "apps/stint-conform/cases/scheduler_work.hpp"

#include <algorithm>

#include "apps/stint-conform/cases/scheduler_cases.hpp"

// Work: what is held, what is said of it, and how it is ended.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;
using protocol::Verdict;

constexpr const char* kVerdictRule =
    "and has a verdict for every attempt in Resume; attempts the scheduler knows and Resume does not name come again as assignments or are "
    "lost.";
constexpr const char* kAckRule = "| 8 | UpdateList | agent | StatusAck |";
constexpr const char* kRepeatRule = "An update that comes again is acknowledged again and changes nothing";
constexpr const char* kConflictRule = "one that comes again with other fields is a conflict: acknowledged, counted, and not applied.";
constexpr const char* kGoneRule =
    "An update of an attempt that is not live is acknowledged, and answered with Cancel unless it says that the attempt has ended.";

// ---- Resume and Reconcile

Checked<protocol::Reconcile> reconcile_of(Subject& subject, const std::vector<protocol::HeldAttempt>& attempts) {
  CONFORM_TRY(auto session, subject.shake_hands());
  auto resume = subject.idle_resume();
  resume.held = attempts;
  session.send(resume);
  CONFORM_TRY(auto reconcile, session.take<protocol::Reconcile>("Reconcile"));
  return reconcile;
}

Check verdict_of_unknown(Subject& subject, TaskStatus status, Verdict expected) {
  CONFORM_TRY(const auto reconcile, reconcile_of(subject, {held(unknown_attempt(), status, 1)}));
  if (reconcile.items.size() != 1 || reconcile.items[0].ref != unknown_attempt())
    return differ("one verdict, of the attempt held", std::to_string(reconcile.items.size()));
  return require_equal("verdict", static_cast<int>(reconcile.items[0].verdict), static_cast<int>(expected));
}

Check a_verdict_for_each(Subject& subject) {
  constexpr std::uint32_t kHeld = 500;
  std::vector<protocol::HeldAttempt> attempts;
  for (std::uint32_t i = 0; i < kHeld; ++i) attempts.push_back(held(unknown_attempt(i), TaskStatus::running, 1));
  CONFORM_TRY(const auto reconcile, reconcile_of(subject, attempts));
  std::vector<AttemptRef> named;
  for (const auto& item : reconcile.items) named.push_back(item.ref);
  std::sort(named.begin(), named.end());
  const bool is_all = named.size() == kHeld && std::unique(named.begin(), named.end()) == named.end() &&
                      named.front() == unknown_attempt(0) && named.back() == unknown_attempt(kHeld - 1);
  return require(is_all, "500 verdicts, one for each", std::to_string(named.size()));
}

Check none_held(Subject& subject) {
  CONFORM_TRY(const auto reconcile, reconcile_of(subject, {}));
  return require(reconcile.items.empty(), "no verdict", std::to_string(reconcile.items.size()));
}

Check most_held(Subject& subject) {
  constexpr std::uint32_t kMost = 16'384;
  std::vector<protocol::HeldAttempt> attempts;
  for (std::uint32_t i = 0; i < kMost; ++i) attempts.push_back(held(unknown_attempt(i), TaskStatus::completed, 1));
  CONFORM_TRY(const auto reconcile, reconcile_of(subject, attempts));
  return require_equal("verdicts", reconcile.items.size(), std::size_t{kMost});
}

Check too_many_held(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  session.send_envelope(schema::SchedulerMessage::Resume, [](Builder& b) {
    const auto info = schema::CreateAgentInfoDirect(b, "a");
    const std::vector<schema::HeldAttempt> many(16'385, {schema::AttemptRef(1, 0, 0, 1), 0, 0, 1, schema::TaskStatus::Running});
    return schema::CreateResumeDirect(b, info, &many).Union();
  });
  CONFORM_TRY(const auto error, session.take<protocol::ErrorMessage>("Error `list_too_long`"));
  return require(error.code == "list_too_long", "Error `list_too_long`", error.code);
}

Check assigned_after_reconcile(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  return Subject::finish(work.session, work.ref, 1);
}

Check kept_with_its_acknowledgement(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 1, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  CONFORM_TRY(const auto verdict, come_back(subject, work, TaskStatus::running, 3));
  CONFORM_CHECK(Subject::finish(work.session, work.ref, 4));
  CONFORM_CHECK(require(verdict.verdict == Verdict::keep, "Keep", std::to_string(static_cast<int>(verdict.verdict))));
  return require_equal("acked_update", verdict.acked_update, 1U);
}

Check unaccepted_comes_again(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  CONFORM_TRY(auto session, subject.establish_for_work());
  CONFORM_TRY(const auto list, session.take<protocol::AssignmentList>("the assignment that was never accepted, again"));
  const bool is_same = std::any_of(list.items.begin(), list.items.end(), [&](const auto& item) { return item.ref == work.ref; });
  CONFORM_CHECK(require(is_same, "the assignment that was never accepted, again", "another one"));
  return Subject::finish(session, work.ref, 1);
}

/// One that was accepted and is not held any more is lost: its updates change nothing, and a running one is stopped.
Check accepted_and_gone_is_lost(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 1, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  CONFORM_TRY(auto session, subject.establish_for_work());
  session.send(protocol::UpdateList{{make_update(work.ref, 2, TaskStatus::running)}});
  CONFORM_TRY(const auto cancel, session.take<protocol::Cancel>("Cancel of an attempt that is lost"));
  return require(!cancel.items.empty() && cancel.items[0].ref == work.ref, "Cancel of the attempt", "of another");
}

Check assignment_of_an_exec_task(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work());
  const auto before = session.heard_frames().size();
  CONFORM_TRY(const auto ref, subject.take_work(session));
  CONFORM_CHECK(require(session.heard_frames().size() > before && ref.attempt >= 1 && ref.task.job.value > 0,
                        "an attempt with job and number", "none"));
  return Subject::finish(session, ref, 1);
}

// ---- updates

Check acknowledged(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 1, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  return Subject::finish(work.session, work.ref, 2);
}

Check many_in_one_list(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  work.session.send(protocol::UpdateList{{make_update(work.ref, 1, TaskStatus::pending), make_update(work.ref, 2, TaskStatus::running),
                                          make_update(work.ref, 3, TaskStatus::completed)}});
  CONFORM_CHECK(expect_ack(work.session, work.ref, 3));
  return {};
}

Check repeated(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  const auto update = make_update(work.ref, 1, TaskStatus::running);
  for (int i = 0; i < 3; ++i) {
    work.session.send(protocol::UpdateList{{update}});
    CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  }
  return Subject::finish(work.session, work.ref, 2);
}

Check repeated_end(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  const auto update = make_update(work.ref, 1, TaskStatus::completed);
  for (int i = 0; i < 2; ++i) {
    work.session.send(protocol::UpdateList{{update}});
    CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  }
  return {};
}

Check repeated_in_another_session(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  const auto update = make_update(work.ref, 1, TaskStatus::running);
  work.session.send(protocol::UpdateList{{update}});
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  CONFORM_TRY(const auto verdict, come_back(subject, work, TaskStatus::running, 1));
  (void)verdict;
  work.session.send(protocol::UpdateList{{update}});
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  return Subject::finish(work.session, work.ref, 2);
}

/// Number 1 said Running; the same number now says Completed. If that were applied, the attempt would not be kept.
Check conflict(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 1, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  say(work, 1, TaskStatus::completed);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  CONFORM_TRY(const auto verdict, come_back(subject, work, TaskStatus::running, 1));
  const bool is_kept = verdict.verdict == Verdict::keep;
  CONFORM_CHECK(Subject::finish(work.session, work.ref, 2));
  return require(is_kept, "Keep: the other fields were not applied", std::to_string(static_cast<int>(verdict.verdict)));
}

/// A lower number than one that was recorded changes nothing.
Check late_number(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 5, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 5));
  say(work, 2, TaskStatus::failed);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 2));
  CONFORM_TRY(const auto verdict, come_back(subject, work, TaskStatus::running, 5));
  const bool is_kept = verdict.verdict == Verdict::keep;
  CONFORM_CHECK(Subject::finish(work.session, work.ref, 6));
  return require(is_kept, "Keep: an older number changes nothing", std::to_string(static_cast<int>(verdict.verdict)));
}

Check single_update(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  const auto& task = work.ref.task;
  work.session.send_envelope(schema::SchedulerMessage::StatusUpdate, [&](Builder& b) {
    const schema::AttemptRef ref(task.job.value, task.group, task.index, work.ref.attempt);
    schema::StatusUpdateBuilder update(b);
    update.add_attempt(&ref);
    update.add_number(1);
    update.add_status(schema::TaskStatus::Running);
    return update.Finish().Union();
  });
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  return Subject::finish(work.session, work.ref, 2);
}

Check unknown_running(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::UpdateList{{make_update(unknown_attempt(), 1, TaskStatus::running)}});
  CONFORM_CHECK(expect_ack(session, unknown_attempt(), 1));
  CONFORM_TRY(const auto cancel, session.take<protocol::Cancel>("Cancel"));
  return require(cancel.items.size() == 1 && cancel.items[0].ref == unknown_attempt(), "Cancel of the attempt",
                 std::to_string(cancel.items.size()) + " cancels");
}

Check unknown_ended(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::UpdateList{{make_update(unknown_attempt(), 1, TaskStatus::completed)}});
  CONFORM_CHECK(expect_ack(session, unknown_attempt(), 1));
  CONFORM_TRY(const auto cancel, session.find_until_alive<protocol::Cancel>());
  return require(!cancel, "no Cancel of what has ended", "Cancel");
}

Check refusal(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  auto update = make_update(work.ref, 1, TaskStatus::failed);
  update.reason = EndReason::exit;
  update.exit_code = 1;
  work.session.send(protocol::UpdateList{{update}});
  return expect_ack(work.session, work.ref, 1);
}

// ---- cancel

Check cancelled(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 1, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  auto asked = subject.cancel(work.ref);
  if (!asked) {
    CONFORM_CHECK(Subject::finish(work.session, work.ref, 2));
    return asked;
  }
  CONFORM_TRY(const auto cancel, work.session.take<protocol::Cancel>("Cancel"));
  auto end = make_update(work.ref, 2, TaskStatus::cancelled);
  end.reason = EndReason::cancelled;
  work.session.send(protocol::UpdateList{{end}});
  CONFORM_CHECK(expect_ack(work.session, work.ref, 2));
  const bool is_right = cancel.items.size() == 1 && cancel.items[0].ref == work.ref && cancel.items[0].reason == EndReason::cancelled;
  return require(is_right, "Cancel of the attempt, reason Cancelled", std::to_string(cancel.items.size()) + " cancels");
}

}  // namespace

AttemptRef unknown_attempt(std::uint32_t index) { return {{JobId{0x7FFF'0000'0000'0000}, 0, index}, 1}; }

protocol::HeldAttempt held(const AttemptRef& ref, TaskStatus status, std::uint32_t last_update) { return {ref, status, last_update, 0, 0}; }

Checked<Work> begin_work(SchedulerSubject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work());
  CONFORM_TRY(const auto ref, subject.take_work(session));
  return Work{std::move(session), ref};
}

void say(Work& work, std::uint32_t number, TaskStatus status) {
  work.session.send(protocol::UpdateList{{make_update(work.ref, number, status)}});
}

Checked<protocol::AttemptVerdict> come_back(SchedulerSubject& subject, Work& work, TaskStatus status, std::uint32_t last_update) {
  CONFORM_TRY(auto session, subject.shake_hands());
  auto resume = subject.working_resume();
  resume.held = {held(work.ref, status, last_update)};
  session.send(resume);
  CONFORM_TRY(const auto reconcile, session.take<protocol::Reconcile>("Reconcile"));
  work.session = std::move(session);
  if (reconcile.items.size() != 1 || reconcile.items[0].ref != work.ref)
    return differ("one verdict, of the attempt held", std::to_string(reconcile.items.size()));
  return reconcile.items[0];
}

std::vector<SchedulerCase> work_cases() {
  return {
      {"S17.01", "nothing held: an empty Reconcile", kVerdictRule, none_held},
      {"S17.02", "an unknown attempt that runs: Stop", kVerdictRule,
       [](Subject& s) { return verdict_of_unknown(s, TaskStatus::running, Verdict::stop); }},
      {"S17.03", "an unknown attempt that has ended: Forget", kVerdictRule,
       [](Subject& s) { return verdict_of_unknown(s, TaskStatus::completed, Verdict::forget); }},
      {"S17.04", "500 attempts held: 500 verdicts", kVerdictRule, a_verdict_for_each},
      {"S17.05", "16,384 attempts held", "| held attempts in Resume, verdicts in Reconcile | 16,384 | `list_too_long` |", most_held},
      {"S17.06", "16,385 attempts held", "| held attempts in Resume, verdicts in Reconcile | 16,384 | `list_too_long` |", too_many_held},
      {"S17.07", "an assignment comes after Reconcile", "| 7 | AssignmentList | scheduler | StatusUpdates |", assigned_after_reconcile},
      {"S17.08", "an attempt held is kept, with its last acknowledged update", kVerdictRule, kept_with_its_acknowledgement},
      {"S17.09", "an assignment that was never accepted comes again", kVerdictRule, unaccepted_comes_again},
      {"S17.10", "an attempt that was accepted and is not held is lost", kVerdictRule, accepted_and_gone_is_lost},
      {"S17.11", "an assignment names job and attempt", "| `missing_field` | an attempt, name or driver that must be there | Error |",
       assignment_of_an_exec_task},
      {"S18.01", "an update is acknowledged", kAckRule, acknowledged},
      {"S18.02", "three updates in one list", kAckRule, many_in_one_list},
      {"S18.03", "an update again", kRepeatRule, repeated},
      {"S18.04", "an end again", kRepeatRule, repeated_end},
      {"S18.05", "an update again in another session", kRepeatRule, repeated_in_another_session},
      {"S18.06", "the same number with other fields", kConflictRule, conflict},
      {"S18.07", "a number below one that was acknowledged", kRepeatRule, late_number},
      {"S18.08", "StatusUpdate alone", "| 2 | StatusUpdate: as an UpdateList of one | agent | StatusAck, if its number is above 0 |",
       single_update},
      {"S18.09", "an unknown attempt says that it runs", kGoneRule, unknown_running},
      {"S18.10", "an unknown attempt says that it has ended", kGoneRule, unknown_ended},
      {"S18.11", "a failure is acknowledged", kAckRule, refusal},
      {"S21.01", "a task that is cancelled: Cancel, and its end is acknowledged",
       "| 14 | Cancel | scheduler | the StatusUpdate of the end |", cancelled},
  };
}

}  // namespace stint::conform::scheduler
