#include <csignal>

#include "apps/stint-conform/cases/agent_cases.hpp"
#include "apps/stint-conform/cases/session_cases.hpp"

// The order of a session, what a scheduler may not say, life and the end, seen from the scheduler's side.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;

constexpr const char* kFirstRule =
    "| `out_of_order` | first message not Resume; Resume or Reconcile twice; work before Reconcile | the session ends |";
constexpr const char* kBeforeRule =
    "Before Reconcile the agent sends no updates and no log chunks, the scheduler no assignments, acknowledgements and cancels. Whoever "
    "sees this broken ends the session (`out_of_order`).";
constexpr const char* kDirectionRule = "Anything else is `wrong_direction`: answered with Error, the session goes on.";
constexpr const char* kBeatRule =
    "The agent sends a Heartbeat every interval once it has sent Resume, whatever else it sends: each is a clock sample too.";
constexpr const char* kLeaseRule = "A side that has not read an authenticated frame for three intervals ends the session (`lease`).";
constexpr const char* kAgainRule =
    "The agent connects anew, resumes, and sends again what was not acknowledged: one way to recover from everything.";

constexpr std::uint32_t kShortBeat = 1'000;
const AttemptRef kSomeAttempt{{JobId{1}, 0, 0}, 1};

protocol::TaskTemplate some_task() {
  protocol::TaskTemplate task;
  task.task_name = "main";
  task.driver = "noop";
  return task;
}

// ---- order

Check resume_first(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  CONFORM_TRY(const auto first, session.next(now() + limits::kPatience));
  if (!first) return differ("Resume", "nothing");
  CONFORM_CHECK(require(std::holds_alternative<protocol::Resume>(first->message), "Resume first", describe(first->message)));
  return require(first->header.sequence == 1, "sequence 1", std::to_string(first->header.sequence));
}

using JudgeResume = std::function<Check(const protocol::Resume&)>;
Check resume_is(Subject& subject, const JudgeResume& judge) {
  CONFORM_TRY(const auto session, subject.greet_and_resume());
  (void)session;
  return judge(subject.resume());
}

Check early(Subject& subject, const protocol::Message& work) {
  CONFORM_TRY(auto session, subject.greet_and_resume());
  session.send(work);
  return session.expect_refused("out_of_order");
}

Check reconcile_twice(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::Reconcile{});
  return session.expect_refused("out_of_order");
}

Check one_resume(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto second, session.find_until_alive<protocol::Resume>());
  return require(!second, "one Resume", "two");
}

Check life_before_reconcile(Subject& subject) {
  CONFORM_TRY(auto session, subject.greet_and_resume());
  CONFORM_CHECK(session.expect_alive());
  session.send(protocol::Credit{5, 5, {}});
  return session.expect_no_error();
}

Check reconcile_of_what_it_does_not_hold(Subject& subject) {
  CONFORM_TRY(auto session, subject.greet_and_resume());
  session.send(protocol::Reconcile{{{kSomeAttempt, protocol::Verdict::stop, 0, 0, 0}}});
  return session.expect_no_error();
}

// ---- direction

Check wrong_direction(Subject& subject, const protocol::Message& message) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(message);
  return session.expect_error("wrong_direction");
}

// ---- life

Check beats(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  for (int i = 0; i < 3; ++i) {
    CONFORM_TRY(const auto beat, session.take<protocol::Heartbeat>("a Heartbeat every second", from_ms(kShortBeat) + limits::kSlack));
    session.send(protocol::HeartbeatAck{beat.clock_boot_ns, session.time_ms()});
  }
  return {};
}

/// Not more often than asked: a beat is counted from the first one on, over five intervals.
Check beats_no_faster(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  CONFORM_TRY(const auto first, session.take<protocol::Heartbeat>("a Heartbeat"));
  (void)first;
  int count = 0;
  for (const Instant end = now() + 5 * from_ms(kShortBeat); now() < end;) {
    CONFORM_TRY(const auto heard, session.next(end));
    if (!heard) break;
    const auto* beat = std::get_if<protocol::Heartbeat>(&heard->message);
    if (beat == nullptr) continue;
    ++count;
    session.send(protocol::HeartbeatAck{beat->clock_boot_ns, session.time_ms()});
  }
  return require(count <= 7, "about five heartbeats in five intervals", std::to_string(count));
}

Check clock_goes_on(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  CONFORM_TRY(const auto first, session.take<protocol::Heartbeat>("a Heartbeat"));
  session.send(protocol::HeartbeatAck{first.clock_boot_ns, session.time_ms()});
  CONFORM_TRY(const auto second, session.take<protocol::Heartbeat>("another Heartbeat"));
  return require(second.clock_boot_ns > first.clock_boot_ns, "clock_boot_ns that rises",
                 std::to_string(first.clock_boot_ns) + ", then " + std::to_string(second.clock_boot_ns));
}

Check beat_in_form(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  for (;;) {
    CONFORM_TRY(const auto heard, session.next(now() + limits::kPatience));
    if (!heard) return differ("a Heartbeat", "none");
    if (std::holds_alternative<protocol::Heartbeat>(heard->message))
      return require(heard->header.flags == 0, "a Heartbeat that is not compressed", describe(heard->header));
  }
}

/// Nothing is answered: the agent must give up and come again.
Check silence_ends(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  const Instant begin = now();
  const auto end = session.until_end(3 * from_ms(kShortBeat) + limits::kSlack);
  if (!end) return tl::unexpected(end.error());
  CONFORM_CHECK(require(now() - begin >= from_ms(2'500), "three intervals before the end", std::to_string(to_ms(now() - begin)) + " ms"));
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}

Check any_frame_holds(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  for (const Instant end = now() + 5 * from_ms(kShortBeat); now() < end;) {
    session.send(protocol::Credit{0, 0, {}});
    CONFORM_TRY(const auto heard, session.next(now() + from_ms(300)));
    if (!heard && session.peer().closed()) return differ("a session that lives on", "its end");
  }
  return session.expect_alive();
}

Check trickle_ends(Subject& subject) {
  AckSpec spec;
  spec.heartbeat_ms = kShortBeat;
  CONFORM_TRY(auto session, subject.establish(spec));
  Bytes body = heartbeat_body(session, fresh_beat());
  body.resize(64 * 1024);
  const Bytes frame = session.data(body);
  const Instant end = now() + 9 * from_ms(kShortBeat) + limits::kSlack;
  for (std::size_t at = 0; now() < end; ++at) {
    session.peer().send(ByteView{frame}.subspan(at, 1));
    CONFORM_TRY(const auto heard, session.peer().next_frame(now() + from_ms(200)));
    (void)heard;
    if (session.peer().closed()) return {};
  }
  return differ("the end within three leases", "open");
}

// ---- session time

/// The scheduler's clock is wherever it says it is: hours away from the agent's.
Check follows_our_clock(Subject& subject, std::int64_t away_ms) {
  CONFORM_TRY(auto caller, subject.greet());
  auto ack = subject.make_ack(caller.greeting);
  ack.heartbeat_ms = kShortBeat;
  ack.received_ms += away_ms;
  const Bytes frame = subject.ack_frame(ack);
  caller.peer.send(frame);
  auto secrets = derive_secrets(OurSide::scheduler, subject.identity(), caller.greeting.hello, caller.greeting.frame.bytes, ack, frame);
  secrets.time_offset_ms = wall_ms() + away_ms - to_ms(now().time_since_epoch());
  Session session{std::move(caller.peer), secrets};
  CONFORM_TRY(const auto resume, session.take<protocol::Resume>("Resume"));
  (void)resume;
  session.send(protocol::Reconcile{});
  CONFORM_TRY(const auto beat, session.take<protocol::Heartbeat>("a Heartbeat in our time"));
  session.send(protocol::HeartbeatAck{beat.clock_boot_ns, session.time_ms()});
  return session.expect_alive();
}

// ---- the end

Check comes_again(Subject& subject) {
  CONFORM_TRY(auto again, subject.establish());
  return again.expect_alive();
}
Check close_and_again(Subject& subject, protocol::CloseReason reason) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::Close{reason, "a test of the runner"});
  CONFORM_TRY(const auto close, session.until_end());
  CONFORM_CHECK(require(!close, "the end; Close is never answered", "Close"));
  return comes_again(subject);
}
Check reset_and_again(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.peer().socket().reset();
  return comes_again(subject);
}
Check cut_in_a_frame(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  const Bytes frame = session.data(heartbeat_body(session, fresh_beat()));
  session.peer().send(ByteView{frame}.first(50));
  session.peer().socket().close();
  return comes_again(subject);
}
Check refused_and_again(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  Bytes frame = session.data(heartbeat_body(session, fresh_beat()));
  frame.back() ^= 1;
  session.peer().send(frame);
  CONFORM_CHECK(session.expect_refused("unauthenticated"));
  return comes_again(subject);
}
Check time_and_again(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::ErrorMessage{"time", "a test of the runner", 9'000, 5'000});
  const auto end = session.until_end();
  if (!end) return tl::unexpected(end.error());
  return comes_again(subject);
}
Check leaves_in_order(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_CHECK(session.expect_alive());
  subject.process().signal(SIGTERM);
  return session.expect_close(protocol::CloseReason::leaving);
}

}  // namespace

std::vector<AgentCase> order_cases() {
  using namespace protocol;
  const AssignmentList assignment{{some_task()}, {{kSomeAttempt, 0}}, {}};
  const auto wrong = [](std::string id, std::string title, const Message& message) {
    return AgentCase{std::move(id), std::move(title), kDirectionRule, [message](Subject& s) { return wrong_direction(s, message); }};
  };
  const UpdateList update{{[] {
    StatusUpdate u;
    u.ref = kSomeAttempt;
    u.number = 1;
    return u;
  }()}};
  return {
      {"A9.01", "a Heartbeat every interval", kBeatRule, beats},
      {"A9.02", "and not more often", kBeatRule, beats_no_faster},
      {"A9.03", "its clock in heartbeats rises",
       "| heartbeat | `clock_boot_ns`, echoed | `HeartbeatAck.received_ms` | envelope timestamp | HeartbeatAck read |", clock_goes_on},
      {"A9.04", "a Heartbeat is not compressed",
       "only bodies of at least 1,024 bytes, only if the padded block is at most 9/10 of the body", beat_in_form},
      {"A9.05", "a silent scheduler's session ends after three intervals", kLeaseRule, silence_ends},
      {"A9.06", "any frame keeps a session alive", kLeaseRule, any_frame_holds},
      {"A9.07", "a trickle of bytes holds nothing open",
       "so a large frame on a slow line may take three leases and a trickle of bytes holds nothing open.", trickle_ends},
      {"A9.08", "session time is the scheduler's: a day ahead", "Its wall clock has no part in this.",
       [](Subject& s) { return follows_our_clock(s, 86'400'000); }},
      {"A9.09", "session time is the scheduler's: a year behind", "Its wall clock has no part in this.",
       [](Subject& s) { return follows_our_clock(s, -std::int64_t{365} * 86'400'000); }},
      {"A14.01", "Resume is the first message, with sequence 1", "Resume is the agent's first message and comes once.", resume_first},
      {"A14.02", "Resume comes once", "Resume is the agent's first message and comes once.", one_resume},
      {"A14.03", "Resume names the agent", "| `missing_field` | an attempt, name or driver that must be there | Error |",
       [](Subject& s) { return resume_is(s, [](const Resume& r) { return require(!r.info.name.empty(), "a name", "none"); }); }},
      {"A14.04", "a new agent holds nothing", "A->>S: Resume (what it is, every attempt it holds)",
       [](Subject& s) {
         return resume_is(s, [](const Resume& r) { return require(r.held.empty(), "nothing held", std::to_string(r.held.size())); });
       }},
      {"A14.05", "an assignment before Reconcile", kBeforeRule, [assignment](Subject& s) { return early(s, assignment); }},
      {"A14.06", "an acknowledgement before Reconcile", kBeforeRule, [](Subject& s) { return early(s, StatusAck{{{kSomeAttempt, 1}}}); }},
      {"A14.07", "a cancel before Reconcile", kBeforeRule,
       [](Subject& s) { return early(s, Cancel{{{kSomeAttempt, CancelMode::kill, EndReason::cancelled}}}); }},
      {"A14.08", "Reconcile twice", kFirstRule, reconcile_twice},
      {"A14.09", "a probe and Credit before Reconcile", "| 16 | Credit | scheduler | |", life_before_reconcile},
      {"A14.10", "a verdict on what it does not hold", "| 12 | Reconcile | scheduler, first | |", reconcile_of_what_it_does_not_hold},
      wrong("A15.01", "UpdateList from a scheduler", update),
      wrong("A15.02", "LogChunk from a scheduler", LogChunk{kSomeAttempt, LogStream::out, 0, {'x'}}),
      wrong("A15.03", "Resume from a scheduler",
            [] {
              Resume resume;
              resume.info.name = "a";
              return Message{resume};
            }()),
      wrong("A15.04", "AgentInfo from a scheduler",
            [] {
              AgentInfo info;
              info.name = "a";
              return Message{info};
            }()),
      {"A22.01", "Close `Normal`: it ends, and comes again", "ended --> [*]: again later, with backoff",
       [](Subject& s) { return close_and_again(s, CloseReason::normal); }},
      {"A22.02", "Close `Displaced`: it ends, and comes again", "ended --> [*]: again later, with backoff",
       [](Subject& s) { return close_and_again(s, CloseReason::displaced); }},
      {"A22.03", "Close `Revoked`: it ends, and comes again", "ended --> [*]: again later, with backoff",
       [](Subject& s) { return close_and_again(s, CloseReason::revoked); }},
      {"A22.04", "the connection is reset: it comes again", "ended --> [*]: again later, with backoff", reset_and_again},
      {"A22.05", "the connection is cut inside a frame: it comes again", "ended --> [*]: again later, with backoff", cut_in_a_frame},
      {"A22.06", "after a refused frame it comes again", kAgainRule, refused_and_again},
      {"A22.07", "after Error `time` it comes again", kAgainRule, time_and_again},
      {"A22.08", "SIGTERM: Close `Leaving` is its last message", "| 18 | Close | either, last | never |", leaves_in_order},
  };
}

}  // namespace stint::conform::agent
