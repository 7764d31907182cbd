#include <algorithm>

#include "apps/stint-conform/cases/agent_cases.hpp"

// Assignments that come before the scheduler has them on the disk. An agent that does not say that it knows them is sent none, and passes.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using protocol::LogStream;

constexpr const char* kNothingRule = "executes nothing of an attempt before that is confirmed";
constexpr const char* kNamedRule = "by a later list of the session whose `confirmed` names it";
constexpr const char* kOrdinaryRule = "by the same attempt in a list that is not provisional";
constexpr const char* kPassedOverRule = "What `confirmed` names and the agent does not hold is passed over.";
constexpr const char* kForgottenRule = "one that is not confirmed when its session ends is forgotten";

Check if_known(Subject& subject, Check (*run)(Subject&, Session&)) {
  CONFORM_TRY(auto session, subject.establish());
  return subject.resume().info.knows_provisional ? run(subject, session) : Check{};
}

// ---- what we say

protocol::AssignmentList list_of(const protocol::TaskTemplate& task, const AttemptRef& ref, bool is_provisional) {
  protocol::AssignmentList list{{task}, {{ref, 0}}, {}};
  list.is_provisional = is_provisional;
  return list;
}
protocol::AssignmentList confirmation(const AttemptRef& ref) {
  protocol::AssignmentList list;
  list.confirmed = {ref};
  return list;
}
/// One that writes `out`, once.
Checked<AttemptRef> give(Subject& subject, Session& session) {
  CONFORM_TRY(const auto task, subject.make_task("both"));
  const auto ref = subject.next_attempt();
  session.send(list_of(task, ref, true));
  return ref;
}

// ---- what we hear

bool is_begun(const protocol::Message& message, const AttemptRef& ref) {
  if (const auto* chunk = std::get_if<protocol::LogChunk>(&message)) return chunk->ref == ref;
  const auto* updates = std::get_if<protocol::UpdateList>(&message);
  if (updates == nullptr) return false;
  return std::any_of(updates->items.begin(), updates->items.end(),
                     [&](const auto& update) { return update.ref == ref && update.status != TaskStatus::pending; });
}

/// For a while nothing is heard of it but that it is pending.
Check does_not_begin(Session& session, const AttemptRef& ref) {
  for (const Instant end = now() + limits::kQuiet;;) {
    CONFORM_TRY(const auto heard, session.next(end));
    if (!heard) break;
    if (is_begun(heard->message, ref))
      return differ("no update but Pending, and no output, before it is confirmed", describe(heard->message));
    if (const auto* updates = std::get_if<protocol::UpdateList>(&heard->message))
      for (const auto& update : updates->items)
        if (update.number > 0) acknowledge(session, update);
  }
  return require(!session.peer().closed(), "a session that goes on", "the connection closed");
}

/// It completes now, and nothing of it was executed before `since_ms`.
Check runs_once(Session& session, const AttemptRef& ref, std::int64_t since_ms) {
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::completed)));
  CONFORM_CHECK(require(end.started_ms >= since_ms, "started_ms not before the confirmation",
                        std::to_string(since_ms - end.started_ms) + " ms before it"));
  std::string out;
  for (;;) {
    CONFORM_TRY(const auto chunk, session.find<protocol::LogChunk>());
    if (!chunk) break;
    if (chunk->ref == ref && chunk->stream == LogStream::out) out += as_text(chunk->bytes);
  }
  return require(out == "out", "one run: `out` once", "`" + out + "`");
}

Check ends_unbegun(Session& session, const AttemptRef& ref) {
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::cancelled)));
  return require_equal("started_ms", end.started_ms, std::int64_t{0});
}

Check confirm_and_run(Session& session, const AttemptRef& ref) {
  const std::int64_t since_ms = wall_ms();
  session.send(confirmation(ref));
  return runs_once(session, ref, since_ms);
}

// ---- within a session

Check named(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  CONFORM_CHECK(does_not_begin(session, ref));
  return confirm_and_run(session, ref);
}

Check named_at_once(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  return confirm_and_run(session, ref);
}

Check named_twice(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  const std::int64_t since_ms = wall_ms();
  session.send(confirmation(ref));
  session.send(confirmation(ref));
  return runs_once(session, ref, since_ms);
}

Check again_in_an_ordinary_list(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  CONFORM_CHECK(does_not_begin(session, ref));
  CONFORM_TRY(const auto task, subject.make_task("both"));
  const std::int64_t since_ms = wall_ms();
  session.send(list_of(task, ref, false));
  return runs_once(session, ref, since_ms);
}

Check again_in_a_provisional_list(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  CONFORM_TRY(const auto task, subject.make_task("both"));
  session.send(list_of(task, ref, true));
  CONFORM_CHECK(does_not_begin(session, ref));
  return confirm_and_run(session, ref);
}

Check provisional_after_all(Subject& subject, Session& session) {
  CONFORM_TRY(const auto task, subject.make_task("both"));
  const auto ref = subject.next_attempt();
  const std::int64_t since_ms = wall_ms();
  session.send(list_of(task, ref, false));
  session.send(list_of(task, ref, true));
  return runs_once(session, ref, since_ms);
}

Check only_the_one_that_is_named(Subject& subject, Session& session) {
  if (subject.resume().info.window == 1) return {};
  CONFORM_TRY(const auto first, give(subject, session));
  CONFORM_TRY(const auto second, give(subject, session));
  CONFORM_CHECK(confirm_and_run(session, second));
  CONFORM_CHECK(does_not_begin(session, first));
  return confirm_and_run(session, first);
}

Check named_and_not_held(Subject& subject, Session& session) {
  session.send(confirmation(subject.next_attempt()));
  return session.expect_no_error();
}

/// What was said of it before it came confirms nothing.
Check named_before_it_is_given(Subject& subject, Session& session) {
  CONFORM_TRY(const auto task, subject.make_task("both"));
  const auto ref = subject.next_attempt();
  session.send(confirmation(ref));
  session.send(list_of(task, ref, true));
  CONFORM_CHECK(does_not_begin(session, ref));
  return confirm_and_run(session, ref);
}

/// Its end may be told before it is confirmed, or behind that.
Check cancelled(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  session.send(protocol::Cancel{{{ref, protocol::CancelMode::kill, EndReason::cancelled}}});
  session.send(confirmation(ref));
  CONFORM_CHECK(ends_unbegun(session, ref));
  return does_not_begin(session, ref);
}

// ---- over two sessions

/// Given in a session that ends before it is confirmed: the next Resume does not name it.
Checked<AttemptRef> give_and_hang_up(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give(subject, session));
  CONFORM_CHECK(does_not_begin(session, ref));
  session.peer().socket().close();
  return ref;
}

/// Not begun, not even if it is confirmed now.
Check forgotten(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give_and_hang_up(subject, session));
  CONFORM_TRY(auto next, subject.establish());
  CONFORM_CHECK(require(subject.resume().held.empty(), "nothing held", std::to_string(subject.resume().held.size()) + " held"));
  next.send(confirmation(ref));
  return does_not_begin(next, ref);
}

/// Another one that has its name by now is the one that runs.
Check given_anew(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give_and_hang_up(subject, session));
  CONFORM_TRY(auto next, subject.establish());
  CONFORM_TRY(const auto task, subject.make_task("both"));
  next.send(list_of(task, ref, true));
  CONFORM_CHECK(does_not_begin(next, ref));
  return confirm_and_run(next, ref);
}

Check given_anew_at_once(Subject& subject, Session& session) {
  CONFORM_TRY(const auto ref, give_and_hang_up(subject, session));
  CONFORM_TRY(auto next, subject.establish());
  CONFORM_TRY(const auto task, subject.make_task("both"));
  const std::int64_t since_ms = wall_ms();
  next.send(list_of(task, ref, false));
  return runs_once(next, ref, since_ms);
}

}  // namespace

std::vector<AgentCase> provisional_cases() {
  const auto known = [](Check (*run)(Subject&, Session&)) { return [run](Subject& subject) { return if_known(subject, run); }; };
  return {
      {"A27.01", "a provisional attempt is not begun, until `confirmed` names it", kNothingRule, known(named)},
      {"A27.02", "`confirmed` names it at once", kNamedRule, known(named_at_once)},
      {"A27.03", "`confirmed` names it twice: one run", kNamedRule, known(named_twice)},
      {"A27.04", "the same attempt in an ordinary list", kOrdinaryRule, known(again_in_an_ordinary_list)},
      {"A27.05", "the same attempt in another provisional list", kNothingRule, known(again_in_a_provisional_list)},
      {"A27.06", "an ordinary attempt again in a provisional list", kOrdinaryRule, known(provisional_after_all)},
      {"A27.07", "two provisional attempts, of which one is confirmed", kNamedRule, known(only_the_one_that_is_named)},
      {"A27.08", "`confirmed` names what it does not hold", kPassedOverRule, known(named_and_not_held)},
      {"A27.09", "`confirmed` names what is given later", kPassedOverRule, known(named_before_it_is_given)},
      {"A27.10", "Cancel of a provisional attempt, which is then confirmed: never begun",
       "| 14 | Cancel | scheduler | the StatusUpdate of the end |", known(cancelled)},
      {"A27.11", "a provisional attempt over a reconnect: never begun, not named again", kForgottenRule, known(forgotten)},
      {"A27.12", "another provisional attempt of its name", kForgottenRule, known(given_anew)},
      {"A27.13", "another attempt of its name that is not provisional", kForgottenRule, known(given_anew_at_once)},
  };
}

}  // namespace stint::conform::agent
