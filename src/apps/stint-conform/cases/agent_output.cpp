#include <algorithm>

#include "apps/stint-conform/cases/agent_cases.hpp"

// What tasks write and report: chunks and reports within their credit.
namespace stint::conform::agent {
namespace {

using Subject = AgentSubject;
using protocol::LogStream;

constexpr const char* kLackRule = "An agent that lacks credit keeps log chunks and reports back";
constexpr const char* kOrderRule =
    "An agent sends the chunks of a stream in order and without gaps, from the position that Reconcile gave, or from 0.";
constexpr std::uint64_t kPrinted = 300'000;

/// Chunks of one stream as they come, held to their rules.
class Stream {
 public:
  explicit Stream(std::uint64_t begin) : end_(begin) {}
  [[nodiscard]] Check take(const protocol::LogChunk& chunk) {
    ++chunks_;
    CONFORM_CHECK(require(chunk.bytes.size() <= 65'536 && !chunk.bytes.empty(), "1 to 65,536 bytes", std::to_string(chunk.bytes.size())));
    CONFORM_CHECK(require_equal("offset", chunk.offset, end_));
    end_ += chunk.bytes.size();
    text_ += as_text(chunk.bytes);
    return {};
  }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] std::uint32_t chunks() const { return chunks_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::uint64_t end_;
  std::uint32_t chunks_ = 0;
  std::string text_;
};

Checked<protocol::LogChunk> take_chunk(Session& session, LogStream stream) {
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(auto chunk, session.take<protocol::LogChunk>("a log chunk", deadline - now()));
    if (chunk.stream == stream) return chunk;
  }
}

void grant(Session& session, std::uint32_t chunks) { session.send(protocol::Credit{chunks, 0, {}}); }
void acknowledge_log(Session& session, const AttemptRef& ref, std::uint64_t end) {
  session.send(protocol::Credit{0, 0, {{ref, LogStream::out, end}}});
}

/// Reads until everything printed has come; gives a chunk of credit for each.
Check read_all(Session& session, Stream& stream, std::uint64_t size) {
  while (stream.end() < size) {
    CONFORM_TRY(const auto chunk, take_chunk(session, LogStream::out));
    CONFORM_CHECK(stream.take(chunk));
    grant(session, 1);
  }
  return {};
}

Check everything_in_order(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "print"));
  Stream stream{0};
  CONFORM_CHECK(read_all(session, stream, kPrinted));
  acknowledge_log(session, ref, stream.end());
  CONFORM_TRY(const auto end, take_end(session, ref));
  (void)end;
  return require(std::all_of(stream.text().begin(), stream.text().end(), [](char c) { return c == 'x'; }), "what the task wrote",
                 "other bytes");
}

Check both_streams(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "both"));
  (void)ref;
  std::string out;
  std::string err;
  for (const Instant deadline = now() + limits::kPatience; (out != "out" || err != "err") && now() < deadline;) {
    CONFORM_TRY(const auto chunk, session.take<protocol::LogChunk>("`out` and `err`", deadline - now()));
    auto& text = chunk.stream == LogStream::out ? out : err;
    CONFORM_CHECK(require_equal("offset", chunk.offset, static_cast<std::uint64_t>(text.size())));
    text += as_text(chunk.bytes);
  }
  return require(out == "out" && err == "err", "`out` and `err`", "`" + out + "` and `" + err + "`");
}

/// With two chunks of credit no more than two come, however much was printed; a third costs another.
Check no_chunk_without_credit(Subject& subject) {
  AckSpec spec;
  spec.log_credit = 2;
  CONFORM_TRY(auto session, subject.establish(spec));
  CONFORM_TRY(const auto ref, subject.assign(session, "print"));
  (void)ref;
  Stream stream{0};
  for (int i = 0; i < 2; ++i) {
    CONFORM_TRY(const auto chunk, take_chunk(session, LogStream::out));
    CONFORM_CHECK(stream.take(chunk));
  }
  for (const Instant end = now() + limits::kQuiet; now() < end;) {
    CONFORM_TRY(const auto heard, session.next(end));
    if (heard && std::holds_alternative<protocol::LogChunk>(heard->message)) return differ("two chunks for two of credit", "a third");
  }
  grant(session, 1);
  CONFORM_TRY(const auto third, take_chunk(session, LogStream::out));
  CONFORM_CHECK(stream.take(third));
  grant(session, 64);
  return read_all(session, stream, kPrinted);
}

Check no_credit_at_all(Subject& subject) {
  AckSpec spec;
  spec.log_credit = 0;
  CONFORM_TRY(auto session, subject.establish(spec));
  CONFORM_TRY(const auto ref, subject.assign(session, "both"));
  (void)ref;
  for (const Instant end = now() + limits::kQuiet; now() < end;) {
    CONFORM_TRY(const auto heard, session.next(end));
    if (heard && std::holds_alternative<protocol::LogChunk>(heard->message))
      return differ("no chunk without credit", describe(heard->message));
  }
  grant(session, 10);
  CONFORM_TRY(const auto chunk, take_chunk(session, LogStream::out));
  return require(as_text(chunk.bytes) == "out", "`out`", std::string(as_text(chunk.bytes)));
}

/// Prints, and the connection is lost after the first chunk: the next session says from where.
Check from_where_reconcile_says(Subject& subject, std::uint64_t acked) {
  AckSpec spec;
  spec.log_credit = 2;
  CONFORM_TRY(auto session, subject.establish(spec));
  CONFORM_TRY(const auto ref, subject.assign(session, "print"));
  CONFORM_TRY(const auto first, take_chunk(session, LogStream::out));
  (void)first;
  session.peer().socket().close();
  CONFORM_TRY(auto next, subject.greet_and_resume());
  next.send(protocol::Reconcile{{{ref, protocol::Verdict::keep, 0, acked, 0}}});
  Stream stream{acked};
  return read_all(next, stream, kPrinted);
}

/// The end comes behind the bytes that it ends.
Check the_end_comes_last(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "print"));
  Stream stream{0};
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto heard, session.next(deadline));
    if (!heard) return differ("an end", "none");
    if (const auto* chunk = std::get_if<protocol::LogChunk>(&heard->message)) {
      CONFORM_CHECK(stream.take(*chunk));
      grant(session, 1);
    }
    const auto* updates = std::get_if<protocol::UpdateList>(&heard->message);
    if (updates == nullptr) continue;
    for (const auto& update : updates->items) {
      if (update.number > 0) acknowledge(session, update);
      if (update.ref == ref && has_ended(update.status)) return require_equal("bytes before the end", stream.end(), kPrinted);
    }
  }
}

// ---- reports

std::uint32_t count_reports(const protocol::UpdateList& list) {
  return static_cast<std::uint32_t>(
      std::count_if(list.items.begin(), list.items.end(), [](const auto& update) { return update.number == 0; }));
}

/// One report of credit: one report, until more is given. The task reports for three seconds.
Check no_report_without_credit(Subject& subject) {
  AckSpec spec;
  spec.report_credit = 1;
  CONFORM_TRY(auto session, subject.establish(spec));
  CONFORM_TRY(const auto ref, subject.assign(session, "report"));
  std::uint32_t reports = 0;
  const Instant deadline = now() + 2 * limits::kPatience;  // of which the task itself takes some seconds
  for (;;) {
    CONFORM_TRY(const auto heard, session.next(deadline));
    if (!heard) return differ("an end", "none");
    const auto* updates = std::get_if<protocol::UpdateList>(&heard->message);
    if (updates == nullptr) continue;
    reports += count_reports(*updates);
    CONFORM_CHECK(require(reports <= 1, "one report for one of credit", std::to_string(reports)));
    for (const auto& update : updates->items) {
      if (update.number > 0) acknowledge(session, update);
      if (update.ref == ref && has_ended(update.status))
        return require(reports == 1, "one report for one of credit", std::to_string(reports));
    }
  }
}

Check reports_have_number_zero(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  CONFORM_TRY(const auto ref, subject.assign(session, "report"));
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto list, session.take<protocol::UpdateList>("a report with progress 0.5", deadline - now()));
    for (const auto& update : list.items) {
      if (update.number > 0) acknowledge(session, update);
      if (update.ref == ref && update.number == 0 && update.progress == 0.5F) return {};
      if (has_ended(update.status)) return differ("a report with progress 0.5", "the end");
    }
  }
}

}  // namespace

std::vector<AgentCase> output_cases() {
  return {
      {"A19.01", "300,000 bytes of output, in order", kOrderRule, everything_in_order},
      {"A19.02", "stdout and stderr count apart", kOrderRule, both_streams},
      {"A19.03", "no more log chunks than there is credit", kLackRule, no_chunk_without_credit},
      {"A19.04", "no credit, no log chunk", kLackRule, no_credit_at_all},
      {"A19.05", "Reconcile says: nothing of the log is here", kOrderRule, [](Subject& s) { return from_where_reconcile_says(s, 0); }},
      {"A19.06", "Reconcile says: a thousand bytes of the log are here", kOrderRule,
       [](Subject& s) { return from_where_reconcile_says(s, 1'000); }},
      {"A19.07", "the end comes behind what was written", "Its end is sent behind the last of them.", the_end_comes_last},
      {"A20.01", "no more reports than there is credit", kLackRule, no_report_without_credit},
      {"A20.02", "a report has number 0", "| reports | each update with number 0 | `HelloAck.report_credit` | `Credit.reports` |",
       reports_have_number_zero},
  };
}

}  // namespace stint::conform::agent
