#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "adapters/sqlite/attempt_reader.hpp"
#include "adapters/sqlite/bind.hpp"
#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/row_reader.hpp"
#include "adapters/sqlite/store.hpp"

namespace stint::sqlite {
namespace {

class SqliteReader final : public ports::StoreReader {
 public:
  static Result<std::unique_ptr<ports::StoreReader>> make(const std::string& path, std::function<void()> before_read) {
    auto reader = std::make_unique<SqliteReader>();
    if (before_read) reader->before_read_ = std::move(before_read);
    STINT_TRY(reader->database_, Database::open(path, Database::Access::read_only));
    auto& db = reader->database_;
    const struct {
      Statement& statement;
      std::string sql;
    } all[] = {
        {reader->stream_,
         "SELECT stream, offset, bytes FROM logs WHERE job = ? AND grp = ? AND idx = ? AND attempt = ? AND stream = ? "
         "AND offset + length(bytes) > ? ORDER BY offset"},
        {reader->both_, "SELECT stream, offset, bytes FROM logs WHERE job = ? AND grp = ? AND idx = ? AND attempt = ? ORDER BY id"},
        {reader->end_,
         "SELECT offset + length(bytes) FROM logs WHERE job = ? AND grp = ? AND idx = ? AND attempt = ? AND stream = ? ORDER BY offset "
         "DESC LIMIT 1"},
        {reader->newest_,
         "SELECT id, stream, offset, bytes FROM logs WHERE job = ? AND grp = ? AND idx = ? AND attempt = ? AND stream = ? "
         "ORDER BY offset DESC"},
        {reader->tail_,
         "SELECT id, stream, offset, bytes FROM logs INDEXED BY logs_by_attempt WHERE job = ? AND grp = ? AND idx = ? AND attempt = ? AND "
         "id > ? ORDER BY id"},
        {reader->events_, "SELECT seq, at_ms, kind, job, body FROM events WHERE seq > ?1 AND (?2 = 0 OR job = ?2) ORDER BY seq LIMIT ?3"},
        {reader->reports_,
         "SELECT seq, at_ms, progress, step, metrics, message FROM reports WHERE job = ? AND grp = ? AND idx = ? AND attempt = ? AND seq > "
         "? "
         "ORDER BY seq LIMIT ?"},
        // The keys come as [[grp, idx, attempt], …]: a page of tasks is one statement. CROSS JOIN keeps SQLite from turning it round.
        {reader->last_reports_,
         "SELECT w.grp, w.idx, w.attempt, r.seq, at_ms, progress, step, metrics, message "
         "FROM (SELECT key, value->>0 AS grp, value->>1 AS idx, value->>2 AS attempt FROM json_each(?2)) w CROSS JOIN reports r "
         "ON r.job = ?1 AND r.grp = w.grp AND r.idx = w.idx AND r.attempt = w.attempt AND r.seq = "
         "(SELECT max(seq) FROM reports WHERE job = ?1 AND grp = w.grp AND idx = w.idx AND attempt = w.attempt) ORDER BY w.key"},
        {reader->with_result_,
         "SELECT w.grp, w.idx FROM (SELECT key, value->>0 AS grp, value->>1 AS idx FROM json_each(?2)) w CROSS JOIN results r "
         "ON r.job = ?1 AND r.grp = w.grp AND r.idx = w.idx ORDER BY w.key"},
        {reader->marks_, "SELECT job, grp, first, last, status, reason, at_ms FROM task_marks WHERE job = ? ORDER BY grp, first"},
        {reader->outputs_,
         "SELECT grp, idx, path, blob, size, is_executable, attempt FROM outputs WHERE job = ?1 AND (grp, idx, path) > (?2, ?3, ?4) AND "
         "(?5 < 0 OR grp = ?5) ORDER BY grp, idx, path LIMIT ?6"},
        {reader->results_, "SELECT idx, attempt, result FROM results WHERE job = ? AND grp = ? AND idx >= ? ORDER BY idx LIMIT ?"},
        {reader->checkpoint_, "SELECT attempt, blob, at_ms FROM checkpoints WHERE job = ? AND grp = ? AND idx = ?"},
        {reader->referenced_,
         "SELECT EXISTS (SELECT 1 FROM outputs WHERE blob = ?1) OR EXISTS (SELECT 1 FROM checkpoints WHERE blob = ?1) OR "
         "EXISTS (SELECT 1 FROM groups WHERE items = ?1) OR EXISTS (SELECT 1 FROM groups WHERE needs_inputs = ?1)"},
    };
    for (const auto& [statement, sql] : all) {
      STINT_TRY(statement, db.prepare(sql));
    }
    STINT_TRY(reader->attempts_, AttemptReader::make(db));
    return reader;
  }

  Result<std::vector<core::AttemptRow>> attempts(const AttemptQuery& q) override {
    before_read_();
    return attempts_.read(q);
  }

  Result<std::vector<core::LogRow>> logs(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override {
    Statement& statement = stream == 0 ? both_ : stream_;
    const Query query(*this, statement);
    bind_ref(statement, ref);
    if (stream != 0) statement.bind(std::int64_t{stream}).bind(as_number(offset));
    std::vector<core::LogRow> rows;
    for (std::size_t bytes = 0; bytes < max_bytes;) {
      STINT_TRY(const bool row, statement.step());
      if (!row) break;
      rows.push_back(
          {ref, static_cast<std::uint8_t>(statement.number(0)), static_cast<std::uint64_t>(statement.number(1)), statement.bytes(2)});
      bytes += rows.back().bytes.size();
    }
    return rows;
  }

  Result<LogEnds> log_ends(const AttemptRef& ref) override {
    LogEnds ends;
    for (const auto& [stream, end] : {std::pair<std::int64_t, std::uint64_t*>{1, &ends.out}, {2, &ends.err}}) {
      const Query query(*this, end_);
      bind_ref(end_, ref).bind(stream);
      STINT_TRY(const bool row, end_.step());
      if (row) *end = static_cast<std::uint64_t>(end_.number(0));
    }
    return ends;
  }

  Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> log_tail(const AttemptRef& ref, std::uint64_t after,
                                                                       std::size_t max_bytes) override {
    const Query query(*this, tail_);
    bind_ref(tail_, ref).bind(as_number(after));
    std::vector<std::pair<std::uint64_t, core::LogRow>> rows;
    for (std::size_t bytes = 0; bytes < max_bytes;) {
      STINT_TRY(const bool row, tail_.step());
      if (!row) break;
      rows.push_back(read_chunk(tail_, ref));
      bytes += rows.back().second.bytes.size();
    }
    return rows;
  }

  Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> log_newest(const AttemptRef& ref, std::size_t max_bytes) override {
    std::vector<std::pair<std::uint64_t, core::LogRow>> rows;
    for (const std::int64_t stream : {1, 2}) {
      const Query query(*this, newest_);
      bind_ref(newest_, ref).bind(stream);
      for (std::size_t bytes = 0; bytes < max_bytes;) {
        STINT_TRY(const bool row, newest_.step());
        if (!row) break;
        rows.push_back(read_chunk(newest_, ref));
        bytes += rows.back().second.bytes.size();
      }
    }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return rows;
  }

  Result<std::vector<core::EventRow>> events(std::uint64_t after_seq, JobId job_or_zero, std::size_t limit) override {
    const Query query(*this, events_);
    events_.bind(as_number(after_seq)).bind(as_number(job_or_zero.value)).bind(as_number(limit));
    return collect<core::EventRow>(events_, [](const Statement& s) {
      return core::EventRow{static_cast<std::uint64_t>(s.number(0)), unix_millis(s.number(1)), s.text(2),
                            JobId{static_cast<std::uint64_t>(s.number(3))}, s.text(4)};
    });
  }

  Result<std::uint64_t> last_event_seq() override {
    before_read_();
    STINT_TRY(const auto seq, database_.number("SELECT max(seq) FROM events"));
    return static_cast<std::uint64_t>(seq);
  }

  Result<std::vector<core::ReportRow>> reports(const AttemptRef& ref, std::uint32_t after_seq, std::size_t limit) override {
    const Query query(*this, reports_);
    bind_ref(reports_, ref).bind(std::int64_t{after_seq}).bind(as_number(limit));
    return collect<core::ReportRow>(reports_, [&ref](const Statement& s) {
      return core::ReportRow{ref,
                             static_cast<std::uint32_t>(s.number(0)),
                             unix_millis(s.number(1)),
                             static_cast<float>(s.real(2)),
                             static_cast<std::uint64_t>(s.number(3)),
                             s.text(4),
                             s.text(5)};
    });
  }

  Result<std::vector<core::ReportRow>> last_reports(const std::vector<AttemptRef>& refs) override {
    if (refs.empty()) return std::vector<core::ReportRow>{};
    const JobId job = refs.front().task.job;
    std::string keys;
    for (const AttemptRef& ref : refs) add_key(keys, {ref.task.group, ref.task.index, ref.attempt});
    keys += ']';
    const Query query(*this, last_reports_);
    last_reports_.bind(as_number(job.value)).bind(std::string_view(keys));
    return collect<core::ReportRow>(last_reports_, [job](const Statement& s) {
      const TaskRef task{job, static_cast<std::uint32_t>(s.number(0)), static_cast<std::uint32_t>(s.number(1))};
      return core::ReportRow{{task, static_cast<std::uint32_t>(s.number(2))},
                             static_cast<std::uint32_t>(s.number(3)),
                             unix_millis(s.number(4)),
                             static_cast<float>(s.real(5)),
                             static_cast<std::uint64_t>(s.number(6)),
                             s.text(7),
                             s.text(8)};
    });
  }

  Result<std::vector<core::TaskMarkRow>> marks(JobId job) override {
    const Query query(*this, marks_);
    marks_.bind(as_number(job.value));
    return collect<core::TaskMarkRow>(marks_, [](const Statement& s) {
      return core::TaskMarkRow{JobId{static_cast<std::uint64_t>(s.number(0))},
                               static_cast<std::uint32_t>(s.number(1)),
                               static_cast<std::uint32_t>(s.number(2)),
                               static_cast<std::uint32_t>(s.number(3)),
                               static_cast<TaskStatus>(s.number(4)),
                               static_cast<EndReason>(s.number(5)),
                               unix_millis(s.number(6))};
    });
  }

  Result<std::vector<core::OutputRow>> outputs(const OutputQuery& q) override {
    const Query query(*this, outputs_);
    outputs_.bind(as_number(q.job.value))
        .bind(std::int64_t{q.from.group})
        .bind(std::int64_t{q.from.index})
        .bind(std::string_view(q.after_path))
        .bind(q.group ? std::int64_t{*q.group} : -1)
        .bind(as_number(q.limit));
    return collect<core::OutputRow>(outputs_, [&q](const Statement& s) {
      const TaskRef task{q.job, static_cast<std::uint32_t>(s.number(0)), static_cast<std::uint32_t>(s.number(1))};
      return core::OutputRow{task,
                             {read_blob(s, 3), static_cast<std::uint64_t>(s.number(4)), s.number(5) != 0, s.text(2)},
                             static_cast<std::uint32_t>(s.number(6))};
    });
  }

  Result<std::vector<core::ResultRow>> results(JobId job, std::uint32_t group, std::uint32_t from_index, std::size_t limit) override {
    const Query query(*this, results_);
    results_.bind(as_number(job.value)).bind(std::int64_t{group}).bind(std::int64_t{from_index}).bind(as_number(limit));
    return collect<core::ResultRow>(results_, [&](const Statement& s) {
      return core::ResultRow{{job, group, static_cast<std::uint32_t>(s.number(0))}, static_cast<std::uint32_t>(s.number(1)), s.text(2)};
    });
  }

  Result<std::vector<TaskRef>> find_with_result(const std::vector<TaskRef>& tasks) override {
    if (tasks.empty()) return std::vector<TaskRef>{};
    const JobId job = tasks.front().job;
    std::string keys;
    for (const TaskRef& task : tasks) add_key(keys, {task.group, task.index});
    keys += ']';
    const Query query(*this, with_result_);
    with_result_.bind(as_number(job.value)).bind(std::string_view(keys));
    return collect<TaskRef>(with_result_, [job](const Statement& s) {
      return TaskRef{job, static_cast<std::uint32_t>(s.number(0)), static_cast<std::uint32_t>(s.number(1))};
    });
  }

  Result<std::optional<core::CheckpointRow>> find_checkpoint(const TaskRef& task) override {
    const Query query(*this, checkpoint_);
    bind_task(checkpoint_, task);
    STINT_TRY(const bool row, checkpoint_.step());
    if (!row) return std::nullopt;
    return core::CheckpointRow{task, static_cast<std::uint32_t>(checkpoint_.number(0)), read_blob(checkpoint_, 1),
                               unix_millis(checkpoint_.number(2))};
  }

  Result<std::vector<BlobId>> find_referenced(const std::vector<BlobId>& blobs) override {
    std::vector<BlobId> found;
    for (const BlobId& blob : blobs) {
      const Query query(*this, referenced_);
      referenced_.bind(ByteView(blob.bytes));
      STINT_TRY(const bool row, referenced_.step());
      if (row && referenced_.number(0) != 0) found.push_back(blob);
    }
    return found;
  }

 private:
  /// Ends the read transaction of a statement however the query ends: readers are short, so that the WAL can be rewound.
  class Query {
   public:
    Query(const SqliteReader& reader, Statement& statement) : statement_(statement) { reader.before_read_(); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query() { statement_.reset(); }

   private:
    Statement& statement_;
  };

  /// A row of a statement that selects id, stream, offset, bytes.
  static std::pair<std::uint64_t, core::LogRow> read_chunk(const Statement& s, const AttemptRef& ref) {
    return {static_cast<std::uint64_t>(s.number(0)),
            core::LogRow{ref, static_cast<std::uint8_t>(s.number(1)), static_cast<std::uint64_t>(s.number(2)), s.bytes(3)}};
  }

  /// One more key of a JSON array of arrays that is not closed yet.
  static void add_key(std::string& keys, std::initializer_list<std::uint32_t> numbers) {
    keys += keys.empty() ? '[' : ',';
    char before = '[';
    for (const std::uint32_t number : numbers) keys += std::exchange(before, ',') + std::to_string(number);
    keys += ']';
  }

  template <class Row, class Read>
  static Result<std::vector<Row>> collect(Statement& statement, const Read& read) {
    std::vector<Row> rows;
    for (;;) {
      STINT_TRY(const bool row, statement.step());
      if (!row) return rows;
      rows.push_back(read(statement));
    }
  }

  std::function<void()> before_read_ = [] {};
  Database database_;
  AttemptReader attempts_;
  Statement stream_, both_, end_, newest_, tail_, events_, reports_, last_reports_, marks_, outputs_, results_, with_result_, checkpoint_,
      referenced_;
};

}  // namespace

Result<std::unique_ptr<ports::StoreReader>> make_reader(const std::string& path, std::function<void()> before_read) {
  return SqliteReader::make(path, std::move(before_read));
}

}  // namespace stint::sqlite
