#include <algorithm>

#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/cases/scheduler_work.hpp"

// What tasks write and report: acknowledged, paid back, and refused where it does not fit.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;

constexpr const char* kVerdictRule =
    "and has a verdict for every attempt in Resume; attempts the scheduler knows and Resume does not name come again as assignments or are "
    "lost.";
constexpr const char* kGapRule = "A chunk that begins behind them is answered with Error `log_gap` and its credit is given back";
constexpr const char* kCreditRule = "A message that costs more than is left is answered with `over_credit` and dropped whole.";

// ---- log chunks

protocol::LogChunk chunk(const AttemptRef& ref, std::uint64_t offset, std::size_t size,
                         protocol::LogStream stream = protocol::LogStream::out) {
  protocol::LogChunk made;
  made.ref = ref;
  made.stream = stream;
  made.offset = offset;
  made.bytes.assign(size, 'x');
  return made;
}

/// What Credits say of this stream until it is acknowledged up to `end`; the sum of the chunks they give back.
Checked<std::uint32_t> credit_until(Session& session, const AttemptRef& ref, std::uint64_t end,
                                    protocol::LogStream stream = protocol::LogStream::out) {
  std::uint32_t chunks = 0;
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto credit, session.take<protocol::Credit>("Credit that acknowledges the chunk", deadline - now()));
    chunks += credit.log_chunks;
    for (const auto& ack : credit.log_acks)
      if (ack.ref == ref && ack.stream == stream && ack.acked >= end) return chunks;
  }
}

Check chunks_acknowledged(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  work.session.send(chunk(work.ref, 0, 100));
  work.session.send(chunk(work.ref, 100, 50));
  CONFORM_TRY(const auto given, credit_until(work.session, work.ref, 150));
  CONFORM_CHECK(Subject::finish(work.session, work.ref, 1));
  return require_equal("chunks of credit given back", given, 2U);
}

Check largest_chunk(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  work.session.send(chunk(work.ref, 0, 65'536));
  CONFORM_TRY(const auto given, credit_until(work.session, work.ref, 65'536));
  (void)given;
  return Subject::finish(work.session, work.ref, 1);
}

Check streams_apart(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  work.session.send(chunk(work.ref, 0, 10, protocol::LogStream::err));
  CONFORM_TRY(const auto of_err, credit_until(work.session, work.ref, 10, protocol::LogStream::err));
  work.session.send(chunk(work.ref, 0, 20));
  CONFORM_TRY(const auto of_out, credit_until(work.session, work.ref, 20));
  (void)of_err, (void)of_out;
  return Subject::finish(work.session, work.ref, 1);
}

Check gap(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  work.session.send(chunk(work.ref, 10, 10));
  CONFORM_TRY(const auto error, work.session.take<protocol::ErrorMessage>("Error `log_gap`"));
  CONFORM_TRY(const auto credit, work.session.take<protocol::Credit>("Credit"));
  CONFORM_CHECK(Subject::finish(work.session, work.ref, 1));
  CONFORM_CHECK(require(error.code == "log_gap", "Error `log_gap`", error.code));
  return require(credit.log_chunks == 1 && credit.log_acks.empty(), "one chunk of credit, nothing acknowledged",
                 std::to_string(credit.log_chunks));
}

Check overlap(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  work.session.send(chunk(work.ref, 0, 100));
  CONFORM_TRY(const auto first, credit_until(work.session, work.ref, 100));
  work.session.send(chunk(work.ref, 50, 100));
  CONFORM_TRY(const auto second, credit_until(work.session, work.ref, 150));
  (void)first, (void)second;
  return Subject::finish(work.session, work.ref, 1);
}

Check chunk_again(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  for (int i = 0; i < 2; ++i) {
    work.session.send(chunk(work.ref, 0, 100));
    CONFORM_TRY(const auto given, credit_until(work.session, work.ref, 100));
    CONFORM_CHECK(require_equal("chunks of credit given back", given, 1U));
  }
  return Subject::finish(work.session, work.ref, 1);
}

Check acknowledged_bytes_in_verdict(Subject& subject) {
  CONFORM_TRY(auto work, begin_work(subject));
  say(work, 1, TaskStatus::running);
  CONFORM_CHECK(expect_ack(work.session, work.ref, 1));
  work.session.send(chunk(work.ref, 0, 77));
  CONFORM_TRY(const auto given, credit_until(work.session, work.ref, 77));
  (void)given;
  CONFORM_TRY(const auto verdict, come_back(subject, work, TaskStatus::running, 1));
  CONFORM_CHECK(Subject::finish(work.session, work.ref, 2));
  CONFORM_CHECK(require_equal("stderr_acked", verdict.stderr_acked, std::uint64_t{0}));
  return require_equal("stdout_acked", verdict.stdout_acked, std::uint64_t{77});
}

Check chunk_of_nobody(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(chunk(unknown_attempt(), 0, 10));
  CONFORM_TRY(const auto error, session.take<protocol::ErrorMessage>("Error `log_gap`"));
  CONFORM_CHECK(require(error.code == "log_gap", "Error `log_gap`", error.code));
  CONFORM_TRY(const auto credit, session.take<protocol::Credit>("its credit back"));
  return require(credit.log_chunks == 1 && credit.log_acks.empty(), "one chunk of credit, nothing acknowledged",
                 std::to_string(credit.log_chunks));
}

// ---- reports

protocol::UpdateList reports(std::size_t count) {
  auto report = make_update(unknown_attempt(), 0, TaskStatus::running);
  report.progress = 0.5F;
  return {std::vector<protocol::StatusUpdate>(count, report)};
}

Check too_many_reports(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  const auto credit = subject.ack().report_credit;
  if (credit + 1 > 1024) return skip("a report credit below 1,024");
  session.send(reports(credit + 1));
  CONFORM_CHECK(session.expect_error("over_credit"));
  session.send(reports(credit));  // dropped whole: nothing was taken from what is left
  return session.expect_no_error();
}

Check reports_paid_back(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  const auto credit = std::min<std::uint32_t>(subject.ack().report_credit, 1024);
  std::uint32_t given = 0;
  session.send(reports(credit));
  while (given < credit) {
    CONFORM_TRY(const auto more, session.take<protocol::Credit>("Credit for every report"));
    given += more.reports;
  }
  return require_equal("reports of credit given back", given, credit);
}

Check report_not_acknowledged(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send(reports(1));
  CONFORM_TRY(const auto credit, session.take<protocol::Credit>("Credit"));
  (void)credit;
  CONFORM_TRY(const auto ack, session.find_until_alive<protocol::StatusAck>());
  return require(!ack, "no StatusAck of a report", "StatusAck");
}

Check reports_and_changes(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  auto list = reports(2);
  list.items.push_back(make_update(unknown_attempt(), 3, TaskStatus::completed));
  session.send(list);
  CONFORM_CHECK(expect_ack(session, unknown_attempt(), 3));
  CONFORM_TRY(const auto credit, session.take<protocol::Credit>("Credit"));
  return require_equal("reports of credit given back", credit.reports, 2U);
}

}  // namespace

std::vector<SchedulerCase> output_cases() {
  return {
      {"S19.01", "log chunks are acknowledged and their credit is given back",
       "| log chunks | each LogChunk | `HelloAck.log_credit` | `Credit.log_chunks` |", chunks_acknowledged},
      {"S19.02", "a log chunk of 65,536 bytes", "| bytes of a LogChunk | 1 to 65,536 | `bad_size` |", largest_chunk},
      {"S19.03", "stdout and stderr count apart", "| 15 | LogChunk | agent | Credit |", streams_apart},
      {"S19.04", "a log chunk behind a gap", kGapRule, gap},
      {"S19.05", "a log chunk that overlaps", "of one that overlaps them only what is new counts.", overlap},
      {"S19.06", "a log chunk again", "of one that overlaps them only what is new counts.", chunk_again},
      {"S19.07", "Reconcile tells how many bytes it has", kVerdictRule, acknowledged_bytes_in_verdict},
      {"S19.08", "a log chunk of nobody's attempt", kGapRule, chunk_of_nobody},
      {"S20.01", "more reports than there is credit", kCreditRule, too_many_reports},
      {"S20.02", "credit of reports is given back", "| reports | each update with number 0 | `HelloAck.report_credit` | `Credit.reports` |",
       reports_paid_back},
      {"S20.03", "a report is not acknowledged", "StatusAck, if its number is above 0", report_not_acknowledged},
      {"S20.04", "reports and changes in one list", "Updates with a number above 0 cost nothing", reports_and_changes},
  };
}

}  // namespace stint::conform::scheduler
