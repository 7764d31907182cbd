#include <functional>

#include "apps/stint-conform/cases/agent_cases.hpp"

// Messages to an agent that are well made and mean nothing.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using schema::SchedulerMessage;

constexpr const char* kMissingRule = "| `missing_field` | an attempt, name or driver that must be there | Error |";
constexpr const char* kRangeRule = "| `bad_enum`, `bad_progress`, `bad_value`, `bad_size`, `bad_resources` | out of range | Error |";
constexpr const char* kListRule =
    "| assignments, confirmations, updates, acknowledgements, cancels, log acknowledgements in a frame | 1,024 | `list_too_long` |";

Check refused(Subject& subject, SchedulerMessage type, const Build& build, const char* code) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(type, build);
  return session.expect_error(code);
}

// ---- assignments

struct TaskSpec {
  std::string driver = "noop";
  std::uint64_t timeout = 0;
  std::uint64_t timeout_ms = 0;
  std::uint32_t array_step = 1;
  std::uint32_t array_size = 1;
  std::int8_t storage = 0;
  std::int8_t agent_type = 0;
  std::uint8_t on_disconnect = 0;
  std::uint64_t stop_after_ms = 0;
  std::uint32_t cpu = 0;
  std::size_t inputs = 0;  ///< bytes of the blob
  std::size_t outputs = 0;
  std::string task_name = "main";
};
flatbuffers::Offset<schema::TaskAssignment> task(Builder& b, const TaskSpec& spec, const schema::AttemptRef* ref = nullptr) {
  const auto driver = spec.driver.empty() ? flatbuffers::Offset<flatbuffers::String>{} : b.CreateString(spec.driver);
  const auto task_name = b.CreateString(spec.task_name);
  const auto inputs = b.CreateVector(Bytes(spec.inputs, 1));
  const std::vector<flatbuffers::Offset<flatbuffers::String>> patterns(spec.outputs, b.CreateString("out"));
  const auto outputs = b.CreateVector(patterns);
  const auto resources = schema::CreateResourceSpec(b, spec.cpu);
  schema::TaskAssignmentBuilder made(b);
  made.add_driver(driver);
  made.add_task_name(task_name);
  made.add_timeout(spec.timeout);
  made.add_timeout_ms(spec.timeout_ms);
  made.add_array_step(spec.array_step);
  made.add_array_size(spec.array_size);
  made.add_storage_backend(static_cast<schema::StorageType>(spec.storage));
  made.add_agent_type(static_cast<schema::AgentType>(spec.agent_type));
  made.add_on_disconnect(static_cast<schema::DisconnectPolicy>(spec.on_disconnect));
  made.add_stop_after_ms(spec.stop_after_ms);
  made.add_resources(resources);
  if (spec.inputs > 0) made.add_inputs(inputs);
  made.add_outputs(outputs);
  if (ref != nullptr) made.add_attempt(ref);
  return made.Finish();
}

struct ListSpec {
  std::size_t items = 1;
  std::uint64_t job = 1;
  std::uint32_t attempt = 1;
  std::uint32_t template_index = 0;
  std::size_t templates = 1;
};
Build list(const TaskSpec& spec, const ListSpec& of) {
  return [=](Builder& b) {
    const std::vector<flatbuffers::Offset<schema::TaskAssignment>> templates(of.templates, task(b, spec));
    const std::vector<schema::AssignedAttempt> items(of.items, {schema::AttemptRef(of.job, 0, 0, of.attempt), of.template_index});
    return schema::CreateAssignmentListDirect(b, &templates, &items).Union();
  };
}
Check bad_task(Subject& subject, const TaskSpec& spec, const char* code) {
  return refused(subject, SchedulerMessage::AssignmentList, list(spec, {}), code);
}
Check bad_list(Subject& subject, const ListSpec& of, const char* code) {
  return refused(subject, SchedulerMessage::AssignmentList, list({}, of), code);
}

Check bad_extra(Subject& subject, std::uint32_t first, std::uint32_t second, std::size_t token, const char* code) {
  return refused(
      subject, SchedulerMessage::AssignmentList,
      [=](Builder& b) {
        const std::vector<flatbuffers::Offset<schema::TaskAssignment>> templates(1, task(b, {}));
        const std::vector<schema::AssignedAttempt> items(2, {schema::AttemptRef(1, 0, 0, 1), 0});
        const std::string text(token, 't');
        const std::vector<flatbuffers::Offset<schema::AssignedExtra>> extras{schema::CreateAssignedExtraDirect(b, first, text.c_str()),
                                                                             schema::CreateAssignedExtraDirect(b, second, "t")};
        return schema::CreateAssignmentListDirect(b, &templates, &items, &extras).Union();
      },
      code);
}

Check bad_confirmed(Subject& subject, std::uint64_t job, std::size_t count, const char* code) {
  return refused(
      subject, SchedulerMessage::AssignmentList,
      [=](Builder& b) {
        const std::vector<schema::AttemptRef> all(count, schema::AttemptRef(job, 0, 0, 1));
        return schema::CreateAssignmentListDirect(b, nullptr, nullptr, nullptr, false, &all).Union();
      },
      code);
}

Check alone_without_attempt(Subject& subject) {
  return refused(subject, SchedulerMessage::TaskAssignment, [](Builder& b) { return task(b, {}).Union(); }, "missing_field");
}

/// Nothing of a refused list is applied: not even its good part, which would be answered with an update.
Check nothing_applied(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(SchedulerMessage::AssignmentList, [](Builder& b) {
    const std::vector<flatbuffers::Offset<schema::TaskAssignment>> templates(1, task(b, {}));
    const std::vector<schema::AssignedAttempt> items{{schema::AttemptRef(1, 0, 0, 1), 0}, {schema::AttemptRef(0, 0, 0, 1), 0}};
    return schema::CreateAssignmentListDirect(b, &templates, &items).Union();
  });
  CONFORM_CHECK(session.expect_error("missing_field"));
  const Instant end = now() + limits::kQuiet;
  for (;;) {
    CONFORM_TRY(const auto heard, session.next(end));
    if (!heard) return {};
    if (std::holds_alternative<protocol::UpdateList>(heard->message)) return differ("no update", describe(heard->message));
  }
}

// ---- the rest

Check bad_cancel(Subject& subject, std::uint8_t mode, std::uint8_t reason, std::size_t items, const char* code) {
  return refused(
      subject, SchedulerMessage::Cancel,
      [=](Builder& b) {
        const std::vector<schema::CancelItem> all(
            items, {schema::AttemptRef(1, 0, 0, 1), static_cast<schema::CancelMode>(mode), static_cast<schema::EndReason>(reason)});
        return schema::CreateCancelDirect(b, &all).Union();
      },
      code);
}
Check bad_ack(Subject& subject, std::uint64_t job, std::size_t items, const char* code) {
  return refused(
      subject, SchedulerMessage::StatusAck,
      [=](Builder& b) {
        const std::vector<schema::UpdateKey> all(items, {schema::AttemptRef(job, 0, 0, 1), 1});
        return schema::CreateStatusAckDirect(b, &all).Union();
      },
      code);
}
Check bad_log_ack(Subject& subject, std::uint8_t stream, std::size_t items, const char* code) {
  return refused(
      subject, SchedulerMessage::Credit,
      [=](Builder& b) {
        const std::vector<schema::LogAck> all(items, {schema::AttemptRef(1, 0, 0, 1), 1, static_cast<schema::LogStream>(stream)});
        return schema::CreateCreditDirect(b, 0, 0, &all).Union();
      },
      code);
}
Check bad_verdict(Subject& subject) {
  CONFORM_TRY(auto session, subject.greet_and_resume());
  session.send_envelope(SchedulerMessage::Reconcile, [](Builder& b) {
    const std::vector<schema::AttemptVerdict> all(1, {schema::AttemptRef(1, 0, 0, 1), 0, 0, 0, static_cast<schema::Verdict>(9)});
    return schema::CreateReconcileDirect(b, &all).Union();
  });
  return session.expect_error("bad_enum");
}
Check bad_close(Subject& subject) {
  return refused(
      subject, SchedulerMessage::Close, [](Builder& b) { return schema::CreateClose(b, static_cast<schema::CloseReason>(99)).Union(); },
      "bad_enum");
}
Check ack_of_nobody(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(protocol::StatusAck{{{{{JobId{77}, 0, 0}, 1}, 1}}});
  return session.expect_no_error();
}

}  // namespace

std::vector<AgentCase> meaning_cases() {
  return {
      {"A16.01", "a task without a driver", kMissingRule, [](Subject& s) { return bad_task(s, {.driver = ""}, "missing_field"); }},
      {"A16.02", "timeouts that contradict each other", kRangeRule,
       [](Subject& s) { return bad_task(s, {.timeout = 5, .timeout_ms = 90'000}, "bad_value"); }},
      {"A16.03", "a timeout above 100 years", "| timeouts | 100 years | `bad_value` |",
       [](Subject& s) { return bad_task(s, {.timeout = std::uint64_t{1} << 40}, "bad_value"); }},
      {"A16.04", "an array step of 0", kRangeRule, [](Subject& s) { return bad_task(s, {.array_step = 0}, "bad_value"); }},
      {"A16.05", "an array of 0", kRangeRule, [](Subject& s) { return bad_task(s, {.array_size = 0}, "bad_value"); }},
      {"A16.06", "a store that it does not have", kRangeRule, [](Subject& s) { return bad_task(s, {.storage = 2}, "bad_enum"); }},
      {"A16.07", "an agent type of tomorrow", kRangeRule, [](Subject& s) { return bad_task(s, {.agent_type = 9}, "bad_enum"); }},
      {"A16.08", "a disconnect policy of tomorrow", kRangeRule, [](Subject& s) { return bad_task(s, {.on_disconnect = 9}, "bad_enum"); }},
      {"A16.09", "stop_after_ms without its policy", kRangeRule, [](Subject& s) { return bad_task(s, {.stop_after_ms = 5}, "bad_value"); }},
      {"A16.10", "more cpu than there can be", "| cpu, GPUs | 100,000,000 millicores, 65,536 | `bad_resources` |",
       [](Subject& s) { return bad_task(s, {.cpu = 100'000'001}, "bad_resources"); }},
      {"A16.11", "inputs of 31 bytes", "| SHA-256 of a blob | 32 bytes, or absent where there may be none | `bad_size` |",
       [](Subject& s) { return bad_task(s, {.inputs = 31}, "bad_size"); }},
      {"A16.12", "1,025 outputs declared",
       "| outputs that a task declares | 1,024, each of 4,096 bytes | `list_too_long`, `text_too_long` |",
       [](Subject& s) { return bad_task(s, {.outputs = 1025}, "list_too_long"); }},
      {"A16.13", "a task name of 257 bytes",
       "| names, also of labels and metrics, versions, codes, kernel boot ids | 256 bytes | `text_too_long` |",
       [](Subject& s) { return bad_task(s, {.task_name = std::string(257, 'x')}, "text_too_long"); }},
      {"A16.14", "an assignment without a job", kMissingRule, [](Subject& s) { return bad_list(s, {.job = 0}, "missing_field"); }},
      {"A16.15", "an assignment without an attempt number", kMissingRule,
       [](Subject& s) { return bad_list(s, {.attempt = 0}, "missing_field"); }},
      {"A16.16", "a template that is not there", kRangeRule, [](Subject& s) { return bad_list(s, {.template_index = 1}, "bad_value"); }},
      {"A16.17", "1,025 assignments", kListRule, [](Subject& s) { return bad_list(s, {.items = 1025}, "list_too_long"); }},
      {"A16.18", "more templates than assignments", kListRule, [](Subject& s) { return bad_list(s, {.templates = 2}, "list_too_long"); }},
      {"A16.19", "an extra of an assignment that is not there", kRangeRule, [](Subject& s) { return bad_extra(s, 0, 7, 1, "bad_value"); }},
      {"A16.20", "extras that do not rise", kRangeRule, [](Subject& s) { return bad_extra(s, 1, 0, 1, "bad_value"); }},
      {"A16.21", "a token of 257 bytes", "| token of an assignment | 256 bytes | `text_too_long` |",
       [](Subject& s) { return bad_extra(s, 0, 1, 257, "text_too_long"); }},
      {"A16.22", "TaskAssignment without an attempt", kMissingRule, alone_without_attempt},
      {"A16.23", "nothing of a refused list is applied", "A failure in steps 8 and 9 is answered with `Error`, and the session goes on.",
       nothing_applied},
      {"A16.24", "Cancel without a mode", kRangeRule, [](Subject& s) { return bad_cancel(s, 0, 6, 1, "bad_enum"); }},
      {"A16.25", "Cancel for a reason that is none", kRangeRule, [](Subject& s) { return bad_cancel(s, 1, 1, 1, "bad_enum"); }},
      {"A16.26", "1,025 cancels", kListRule, [](Subject& s) { return bad_cancel(s, 1, 6, 1025, "list_too_long"); }},
      {"A16.27", "an acknowledgement without a job", kMissingRule, [](Subject& s) { return bad_ack(s, 0, 1, "missing_field"); }},
      {"A16.28", "1,025 acknowledgements", kListRule, [](Subject& s) { return bad_ack(s, 1, 1025, "list_too_long"); }},
      {"A16.29", "a log stream of tomorrow", kRangeRule, [](Subject& s) { return bad_log_ack(s, 9, 1, "bad_enum"); }},
      {"A16.30", "1,025 log acknowledgements", kListRule, [](Subject& s) { return bad_log_ack(s, 1, 1025, "list_too_long"); }},
      {"A16.31", "a verdict of tomorrow", kRangeRule, bad_verdict},
      {"A16.32", "a reason to close of tomorrow", kRangeRule, bad_close},
      {"A16.33", "an acknowledgement of what it does not know", "| 9 | StatusAck | scheduler | |", ack_of_nobody},
      {"A16.34", "1,025 confirmed", kListRule, [](Subject& s) { return bad_confirmed(s, 1, 1025, "list_too_long"); }},
      {"A16.35", "a confirmed attempt without a job", kMissingRule, [](Subject& s) { return bad_confirmed(s, 0, 1, "missing_field"); }},
  };
}

}  // namespace stint::conform::agent
