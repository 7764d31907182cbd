#include <algorithm>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/cases/scheduler_work.hpp"

// Assignments that a scheduler sends before it has them on the disk: to whom, and what it owes them. One that never does passes.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kOtherRule = "An agent without `provisional` is sent neither provisional lists nor `confirmed`.";
constexpr const char* kConfirmRule = "The scheduler confirms each as soon as it is durable";
constexpr const char* kUpdateRule = "Updates about it may be sent before; they are judged like any other.";
constexpr const char* kVerdictRule =
    "and has a verdict for every attempt in Resume; attempts the scheduler knows and Resume does not name come again as assignments or are "
    "lost.";

constexpr int kJobs = 10;  // one after the other, so that some find a scheduler with nothing else to write

protocol::Resume knowing_resume(const Subject& subject) {
  auto resume = subject.working_resume();
  resume.info.knows_provisional = true;
  return resume;
}

/// The next job finds the scheduler at rest.
Checked<Subject::Given> take_next(Subject& subject, Session& session) {
  sleep_for(limits::kPause);
  return subject.take_list(session);
}

Check expect_plain(const protocol::AssignmentList& list) {
  CONFORM_CHECK(require(!list.is_provisional, "no provisional list", "one with " + std::to_string(list.items.size()) + " assignments"));
  return require(list.confirmed.empty(), "nothing confirmed", std::to_string(list.confirmed.size()) + " attempts");
}

/// Every list is held to it, those behind the assignments too.
Check is_given_plain_lists(Subject& subject, Session& session) {
  for (int i = 0; i < kJobs; ++i) {
    CONFORM_TRY(const auto given, take_next(subject, session));
    CONFORM_CHECK(expect_plain(given.list));
    CONFORM_CHECK(Subject::finish(session, given.ref, 1));
    for (;;) {
      CONFORM_TRY(const auto more, session.find_until_alive<protocol::AssignmentList>());
      if (!more) break;
      CONFORM_CHECK(expect_plain(*more));
    }
  }
  return {};
}

Check does_not_know(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work());
  return is_given_plain_lists(subject, session);
}

Check no_longer_knows(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work(knowing_resume(subject)));
  session.send(subject.working_resume().info);
  CONFORM_CHECK(session.expect_alive());  // it has been read
  return is_given_plain_lists(subject, session);
}

/// An ordinary list, or the later list that confirms it.
Check expect_confirmed(Session& session, const Subject::Given& given) {
  if (!given.list.is_provisional) return {};
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto list, session.take<protocol::AssignmentList>("a list that confirms the attempt", deadline - now()));
    if (std::find(list.confirmed.begin(), list.confirmed.end(), given.ref) != list.confirmed.end()) return {};
    const bool is_again = std::any_of(list.items.begin(), list.items.end(), [&](const auto& item) { return item.ref == given.ref; });
    if (is_again && !list.is_provisional) return {};
  }
}

Check knows(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work(knowing_resume(subject)));
  for (int i = 0; i < kJobs; ++i) {
    CONFORM_TRY(const auto given, take_next(subject, session));
    CONFORM_CHECK(require(given.list.confirmed.empty() || !given.list.is_provisional, "confirmations in lists that are not provisional",
                          "a provisional list that confirms"));
    CONFORM_CHECK(expect_confirmed(session, given));
    CONFORM_CHECK(Subject::finish(session, given.ref, 1));
  }
  return {};
}

/// As an agent that refuses at once: the end is said before anything is confirmed.
Check updates_before(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work(knowing_resume(subject)));
  for (int i = 0; i < kJobs; ++i) {
    CONFORM_TRY(const auto given, take_next(subject, session));
    session.send(protocol::UpdateList{{make_update(given.ref, 1, TaskStatus::pending)}});
    CONFORM_CHECK(expect_ack(session, given.ref, 1));
    auto end = make_update(given.ref, 2, TaskStatus::failed);
    end.reason = EndReason::refused;
    end.started_ms = 0;
    session.send(protocol::UpdateList{{end}});
    CONFORM_CHECK(expect_ack(session, given.ref, 2));
    CONFORM_TRY(const auto cancel, session.find_until_alive<protocol::Cancel>());
    CONFORM_CHECK(require(!cancel, "no Cancel of what has ended", "Cancel"));
  }
  return {};
}

/// The session ends before anything was said of it: agents name in Resume what was confirmed.
Check held_in_the_next_session(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work(knowing_resume(subject)));
  CONFORM_TRY(const auto given, take_next(subject, session));
  CONFORM_CHECK(expect_confirmed(session, given));
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.shake_hands());
  auto resume = knowing_resume(subject);
  resume.held = {held(given.ref, TaskStatus::pending, 0)};
  next.send(resume);
  CONFORM_TRY(const auto reconcile, next.take<protocol::Reconcile>("Reconcile"));
  CONFORM_CHECK(require(reconcile.items.size() == 1 && reconcile.items[0].ref == given.ref, "one verdict, of the attempt held",
                        std::to_string(reconcile.items.size())));
  CONFORM_CHECK(
      require(reconcile.items[0].verdict == protocol::Verdict::keep, "Keep", std::to_string(static_cast<int>(reconcile.items[0].verdict))));
  return Subject::finish(next, given.ref, 1);
}

Check not_held_in_the_next_session(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish_for_work(knowing_resume(subject)));
  CONFORM_TRY(const auto given, take_next(subject, session));
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.establish_for_work(knowing_resume(subject)));
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(auto list, next.take<protocol::AssignmentList>("the assignment again", deadline - now()));
    const bool is_again = std::any_of(list.items.begin(), list.items.end(), [&](const auto& item) { return item.ref == given.ref; });
    CONFORM_CHECK(require(is_again || list.confirmed.empty(), "nothing confirmed that this session was not given",
                          std::to_string(list.confirmed.size()) + " attempts"));
    if (!is_again) continue;
    CONFORM_CHECK(expect_confirmed(next, {std::move(list), given.ref}));
    return Subject::finish(next, given.ref, 1);
  }
}

}  // namespace

std::vector<SchedulerCase> provisional_cases() {
  return {
      {"S27.01", "an agent that does not know provisional assignments gets none", kOtherRule, does_not_know},
      {"S27.02", "nor one that takes back that it knows them", kOtherRule, no_longer_knows},
      {"S27.03", "one that knows them: each is ordinary, or is confirmed", kConfirmRule, knows},
      {"S27.04", "updates of a provisional attempt are judged like any other", kUpdateRule, updates_before},
      {"S27.05", "one that was confirmed and is held in the next session: Keep", kConfirmRule, held_in_the_next_session},
      {"S27.06", "one that is not held in the next session comes again there", kVerdictRule, not_held_in_the_next_session},
  };
}

}  // namespace stint::conform::scheduler
