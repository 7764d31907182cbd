#include "apps/stint-conform/cases/agent_cases.hpp"

// What an agent holds over connections and restarts, what it says again, and what it never says again.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using protocol::CancelMode;

constexpr const char* kAgainRule =
    "An agent sends what is not acknowledged again, in this session's successors and after its own restart, until it is.";
constexpr const char* kHeldRule = "A->>S: Resume (what it is, every attempt it holds)";
constexpr const char* kVerdictRule =
    "Keep: it goes on. Stop: the agent ends it and reports the end. Forget: it drops it, with its log, and does not name it again.";

// ---- again, and never again

/// Runs a task to its end without acknowledging anything, then drops the connection. Gives the last update.
Checked<protocol::StatusUpdate> unacknowledged_end(Session& session, const AttemptRef& ref) {
  for (;;) {
    CONFORM_TRY(auto update, take_update(session, ref));
    if (has_ended(update.status)) return update;
  }
}

bool is_same(const protocol::StatusUpdate& a, const protocol::StatusUpdate& b) {
  return a.status == b.status && a.reason == b.reason && a.exit_code == b.exit_code && a.signal == b.signal &&
         a.started_ms == b.started_ms && a.ended_ms == b.ended_ms;
}

Check resent(Subject& subject, bool is_restarted) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "fail"));
  CONFORM_TRY(const auto end, unacknowledged_end(session, ref));
  if (is_restarted) subject.process().end();
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.establish());
  CONFORM_CHECK(require(subject.resume().held.size() == 1 && subject.resume().held[0].ref == ref, "the attempt in Resume",
                        std::to_string(subject.resume().held.size()) + " held"));
  CONFORM_TRY(const auto again, take_end(next, ref));
  CONFORM_CHECK(require(is_same(end, again), "the same end again", describe(protocol::Message{protocol::UpdateList{{again}}})));
  return require(again.number >= end.number, "the same number, or a higher one", std::to_string(again.number));
}

/// The same number must never have two contents: what comes again under it is what it was.
Check same_number_same_content(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "fail"));
  CONFORM_TRY(const auto end, unacknowledged_end(session, ref));
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.establish());
  CONFORM_TRY(const auto again, take_end(next, ref));
  if (again.number != end.number) return {};
  const bool is_equal = is_same(end, again) && end.detail == again.detail && end.result == again.result;
  return require(is_equal, "the same fields under the same number", describe(protocol::Message{protocol::UpdateList{{again}}}));
}

Check not_resent(Subject& subject, bool is_restarted) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "ok"));
  CONFORM_TRY(const auto end, take_end(session, ref));
  (void)end;
  CONFORM_CHECK(session.expect_alive());  // the acknowledgement has been read
  if (is_restarted) subject.process().end();
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.establish());
  CONFORM_CHECK(require(subject.resume().held.empty(), "nothing held", std::to_string(subject.resume().held.size()) + " held"));
  CONFORM_CHECK(next.expect_alive());
  CONFORM_TRY(const auto update, next.find<protocol::UpdateList>());
  return require(!update, "no update of what was acknowledged", update ? describe(protocol::Message{*update}) : "");
}

/// Reconcile says that the end is recorded: it is not said again, and not held again.
Check acknowledged_by_verdict(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "ok"));
  CONFORM_TRY(const auto end, unacknowledged_end(session, ref));
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.establish(AckSpec{}, end.number));
  CONFORM_CHECK(next.expect_alive());
  CONFORM_TRY(const auto heard, next.next(now() + limits::kQuiet));
  return require(!heard || !std::holds_alternative<protocol::UpdateList>(heard->message), "no update of what the verdict acknowledged",
                 heard ? describe(heard->message) : "");
}

/// Held attempts wait with everything until Reconcile.
Check nothing_before_reconcile(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "both"));
  CONFORM_TRY(const auto end, unacknowledged_end(session, ref));
  (void)end;
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.greet_and_resume());
  for (const Instant until = now() + limits::kQuiet; now() < until;) {
    CONFORM_TRY(const auto heard, next.next(until));
    if (!heard) break;
    const bool is_work =
        std::holds_alternative<protocol::UpdateList>(heard->message) || std::holds_alternative<protocol::LogChunk>(heard->message);
    if (is_work) return differ("no update and no log chunk before Reconcile", describe(heard->message));
  }
  next.send(protocol::Reconcile{{{ref, protocol::Verdict::keep, 0, 0, 0}}});
  CONFORM_TRY(const auto again, take_end(next, ref));
  (void)again;
  return {};
}

// ---- verdicts

/// A running task over a new connection; what is done with it is the verdict's.
struct Kept {
  Session session;
  AttemptRef ref;
};
Checked<Kept> reconnect_with_a_long_one(Subject& subject, protocol::Verdict verdict) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "long"));
  protocol::StatusUpdate update;
  while (update.status != TaskStatus::running) {
    CONFORM_TRY(update, take_update(session, ref));
    acknowledge(session, update);
  }
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.greet_and_resume());
  const auto& held = subject.resume().held;
  if (held.size() != 1 || held[0].ref != ref) return differ("the attempt in Resume", std::to_string(held.size()) + " held");
  if (held[0].status != TaskStatus::running) return differ("held as Running", std::to_string(static_cast<int>(held[0].status)));
  next.send(protocol::Reconcile{{{ref, verdict, update.number, 0, 0}}});
  return Kept{std::move(next), ref};
}

Check kill_and_end(Kept& kept) {
  kept.session.send(protocol::Cancel{{{kept.ref, CancelMode::kill, EndReason::cancelled}}});
  CONFORM_TRY(const auto end, take_end(kept.session, kept.ref));
  return require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::cancelled));
}

Check kept(Subject& subject) {
  CONFORM_TRY(auto kept, reconnect_with_a_long_one(subject, protocol::Verdict::keep));
  CONFORM_CHECK(kept.session.expect_alive());
  for (const auto& incoming : kept.session.aside()) {
    const auto* updates = std::get_if<protocol::UpdateList>(&incoming.message);
    if (updates == nullptr) continue;
    for (const auto& update : updates->items)
      if (has_ended(update.status)) return differ("a task that goes on", describe(incoming.message));
  }
  return kill_and_end(kept);
}

/// Whether tasks outlive their agent is the agent's affair; what it says of them must be true. One that it holds goes on or has ended.
Check restarted(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "long"));
  protocol::StatusUpdate update;
  while (update.status != TaskStatus::running) {
    CONFORM_TRY(update, take_update(session, ref));
    acknowledge(session, update);
  }
  subject.process().end();
  CONFORM_TRY(auto next, subject.establish(AckSpec{}, update.number));
  const auto& held = subject.resume().held;
  if (held.empty()) return {};
  CONFORM_CHECK(require(held.size() == 1 && held[0].ref == ref && held[0].last_update >= update.number,
                        "the attempt, with the number of its last update", std::to_string(held.size()) + " held"));
  next.send(protocol::Cancel{{{ref, CancelMode::kill, EndReason::cancelled}}});
  CONFORM_TRY(const auto end, take_end(next, ref));
  return require(end.number > update.number, "an end with a higher number", std::to_string(end.number));
}

Check stopped(Subject& subject) {
  CONFORM_TRY(auto kept, reconnect_with_a_long_one(subject, protocol::Verdict::stop));
  CONFORM_TRY(const auto end, take_end(kept.session, kept.ref));
  return require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::cancelled));
}

Check forgotten(Subject& subject) {
  CONFORM_TRY(auto kept, reconnect_with_a_long_one(subject, protocol::Verdict::forget));
  // A running task is killed first; then it is dropped without a word. Until then a Resume may name it.
  for (int tries = 0; tries < 5; ++tries) {
    CONFORM_TRY(const auto heard, kept.session.next(now() + limits::kQuiet));
    if (heard && std::holds_alternative<protocol::UpdateList>(heard->message)) return differ("no update", describe(heard->message));
    kept.session.peer().socket().close();
    CONFORM_TRY(auto next, subject.greet_and_resume());
    if (subject.resume().held.empty()) return {};
    next.send(protocol::Reconcile{{{kept.ref, protocol::Verdict::forget, 0, 0, 0}}});
    kept.session = std::move(next);
  }
  return differ("nothing held", "the attempt that was to be forgotten");
}

}  // namespace

std::vector<AgentCase> held_cases() {
  return {
      {"A17.01", "what is held is named in the next Resume, and goes on", kVerdictRule, kept},
      {"A17.02", "a running task over a restart of its agent: held with its number, or lost", kHeldRule, restarted},
      {"A17.03", "verdict Stop", kVerdictRule, stopped},
      {"A17.04", "verdict Forget", kVerdictRule, forgotten},
      {"A17.05", "nothing of what is held is sent before Reconcile", "Before Reconcile the agent sends no updates and no log chunks",
       nothing_before_reconcile},
      {"A17.06", "a verdict that acknowledges the end", "| 12 | Reconcile | scheduler, first | |", acknowledged_by_verdict},
      {"A18.13", "an end that was not acknowledged comes again over the next connection", kAgainRule,
       [](Subject& s) { return resent(s, false); }},
      {"A18.14", "an end that was not acknowledged comes again after a restart", kAgainRule, [](Subject& s) { return resent(s, true); }},
      {"A18.15", "one number has one content", "A number names one content for ever", same_number_same_content},
      {"A18.16", "what was acknowledged does not come again", kAgainRule, [](Subject& s) { return not_resent(s, false); }},
      {"A18.17", "nor after a restart", kAgainRule, [](Subject& s) { return not_resent(s, true); }},
  };
}

}  // namespace stint::conform::agent
