#include <optional>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/process.hpp"

// Key epochs. Every case enrols agents of its own, so that none needs the keys of another, and leaves no epoch accepted beside the
// current one.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kOfferRule =
    "It offers a key in a session under an older epoch than the current one: behind Reconcile, or when the "
    "rotation has become durable; never before.";
constexpr const char* kAcceptedRow = "| accepted | yes | yes | yes, behind Reconcile |";
constexpr const char* kCurrentRow = "| current | yes | yes | no |";
constexpr const char* kRetiredRow = "| retired | yes | no: no Reconcile; the session ends | yes, at once |";
constexpr const char* kRemovedRow = "| removed | REJECT `unauthenticated` | no | no; its master is erased |";
constexpr const char* kAwayRule = "A session under a retired epoch gets Rekey as the answer to its Resume, and Close behind it.";
constexpr const char* kNoDisplacingRule = "It displaces no other session.";
constexpr const char* kCloseRule = "Sessions whose epoch is retired while they go on are closed: their agents come back for a key.";
constexpr const char* kNewestRule = "It always offers the current epoch, however old the agent's.";
constexpr const char* kWrapRule = "`nonce` is 32 fresh random bytes, so no wrap key is used twice.";
constexpr const char* kOneRule = "At most one epoch is *accepted*: a rotation while there is one is refused.";
constexpr const char* kRevokedRule =
    "It is durable before it is answered; then every connection of that agent is closed (Close `Revoked`), half-open ones and those that "
    "wait for a probe too";

/// An agent of this case alone.
struct Agent {
  Identity identity;
  AgentStart start = make_start();
  Subject subject;
  Agent(const Identity& i, Subject& s) : identity(i), subject(s.as(identity, start)) {}
};
Checked<std::unique_ptr<Agent>> enrol(Subject& subject) {
  CONFORM_TRY(const auto identity, subject.enrol());
  return std::make_unique<Agent>(identity, subject);
}

/// What a Rekey makes of an agent.
Checked<Identity> open_rekey(const Identity& under, const protocol::Rekey& rekey) {
  const auto wrap = wire::derive_rekey_wrap_key(wire::AgentKey(under.key), rekey.nonce);
  const auto key = wire::unwrap_agent_key(wrap, {AgentNumber{under.agent}, rekey.key_epoch, rekey.generation}, rekey.wrapped_key);
  if (!key) return differ("a key that opens under *rekey wrap*", "one that does not");
  return Identity{under.agent, rekey.key_epoch.value, key->bytes, under.name};
}
Checked<Identity> take_rekey(Session& session, const Identity& under) {
  CONFORM_TRY(const auto rekey, session.take<protocol::Rekey>("Rekey"));
  CONFORM_CHECK(require(rekey.key_epoch.value > under.key_epoch, "a newer key epoch", std::to_string(rekey.key_epoch.value)));
  return open_rekey(under, rekey);
}
/// Rotates, and leaves only the current epoch for work at the end.
template <class Run>
Check with_rotation(Subject& subject, const Identity& old, Run run) {
  CONFORM_CHECK(subject.rotate());
  const Check seen = run();
  const Check cleaned = subject.retire(old.key_epoch);
  return seen ? cleaned : seen;
}

// ---- offered

Check offered_in_a_session(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.establish());
  CONFORM_TRY(const auto early, session.find_until_alive<protocol::Rekey>());
  CONFORM_CHECK(require(!early, "no Rekey under the current epoch", "Rekey"));
  return with_rotation(subject, agent->identity, [&]() -> Check {
    CONFORM_TRY(const auto newer, take_rekey(session, agent->identity));
    CONFORM_CHECK(require_equal("key epoch", int{newer.key_epoch}, agent->identity.key_epoch + 1));
    CONFORM_CHECK(session.expect_alive());
    Subject with_newer = subject.as(newer, agent->start);
    CONFORM_TRY(auto next, with_newer.establish());
    CONFORM_CHECK(session.expect_close(protocol::CloseReason::displaced));
    CONFORM_TRY(const auto again, next.find_until_alive<protocol::Rekey>());
    return require(!again, "no Rekey under the current epoch", "Rekey");
  });
}

Check offered_behind_reconcile(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  return with_rotation(subject, agent->identity, [&]() -> Check {
    CONFORM_TRY(auto session, agent->subject.shake_hands());
    session.send(agent->subject.idle_resume());
    CONFORM_TRY(const auto first, session.next(now() + limits::kPatience));
    const bool is_first = first && std::holds_alternative<protocol::Reconcile>(first->message);
    CONFORM_CHECK(require(is_first, "Reconcile before Rekey", first ? describe(first->message) : "nothing"));
    CONFORM_TRY(const auto newer, take_rekey(session, agent->identity));
    (void)newer;
    return session.expect_alive();
  });
}

Check accepted_epoch_works(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  return with_rotation(subject, agent->identity, [&]() -> Check {
    CONFORM_TRY(auto session, agent->subject.establish_for_work());
    CONFORM_TRY(const auto ref, agent->subject.take_work(session));
    CONFORM_TRY(const auto newer, take_rekey(session, agent->identity));
    (void)newer;
    return Subject::finish(session, ref, 1);
  });
}

Check fresh_wraps(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  return with_rotation(subject, agent->identity, [&]() -> Check {
    CONFORM_TRY(auto one, agent->subject.establish());
    CONFORM_TRY(const auto first, one.take<protocol::Rekey>("Rekey"));
    CONFORM_TRY(auto other, agent->subject.establish());
    CONFORM_TRY(const auto second, other.take<protocol::Rekey>("Rekey"));
    CONFORM_CHECK(require(first.nonce != second.nonce, "a nonce of its own in each Rekey", "the same"));
    CONFORM_TRY(const auto a, open_rekey(agent->identity, first));
    CONFORM_TRY(const auto b, open_rekey(agent->identity, second));
    return require(a.key == b.key, "the same key in both", "another");
  });
}

Check once_more_is_refused(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  return with_rotation(subject, agent->identity, [&]() -> Check {
    const Check second = subject.rotate();
    return require(!second, "a second rotation that is refused", "a second one while an epoch is accepted");
  });
}

// ---- retired and removed

Check retired_gets_a_key_and_no_more(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_CHECK(subject.rotate());
  CONFORM_CHECK(subject.retire(agent->identity.key_epoch));
  CONFORM_TRY(auto session, agent->subject.shake_hands());
  session.send(agent->subject.idle_resume());
  CONFORM_TRY(const auto newer, take_rekey(session, agent->identity));
  CONFORM_CHECK(session.expect_close(protocol::CloseReason::normal));
  CONFORM_TRY(const auto reconcile, session.find<protocol::Reconcile>());
  CONFORM_CHECK(require(!reconcile, "no Reconcile", "Reconcile"));
  Subject with_newer = subject.as(newer, agent->start);
  CONFORM_TRY(auto next, with_newer.establish());
  return next.expect_alive();
}

Check retired_displaces_nobody(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.establish());
  CONFORM_CHECK(subject.rotate());
  CONFORM_TRY(const auto newer, take_rekey(session, agent->identity));
  Subject with_newer = subject.as(newer, agent->start);
  CONFORM_TRY(auto live, with_newer.establish());
  CONFORM_CHECK(subject.retire(agent->identity.key_epoch));
  CONFORM_TRY(auto late, agent->subject.shake_hands());
  late.send(agent->subject.idle_resume());
  CONFORM_TRY(const auto again, take_rekey(late, agent->identity));
  (void)again;
  CONFORM_TRY(const auto end, late.until_end());
  (void)end;
  return live.expect_alive();
}

Check retired_while_it_goes_on(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.establish());
  CONFORM_CHECK(subject.rotate());
  CONFORM_CHECK(session.expect_alive());
  CONFORM_CHECK(subject.retire(agent->identity.key_epoch));
  return session.expect_close(protocol::CloseReason::normal);
}

Check grace_ends_by_itself(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.establish());
  CONFORM_CHECK(subject.rotate(1));
  return session.expect_close(protocol::CloseReason::normal, std::chrono::seconds{1} + limits::kSlack);
}

Check slept_through_two(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  const std::uint16_t first = agent->identity.key_epoch;
  for (const int more : {0, 1}) {
    CONFORM_CHECK(subject.rotate());
    CONFORM_CHECK(subject.retire(static_cast<std::uint16_t>(first + more)));
  }
  CONFORM_TRY(auto session, agent->subject.shake_hands());
  session.send(agent->subject.idle_resume());
  CONFORM_TRY(const auto newer, take_rekey(session, agent->identity));
  return require_equal("key epoch", int{newer.key_epoch}, first + 2);
}

/// REJECT, and no HELLO_ACK.
Check rejected(const Subject& subject) {
  CONFORM_TRY(auto peer, subject.connect());
  peer.send(hello_frame(subject.identity(), subject.make_hello()));
  CONFORM_TRY(const auto frames, peer.until_closed());
  const bool is_one = frames.size() == 1 && frames.front().header.kind == wire::FrameKind::reject;
  return require(is_one, "REJECT", frames.empty() ? "nothing" : describe(frames.front().header));
}

Check removed_is_refused(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.establish());
  CONFORM_CHECK(subject.rotate());
  CONFORM_CHECK(subject.remove(agent->identity.key_epoch));
  CONFORM_TRY(const auto end, session.until_end());
  (void)end;
  return rejected(agent->subject);
}

Check removed_when_it_was_retired(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_CHECK(subject.rotate());
  CONFORM_CHECK(subject.retire(agent->identity.key_epoch));
  CONFORM_CHECK(subject.remove(agent->identity.key_epoch));
  return rejected(agent->subject);
}

Check enrols_under_the_current(Subject& subject) {
  CONFORM_TRY(const auto before, enrol(subject));
  return with_rotation(subject, before->identity, [&]() -> Check {
    CONFORM_TRY(const auto after, enrol(subject));
    CONFORM_CHECK(require_equal("key epoch", int{after->identity.key_epoch}, before->identity.key_epoch + 1));
    CONFORM_TRY(auto session, after->subject.establish());
    CONFORM_TRY(const auto rekey, session.find_until_alive<protocol::Rekey>());
    return require(!rekey, "no Rekey under the current epoch", "Rekey");
  });
}

// ---- revoked

Check revoked_session(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.establish());
  CONFORM_CHECK(subject.revoke(agent->identity));
  CONFORM_CHECK(session.expect_close(protocol::CloseReason::revoked));
  return rejected(agent->subject);
}
Check revoked_half_open(Subject& subject) {
  CONFORM_TRY(const auto agent, enrol(subject));
  CONFORM_TRY(auto session, agent->subject.shake_hands());
  const Instant begin = now();
  CONFORM_CHECK(subject.revoke(agent->identity));
  CONFORM_TRY(const auto end, session.until_end());
  (void)end;
  if (now() - begin < std::chrono::seconds{4}) return {};
  return differ("the end, before its 5 s are over", "after " + std::to_string(to_ms(now() - begin)) + " ms");
}

}  // namespace

std::vector<SchedulerCase> revocation_cases() {
  return {
      {"S24.21", "a revoked agent's session ends with Close `Revoked`; HELLO is rejected", kRevokedRule, revoked_session},
      {"S24.22", "and so does its half-open one", kRevokedRule, revoked_half_open},
  };
}

std::vector<SchedulerCase> key_cases() {
  return {
      {"S24.01", "a rotation offers a live session the next key, and no more when the agent has come with it", kOfferRule,
       offered_in_a_session},
      {"S24.02", "under an accepted epoch Rekey comes behind Reconcile", kOfferRule, offered_behind_reconcile},
      {"S24.03", "under an accepted epoch there is work, and Rekey", kAcceptedRow, accepted_epoch_works},
      {"S24.04", "each Rekey has a nonce of its own and the same key", kWrapRule, fresh_wraps},
      {"S24.05", "a rotation while an epoch is accepted is refused", kOneRule, once_more_is_refused},
      {"S24.06", "ENROL gives a key of the current epoch", kCurrentRow, enrols_under_the_current},
      {"S24.07", "a retired epoch: Rekey answers Resume, then Close; no Reconcile", kAwayRule, retired_gets_a_key_and_no_more},
      {"S24.08", "a session under a retired epoch displaces nobody", kNoDisplacingRule, retired_displaces_nobody},
      {"S24.09", "a session whose epoch is retired is closed", kCloseRule, retired_while_it_goes_on},
      {"S24.10", "a grace of 1 s ends by itself", "accepted --> retired: grace over, or retired by hand", grace_ends_by_itself},
      {"S24.11", "who slept through two rotations is offered the current epoch", kNewestRule, slept_through_two},
      {"S24.12", "a removed epoch: the session ends, HELLO is rejected", kRemovedRow, removed_is_refused},
      {"S24.13", "a retired epoch that is removed is rejected, too", kRetiredRow, removed_when_it_was_retired},
  };
}

}  // namespace stint::conform::scheduler
