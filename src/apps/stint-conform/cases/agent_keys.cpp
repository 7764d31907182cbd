#include <csignal>
#include <functional>

#include "apps/stint-conform/cases/agent_cases.hpp"

// Rekey: the agent takes a newer key beside the one it has, comes with it on another connection, and forgets the older one then.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using schema::SchedulerMessage;

constexpr const char* kOtherRule =
    "It says HELLO under the new key on *another* connection, with the same `instance` and `boot` and a higher `connect`.";
constexpr const char* kOnlyThereRule =
    "From HELLO_ACK on it speaks there only; what still comes on the first connection it ignores: Resume says what it holds.";
constexpr const char* kForgetRule =
    "When Reconcile has come it closes the first one if that is still open, and forgets the older key durably.";
constexpr const char* kKeepRule =
    "It keeps the new key durably (the file is flushed, and its directory) beside the old one before it uses it.";
constexpr const char* kFailsRule = "If the other connection fails before HELLO_ACK, the session goes on, and the next Rekey begins anew.";
constexpr const char* kBetweenRule = "If it fails between HELLO_ACK and Reconcile, the agent ends both.";
constexpr const char* kNewestRule =
    "HELLO is said with the newest key. After a REJECT `unauthenticated` the next HELLO uses the next older one, after the oldest the "
    "newest again, with the usual pauses.";
constexpr const char* kRefuseRule =
    "It refuses a Rekey (Error `bad_rekey`, nothing changes, the session goes on) whose key epoch is not newer than that of the session, "
    "whose generation is lower than the one it knows, or that does not open: another agent's, another epoch's or generation's, or changed "
    "on the way.";
constexpr const char* kAwayRule = "A session under a retired epoch gets Rekey as the answer to its Resume, and Close behind it.";

/// A Rekey, and who the agent is with it.
struct Offer {
  Identity newer;
  std::uint32_t generation = 0;
  protocol::Rekey rekey;
};
/// `address`: what the wrap is bound to; `under`: whose key opens it.
protocol::Rekey wrap(const Identity& under, const wire::AgentKeyAddress& address, const protocol::AgentKeyBytes& key) {
  protocol::Rekey rekey;
  rekey.key_epoch = address.epoch;
  rekey.generation = address.generation;
  fill_random(rekey.nonce);
  const auto wrap_key = wire::derive_rekey_wrap_key(wire::AgentKey(under.key), rekey.nonce);
  rekey.wrapped_key = wire::wrap_agent_key(wrap_key, address, wire::AgentKey(key));
  return rekey;
}
Offer make_offer(const Identity& under, int epochs = 1, std::uint32_t generation = 0) {
  Offer offer{under, generation, {}};
  offer.newer.key_epoch = static_cast<std::uint16_t>(under.key_epoch + epochs);
  fill_random(offer.newer.key);
  offer.rekey = wrap(under, {AgentNumber{under.agent}, KeyEpoch{offer.newer.key_epoch}, generation}, offer.newer.key);
  return offer;
}

/// The session under the older key, and the connection on which HELLO came under the newer one; we know the agent by that from then on.
struct Moving {
  Session first;
  Subject::Caller second;
};
Checked<Moving> move(Subject& subject, const Offer& offer, Session first) {
  first.send(offer.rekey);
  subject.play(offer.newer);
  CONFORM_TRY(auto second, subject.greet());
  return Moving{std::move(first), std::move(second)};
}
Checked<Session> answer(Subject& subject, Subject::Caller caller) {
  const auto ack = subject.make_ack(caller.greeting);
  const Bytes frame = subject.ack_frame(ack);
  caller.peer.send(frame);
  auto secrets = derive_secrets(OurSide::scheduler, subject.identity(), caller.greeting.hello, caller.greeting.frame.bytes, ack, frame);
  secrets.time_offset_ms = wall_ms() - to_ms(now().time_since_epoch());
  return Session{std::move(caller.peer), secrets};
}
/// Until Reconcile was sent on the second connection.
Checked<Session> reconcile(Subject& subject, Moving& moving) {
  CONFORM_TRY(auto second, answer(subject, std::move(moving.second)));
  CONFORM_TRY(const auto resume, second.take<protocol::Resume>("Resume"));
  (void)resume;
  second.send(protocol::Reconcile{});
  return second;
}

Check comes_with_it(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  const auto before = subject.greeting().hello.info;
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  const auto after = moving.second.greeting.hello.info;
  CONFORM_CHECK(require(before.instance == after.instance && before.boot == after.boot, "the same instance and boot", "others"));
  CONFORM_CHECK(require(after.connect > before.connect, "a higher counter", std::to_string(after.connect)));
  return moving.first.expect_alive();
}
Check moves_over(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  CONFORM_TRY(auto second, reconcile(subject, moving));
  CONFORM_CHECK(second.expect_alive());
  CONFORM_TRY(const auto end, moving.first.until_end());
  (void)end;
  return second.expect_alive();
}
Check ignores_the_first(Subject& subject) {
  CONFORM_TRY(auto task, subject.make_task("ok"));
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  CONFORM_TRY(auto second, answer(subject, std::move(moving.second)));
  CONFORM_TRY(const auto resume, second.take<protocol::Resume>("Resume"));
  CONFORM_CHECK(require(resume.held.empty(), "nothing held", std::to_string(resume.held.size())));
  moving.first.send(protocol::AssignmentList{{task}, {{subject.next_attempt(), 0}}, {}});
  sleep_for(limits::kQuiet);
  second.send(protocol::Reconcile{});
  CONFORM_CHECK(second.expect_alive());
  CONFORM_TRY(const auto update, second.find<protocol::UpdateList>());
  return require(!update, "nothing started by what came on the first connection", "an update");
}
Check work_goes_on(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(first, "report"));
  CONFORM_TRY(const auto running, take_update(first, ref));
  acknowledge(first, running);
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  CONFORM_TRY(auto second, answer(subject, std::move(moving.second)));
  CONFORM_TRY(const auto resume, second.take<protocol::Resume>("Resume"));
  const bool is_held = resume.held.size() == 1 && resume.held.front().ref == ref;
  CONFORM_CHECK(require(is_held, "the attempt in Resume", std::to_string(resume.held.size()) + " held"));
  second.send(protocol::Reconcile{{{ref, protocol::Verdict::keep, running.number, 0, 0}}});
  CONFORM_TRY(const auto end, take_end(second, ref));
  return require(end.status == TaskStatus::completed, "an attempt that ends well", std::to_string(static_cast<int>(end.status)));
}
Check starts_with_it(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  CONFORM_TRY(auto second, reconcile(subject, moving));
  CONFORM_CHECK(second.expect_alive());
  subject.process().end();
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}
/// Killed as soon as it has used the key: it was durable before.
Check killed_with_it(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(const auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  (void)moving;
  subject.process().signal(SIGKILL);
  (void)subject.process().wait(limits::kPatience);
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}

Bytes reject() {
  const protocol::Reject what{"unauthenticated", "a test of the runner"};
  return seal_unsigned({{wire::FrameKind::reject, 0, 0, 0, 0, 0, 0}, handshake_body(what, 1), {}});
}
Check forgotten_by_the_cell(Subject& subject) {
  const Identity older = subject.identity();
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(older), std::move(first)));
  const Identity newer = subject.identity();
  subject.process().signal(SIGKILL);
  (void)subject.process().wait(limits::kPatience);
  CONFORM_TRY(auto one, subject.greet());
  one.peer.send(reject());
  subject.play(older);
  CONFORM_TRY(auto other, subject.greet());
  other.peer.send(reject());
  subject.play(newer);
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}
/// With Reconcile under the newer key the older one is gone: REJECT does not bring it back.
Check older_is_forgotten(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  {
    CONFORM_TRY(auto second, reconcile(subject, moving));
    CONFORM_CHECK(second.expect_alive());
    CONFORM_TRY(const auto end, moving.first.until_end());
    (void)end;
    second.peer().socket().reset();
  }
  for (int i = 0; i < 2; ++i) {
    CONFORM_TRY(auto caller, subject.greet());
    caller.peer.send(reject());
  }
  CONFORM_TRY(auto session, subject.establish());
  return session.expect_alive();
}

Check second_fails_at_once(Subject& subject) {
  const Identity older = subject.identity();
  CONFORM_TRY(auto first, subject.establish());
  const auto offer = make_offer(older);
  CONFORM_TRY(auto moving, move(subject, offer, std::move(first)));
  moving.second.peer.socket().reset();
  CONFORM_CHECK(moving.first.expect_alive());
  moving.first.send(wrap(older, {AgentNumber{older.agent}, KeyEpoch{offer.newer.key_epoch}, 0}, offer.newer.key));
  CONFORM_TRY(auto caller, subject.greet());
  Moving again{std::move(moving.first), std::move(caller)};
  CONFORM_TRY(auto second, reconcile(subject, again));
  return second.expect_alive();
}
Check second_fails_half_way(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity()), std::move(first)));
  CONFORM_TRY(auto second, answer(subject, std::move(moving.second)));
  CONFORM_TRY(const auto resume, second.take<protocol::Resume>("Resume"));
  (void)resume;
  second.peer().socket().reset();
  CONFORM_TRY(const auto end, moving.first.until_end());
  (void)end;
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}
/// As from a scheduler under whose retired epoch it came.
Check sent_away_with_a_key(Subject& subject) {
  CONFORM_TRY(auto session, subject.greet_and_resume());
  const auto offer = make_offer(subject.identity(), 3);
  session.send(offer.rekey);
  session.send(protocol::Close{protocol::CloseReason::normal, "a test of the runner"});
  subject.play(offer.newer);
  CONFORM_TRY(auto next, subject.establish());
  return next.expect_alive();
}
Check twice(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  const auto offer = make_offer(subject.identity());
  first.send(offer.rekey);
  CONFORM_TRY(auto moving, move(subject, offer, std::move(first)));
  CONFORM_CHECK(moving.first.expect_no_error());
  CONFORM_TRY(auto second, reconcile(subject, moving));
  return second.expect_alive();
}
Check ahead_by_many(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity(), 40), std::move(first)));
  CONFORM_TRY(auto second, reconcile(subject, moving));
  return second.expect_alive();
}

// ---- refused

Check refused_as(Subject& subject, const protocol::Rekey& rekey, Session& session) {
  session.send(rekey);
  CONFORM_TRY(const auto error, session.take<protocol::ErrorMessage>("Error `bad_rekey`"));
  CONFORM_CHECK(require(error.code == "bad_rekey", "Error `bad_rekey`", "Error `" + error.code + "`"));
  CONFORM_CHECK(require(subject.is_quiet(limits::kQuiet), "no other connection", "one"));
  return session.expect_alive();
}
using MakeRekey = std::function<protocol::Rekey(const Identity&)>;
Check refuses(Subject& subject, const MakeRekey& make) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_CHECK(refused_as(subject, make(subject.identity()), session));
  subject.process().end();
  CONFORM_TRY(auto again, subject.establish());  // with the key that it had
  return again.expect_alive();
}
/// The key that it has already, under a generation that is lower than the one that came with it.
Check lower_generation(Subject& subject) {
  CONFORM_TRY(auto first, subject.establish());
  CONFORM_TRY(auto moving, move(subject, make_offer(subject.identity(), 1, 5), std::move(first)));
  CONFORM_TRY(auto second, reconcile(subject, moving));
  CONFORM_CHECK(second.expect_alive());
  return refused_as(subject, make_offer(subject.identity(), 1, 4).rekey, second);
}
Check bad_sizes(Subject& subject, std::uint16_t epoch, std::size_t nonce, std::size_t wrapped, const char* code) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(SchedulerMessage::Rekey, [=](Builder& b) {
    const auto nonce_at = b.CreateVector(Bytes(nonce, 1));
    const auto wrapped_at = b.CreateVector(Bytes(wrapped, 1));
    return schema::CreateRekey(b, epoch, 0, nonce_at, wrapped_at).Union();
  });
  return session.expect_error(code);
}

}  // namespace

std::vector<AgentCase> rekey_cases() {
  return {
      {"A24.01", "Rekey: HELLO under the new key on another connection, while the session goes on", kOtherRule, comes_with_it},
      {"A24.02", "Reconcile there: the first connection is closed", kForgetRule, moves_over},
      {"A24.03", "from HELLO_ACK on the first connection is ignored", kOnlyThereRule, ignores_the_first},
      {"A24.04", "an attempt goes on over the change of keys", kOnlyThereRule, work_goes_on},
      {"A24.05", "the next start: the new key", kNewestRule, starts_with_it},
      {"A24.06", "killed when it had used the new key: it has it", kKeepRule, killed_with_it},
      {"A24.07", "REJECT: the older key, then the newest again", kNewestRule, forgotten_by_the_cell},
      {"A24.08", "after Reconcile the older key is forgotten", kForgetRule, older_is_forgotten},
      {"A24.09", "the other connection fails before HELLO_ACK", kFailsRule, second_fails_at_once},
      {"A24.10", "the other connection fails before Reconcile", kBetweenRule, second_fails_half_way},
      {"A24.11", "Rekey and Close as the answer to Resume", kAwayRule, sent_away_with_a_key},
      {"A24.12", "the same Rekey twice", "It offers it again every minute until the agent comes with it.", twice},
      {"A24.13", "a key that is forty epochs ahead", "It always offers the current epoch, however old the agent's.", ahead_by_many},
  };
}

std::vector<AgentCase> bad_rekey_cases() {
  const auto rekey = [](const MakeRekey& make) { return [make](Subject& s) { return refuses(s, make); }; };
  const auto changed = [](const std::function<void(protocol::Rekey&)>& change) {
    return [change](const Identity& under) {
      auto made = make_offer(under).rekey;
      change(made);
      return made;
    };
  };
  const auto epoch = [](int epochs) { return [epochs](const Identity& under) { return make_offer(under, epochs).rekey; }; };
  return {
      {"A24.21", "Rekey with a changed bit", kRefuseRule, rekey(changed([](auto& r) { r.wrapped_key[10] ^= 4; }))},
      {"A24.22", "Rekey with a changed tag", kRefuseRule, rekey(changed([](auto& r) { r.wrapped_key[47] ^= 1; }))},
      {"A24.23", "Rekey with another nonce", kRefuseRule, rekey(changed([](auto& r) { r.nonce[0] ^= 1; }))},
      {"A24.24", "Rekey of another key epoch than it was made for", kRefuseRule, rekey(changed([](auto& r) { ++r.key_epoch.value; }))},
      {"A24.25", "Rekey of another generation than it was made for", kRefuseRule, rekey(changed([](auto& r) { ++r.generation; }))},
      {"A24.26", "Rekey of another agent", kRefuseRule, rekey([](const Identity& under) {
         return wrap(under, {AgentNumber{under.agent + 1}, KeyEpoch{static_cast<std::uint16_t>(under.key_epoch + 1)}, 0}, under.key);
       })},
      {"A24.27", "Rekey under another session's key", kRefuseRule, rekey([](const Identity& under) {
         Identity other = under;
         fill_random(other.key);
         return make_offer(other).rekey;
       })},
      {"A24.28", "Rekey of the session's own key epoch", kRefuseRule, rekey(epoch(0))},
      {"A24.29", "Rekey of an older key epoch", kRefuseRule, rekey(epoch(-1))},
      {"A24.30", "Rekey of a lower generation", kRefuseRule, lower_generation},
      {"A24.31", "Rekey with a nonce of 31 bytes",
       "| `bad_enum`, `bad_progress`, `bad_value`, `bad_size`, `bad_resources` | out of range | Error |",
       [](Subject& s) { return bad_sizes(s, 9, 31, 48, "bad_size"); }},
      {"A24.32", "Rekey with a key of 47 bytes",
       "| `bad_enum`, `bad_progress`, `bad_value`, `bad_size`, `bad_resources` | out of range | Error |",
       [](Subject& s) { return bad_sizes(s, 9, 32, 47, "bad_size"); }},
      {"A24.33", "Rekey without a key epoch", "| `missing_field` | an attempt, name or driver that must be there",
       [](Subject& s) { return bad_sizes(s, 0, 32, 48, "missing_field"); }},
  };
}

}  // namespace stint::conform::agent
