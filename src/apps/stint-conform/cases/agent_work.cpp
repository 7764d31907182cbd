#include <algorithm>
#include <map>

#include "apps/stint-conform/cases/agent_cases.hpp"

// Work: how assignments come, what the agent says of them, and how they are ended.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using protocol::CancelMode;
using protocol::LogStream;

constexpr const char* kAssignRule = "| 7 | AssignmentList | scheduler | StatusUpdates |";
constexpr const char* kNumberRule = "An agent counts the changes of state of each attempt from 1, rising, gaps allowed";
constexpr const char* kRepeatedRule = "An assignment that comes again starts nothing: the agent says again how its attempt stands.";
constexpr const char* kRefusedRule =
    "An agent that cannot run an assignment answers with Failed: reason Refused, or StartFailed if the program could not be started.";
constexpr const char* kRecallRule = "if it has not started it, it ends it as Cancelled with reason Recalled; else the attempt goes on";
constexpr const char* kCancelRule = "| 14 | Cancel | scheduler | the StatusUpdate of the end |";

// ---- ends

/// The end is what it should be; every change before it had a rising number.
struct Ending {
  TaskStatus status;
  EndReason reason;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
};
Check ended_as(const protocol::StatusUpdate& end, const Ending& expected) {
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(expected.status)));
  CONFORM_CHECK(require_equal("reason", static_cast<int>(end.reason), static_cast<int>(expected.reason)));
  CONFORM_CHECK(require_equal("exit_code", end.exit_code, expected.exit_code));
  return require_equal("signal", end.signal, expected.signal);
}
Check killed(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "signal"));
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require(end.signal > 0, "the number of a signal", std::to_string(end.signal)));
  return ended_as(end, {TaskStatus::failed, EndReason::signal, 0, end.signal});
}
Check runs_to(Subject& subject, const std::string& kind, const Ending& expected) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, kind));
  CONFORM_TRY(const auto end, take_end(session, ref));
  return ended_as(end, expected);
}

Check numbers_rise(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "ok"));
  std::uint32_t last = 0;
  for (bool is_first = true;; is_first = false) {
    CONFORM_TRY(const auto update, take_update(session, ref));
    acknowledge(session, update);
    CONFORM_CHECK(require(update.number > last, "numbers that rise", std::to_string(last) + ", then " + std::to_string(update.number)));
    CONFORM_CHECK(require(!is_first || update.number >= 1, "numbers from 1", std::to_string(update.number)));
    last = update.number;
    if (has_ended(update.status)) return {};
  }
}

Check times_of_the_end(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "ok"));
  CONFORM_TRY(const auto end, take_end(session, ref));
  return require(end.started_ms > 0 && end.ended_ms >= end.started_ms, "started_ms, and ended_ms not before it",
                 std::to_string(end.started_ms) + ", " + std::to_string(end.ended_ms));
}

Check unknown_driver(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  protocol::TaskTemplate task;
  task.task_name = "main";
  task.driver = "no-such-driver";
  const auto ref = subject.next_attempt();
  session.send(protocol::AssignmentList{{task}, {{ref, 0}}, {}});
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::failed)));
  return require_equal("reason", static_cast<int>(end.reason), static_cast<int>(EndReason::refused));
}

Check missing_program(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "missing"));
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::failed)));
  return require(end.reason == EndReason::start_failed || end.reason == EndReason::refused, "StartFailed or Refused",
                 std::to_string(static_cast<int>(end.reason)));
}

Check times_out(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(auto task, subject.make_task("long"));
  task.timeout = std::chrono::seconds{1};
  const auto ref = subject.next_attempt();
  session.send(protocol::AssignmentList{{task}, {{ref, 0}}, {}});
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::failed)));
  return require_equal("reason", static_cast<int>(end.reason), static_cast<int>(EndReason::timeout));
}

// ---- how assignments come

Check single_assignment(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto task, subject.make_task("ok"));
  const auto ref = subject.next_attempt();
  session.send_envelope(schema::SchedulerMessage::TaskAssignment, [&](Builder& b) {
    const schema::AttemptRef at(ref.task.job.value, 0, 0, 1);
    const auto driver = b.CreateString(task.driver);
    const auto name = b.CreateString("main");
    const auto workdir = b.CreateString("/");
    const auto command = b.CreateVectorOfStrings(task.command);
    schema::TaskAssignmentBuilder made(b);
    made.add_attempt(&at);
    made.add_driver(driver);
    made.add_task_name(name);
    made.add_workdir(workdir);
    made.add_command(command);
    return made.Finish().Union();
  });
  CONFORM_TRY(const auto end, take_end(session, ref));
  return require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::completed));
}

Check shared_template(Subject& subject) {
  constexpr std::uint32_t kMost = 5;
  CONFORM_TRY(auto session, subject.establish());
  const std::uint32_t window = subject.resume().info.window;
  const std::uint32_t tasks = window == 0 ? kMost : std::min(window, kMost);
  CONFORM_TRY(auto task, subject.make_task("ok"));
  task.is_array = true;
  task.array_size = tasks;
  const auto first = subject.next_attempt();
  protocol::AssignmentList list{{task}, {}, {}};
  for (std::uint32_t i = 0; i < tasks; ++i) list.items.push_back({{{first.task.job, 0, i}, 1}, 0});
  session.send(list);
  std::map<AttemptRef, TaskStatus> ends;
  const Instant deadline = now() + limits::kPatience;
  while (ends.size() < tasks) {
    CONFORM_TRY(const auto updates, session.take<protocol::UpdateList>("an end of each", deadline - now()));
    for (const auto& update : updates.items) {
      if (update.number > 0) acknowledge(session, update);
      if (has_ended(update.status)) ends[update.ref] = update.status;
    }
  }
  const bool is_all = std::all_of(ends.begin(), ends.end(), [](const auto& end) { return end.second == TaskStatus::completed; });
  return require(is_all, "every task completed", "another end");
}

/// Sent twice before anything was acknowledged: one run, one story.
Check assigned_twice(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(auto task, subject.make_task("both"));
  const auto ref = subject.next_attempt();
  const protocol::AssignmentList list{{task}, {{ref, 0}}, {}};
  session.send(list);
  session.send(list);
  std::string out;
  bool has_end = false;
  for (const Instant end = now() + limits::kPatience; now() < end;) {
    CONFORM_TRY(const auto heard, session.next(has_end ? std::min(end, now() + limits::kQuiet) : end));
    if (!heard) break;
    if (const auto* chunk = std::get_if<protocol::LogChunk>(&heard->message); chunk != nullptr && chunk->stream == LogStream::out)
      out += as_text(chunk->bytes);
    const auto* updates = std::get_if<protocol::UpdateList>(&heard->message);
    if (updates == nullptr) continue;
    for (const auto& update : updates->items) has_end = has_end || has_ended(update.status);
  }
  CONFORM_CHECK(require(has_end, "an end", "none"));
  return require(out == "out", "one run: `out` once", "`" + out + "`");
}

Check assigned_again_later(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(auto task, subject.make_task("long"));
  const auto ref = subject.next_attempt();
  const protocol::AssignmentList list{{task}, {{ref, 0}}, {}};
  session.send(list);
  CONFORM_TRY(const auto first, take_update(session, ref));
  session.send(list);
  CONFORM_TRY(const auto again, take_update(session, ref));
  session.send(protocol::Cancel{{{ref, CancelMode::kill, EndReason::cancelled}}});
  CONFORM_TRY(const auto end, take_end(session, ref));
  (void)end;
  return require(again.number >= first.number && again.started_ms >= first.started_ms, "the same story again",
                 "number " + std::to_string(again.number) + " after " + std::to_string(first.number));
}

// ---- cancel

Check cancelled(Subject& subject, const std::string& kind, CancelMode mode, EndReason reason) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, kind));
  protocol::StatusUpdate update;
  while (update.status != TaskStatus::running) {
    CONFORM_TRY(update, take_update(session, ref));
    acknowledge(session, update);
  }
  session.send(protocol::Cancel{{{ref, mode, reason}}});
  CONFORM_TRY(const auto end, take_end(session, ref));
  CONFORM_CHECK(require_equal("status", static_cast<int>(end.status), static_cast<int>(TaskStatus::cancelled)));
  return require_equal("reason", static_cast<int>(end.reason), static_cast<int>(reason));
}

/// Of agents that let attempts wait; of others it is never asked.
Check recalled_while_it_waits(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  const auto& info = subject.resume().info;
  if (info.prefetch == 0) return {};
  CONFORM_TRY(auto task, subject.make_task("long"));
  task.resources.cpu_millis = info.resources.cpu_millis;
  const auto first = subject.next_attempt();
  const auto second = subject.next_attempt();
  session.send(protocol::AssignmentList{{task}, {{first, 0}, {second, 0}}, {}});
  protocol::StatusUpdate update;
  while (update.status != TaskStatus::running) {
    CONFORM_TRY(update, take_update(session, first));
    acknowledge(session, update);
  }
  session.send(protocol::Cancel{{{first, CancelMode::recall, EndReason::superseded}, {second, CancelMode::recall, EndReason::superseded}}});
  CONFORM_TRY(const auto given_back, take_end(session, second));
  CONFORM_CHECK(ended_as(given_back, {TaskStatus::cancelled, EndReason::recalled}));
  CONFORM_CHECK(require_equal("started_ms", given_back.started_ms, std::int64_t{0}));
  session.send(protocol::Cancel{{{first, CancelMode::kill, EndReason::cancelled}}});
  CONFORM_TRY(const auto end, take_end(session, first));
  return require_equal("reason of the one that ran", static_cast<int>(end.reason), static_cast<int>(EndReason::cancelled));
}

Check cancel_of_nobody(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::Cancel{{{subject.next_attempt(), CancelMode::kill, EndReason::cancelled}}});
  CONFORM_CHECK(session.expect_alive());
  return require(session.aside().empty(), "no answer", session.aside().empty() ? "" : describe(session.aside().front().message));
}

}  // namespace

std::vector<AgentCase> work_cases() {
  return {
      {"A18.01", "a task that ends well", kAssignRule,
       [](Subject& s) { return runs_to(s, "ok", {TaskStatus::completed, EndReason::exit}); }},
      {"A18.02", "a task that ends with status 3", kAssignRule,
       [](Subject& s) { return runs_to(s, "fail", {TaskStatus::failed, EndReason::exit, 3}); }},
      {"A18.03", "a task that is killed by a signal", kAssignRule, killed},
      {"A18.04", "a driver that it does not have", kRefusedRule, unknown_driver},
      {"A18.05", "a program that is not there", kRefusedRule, missing_program},
      {"A18.06", "a timeout", "| timeouts | 100 years | `bad_value` |", times_out},
      {"A18.07", "numbers of updates rise from 1", kNumberRule, numbers_rise},
      {"A18.08", "an end has its times", kAssignRule, times_of_the_end},
      {"A18.09", "TaskAssignment alone", "| 1 | TaskAssignment: as an AssignmentList of one | scheduler | StatusUpdate |",
       single_assignment},
      {"A18.10", "assignments that share a template, as many as its window takes",
       "The seed's single messages and the lists mean the same.", shared_template},
      {"A18.11", "an assignment twice: one run", kRepeatedRule, assigned_twice},
      {"A18.12", "an assignment again, while it runs", kRepeatedRule, assigned_again_later},
      {"A21.01", "Cancel, graceful", kCancelRule,
       [](Subject& s) { return cancelled(s, "long", CancelMode::graceful, EndReason::cancelled); }},
      {"A21.02", "Cancel, kill", kCancelRule, [](Subject& s) { return cancelled(s, "long", CancelMode::kill, EndReason::cancelled); }},
      {"A21.03", "Cancel, superseded", kCancelRule,
       [](Subject& s) { return cancelled(s, "long", CancelMode::graceful, EndReason::superseded); }},
      {"A21.04", "Cancel, graceful, of a task that does not mind", kCancelRule,
       [](Subject& s) { return cancelled(s, "stubborn", CancelMode::graceful, EndReason::cancelled); }},
      {"A21.05", "Cancel of what it does not hold", kCancelRule, cancel_of_nobody},
      {"A21.06", "Cancel, recall, of what waits and of what runs", kRecallRule, recalled_while_it_waits},
  };
}

}  // namespace stint::conform::agent
