#include "adapters/sqlite/attempt_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "adapters/sqlite/attempt_runs.hpp"
#include "adapters/sqlite/bind.hpp"
#include "adapters/sqlite/row_reader.hpp"

namespace stint::sqlite {
namespace {

/// As kAttemptColumns, and `last`.
constexpr const char* kRunColumns =
    "job, grp, first, attempt, agent, status, reason, live, accepted, is_result, exit_code, signal, acked_update, update_digest, "
    "placed_ms, "
    "started_ms, ended_ms, 0, instance, '', 0, 0, last";
constexpr int kLastColumn = 22;

/// What a statement gives, one row ahead.
class Ahead {
 public:
  explicit Ahead(Statement& statement) : statement_(statement) {}
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() { statement_.reset(); }

  Status advance() {
    if (is_over_) return {};
    STINT_TRY(const bool is_row, statement_.step());
    is_over_ = !is_row;
    if (is_row) row_ = read_attempt(statement_);
    return {};
  }
  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] core::AttemptRow& row() { return row_; }
  [[nodiscard]] std::uint32_t last() const { return static_cast<std::uint32_t>(statement_.number(kLastColumn)); }

 private:
  Statement& statement_;
  core::AttemptRow row_;
  bool is_over_ = false;
};

/// Members of the run that have no row of their own.
Status read_run(Statement& own_rows, core::AttemptRow row, std::uint32_t last, const std::function<Status(const core::Row&)>& sink) {
  bind_task(own_rows, row.ref.task).bind(std::int64_t{last}).bind(std::int64_t{row.ref.attempt});
  STINT_TRY(bool is_row, own_rows.step());
  for (std::uint32_t& index = row.ref.task.index;; ++index) {
    if (is_row && own_rows.number(0) == index) {
      STINT_TRY(is_row, own_rows.step());
    } else {
      STINT_TRY_VOID(sink(row));
    }
    if (index == last) break;
  }
  own_rows.reset();
  return {};
}

}  // namespace

Status read_attempts(Database& database, const std::function<Status(const core::Row&)>& sink) {
  STINT_TRY(auto singles, database.prepare(std::string("SELECT ") + kAttemptColumns + " FROM attempts" + kNotRemoved));
  for (Ahead ahead(singles);;) {
    STINT_TRY_VOID(ahead.advance());
    if (ahead.is_over()) break;
    STINT_TRY_VOID(sink(ahead.row()));
  }
  STINT_TRY(auto runs, database.prepare(std::string("SELECT ") + kRunColumns + " FROM attempt_runs" + kNotRemoved));
  STINT_TRY(auto own_rows, database.prepare("SELECT idx FROM attempts WHERE job = ? AND grp = ? AND idx BETWEEN ? AND ? AND attempt = ?"));
  for (Ahead ahead(runs);;) {
    STINT_TRY_VOID(ahead.advance());
    if (ahead.is_over()) return {};
    STINT_TRY_VOID(read_run(own_rows, ahead.row(), ahead.last(), sink));
  }
}

/// The rows of both tables in one order. Runs of different attempt numbers may overlap, so several are open at once.
class AttemptReader::Merge {
 public:
  Merge(AttemptReader& reader, const ports::StoreReader::AttemptQuery& query) : reader_(reader), query_(query) {}

  Result<std::vector<core::AttemptRow>> take_all() {
    STINT_TRY_VOID(singles_.advance());
    STINT_TRY_VOID(runs_.advance());
    std::vector<core::AttemptRow> rows;
    while (rows.size() < query_.limit) {
      STINT_TRY_VOID(open_runs());
      const auto run = std::min_element(open_.begin(), open_.end(), [](const Run& a, const Run& b) { return a.next.ref < b.next.ref; });
      const bool has_run = run != open_.end();
      if (!has_run && singles_.is_over()) break;
      if (!singles_.is_over() && (!has_run || singles_.row().ref <= run->next.ref)) {
        if (has_run && singles_.row().ref == run->next.ref) step(run);
        rows.push_back(std::move(singles_.row()));
        STINT_TRY_VOID(singles_.advance());
        continue;
      }
      if (run->next.ref >= query_.from) {
        STINT_TRY(const bool is_overruled, reader_.is_overruled(*run, run->next.ref.task.index));
        if (!is_overruled) rows.push_back(run->next);
      }
      step(run);
    }
    return rows;
  }

 private:
  /// With a filter the row that overrules a run may not be among the single ones.
  [[nodiscard]] bool has_filter() const { return query_.status || query_.results_only; }

  /// Opens every run that may hold the next member: all that begin no later than the lowest of the open ones, and the first if none is.
  Status open_runs() {
    while (!runs_.is_over()) {
      const auto& begin = runs_.row().ref;
      if (std::any_of(open_.begin(), open_.end(), [&](const Run& run) { return run.next.ref < begin; })) break;
      Run run{runs_.row(), runs_.last()};
      STINT_TRY_VOID(runs_.advance());
      auto& task = run.next.ref.task;
      if (task.group == query_.from.task.group) task.index = std::max(task.index, query_.from.task.index);
      if (task.index > run.last) continue;
      run.may_be_overruled = has_filter();
      STINT_TRY(run.may_be_overruled, reader_.is_overruled(run, run.last));
      open_.push_back(std::move(run));
    }
    return {};
  }

  void step(std::vector<Run>::iterator run) {
    if (run->next.ref.task.index++ == run->last) open_.erase(run);
  }

  AttemptReader& reader_;
  const ports::StoreReader::AttemptQuery& query_;
  Ahead singles_{reader_.singles_};
  Ahead runs_{reader_.runs_};
  std::vector<Run> open_;
};

Result<AttemptReader> AttemptReader::make(Database& database) {
  AttemptReader reader;
  const struct {
    Statement& statement;
    std::string sql;
  } all[] = {
      {reader.singles_, std::string("SELECT ") + kAttemptColumns +
                            " FROM attempts WHERE job = ?1 AND (grp, idx, attempt) >= (?2, ?3, ?4) AND (?5 < 0 OR grp = ?5) AND "
                            "(?6 < 0 OR status = ?6) AND (?7 = 0 OR is_result = 1) ORDER BY grp, idx, attempt"},
      {reader.runs_, std::string("SELECT ") + kRunColumns +
                         " FROM attempt_runs WHERE job = ?1 AND (grp, first) >= (?2, ?3) AND (?4 < 0 OR grp = ?4) AND "
                         "(?5 < 0 OR status = ?5) AND (?6 = 0 OR is_result = 1) ORDER BY grp, first, attempt"},
      {reader.overruled_, "SELECT 1 FROM attempts WHERE job = ? AND grp = ? AND idx BETWEEN ? AND ? AND attempt = ? LIMIT 1"},
  };
  for (const auto& [statement, sql] : all) {
    STINT_TRY(statement, database.prepare(sql));
  }
  return reader;
}

void AttemptReader::bind(const ports::StoreReader::AttemptQuery& q) {
  const std::int64_t group = q.group ? std::int64_t{*q.group} : -1;
  const std::int64_t status = q.status ? static_cast<std::int64_t>(*q.status) : -1;
  singles_.bind(as_number(q.job.value))
      .bind(std::int64_t{q.from.task.group})
      .bind(std::int64_t{q.from.task.index})
      .bind(std::int64_t{q.from.attempt})
      .bind(group)
      .bind(status)
      .bind(std::int64_t{q.results_only});
  runs_.bind(as_number(q.job.value))
      .bind(std::int64_t{q.from.task.group})
      .bind(first_of_covering(q.from.task.index))
      .bind(group)
      .bind(status)
      .bind(std::int64_t{q.results_only});
}

Result<std::vector<core::AttemptRow>> AttemptReader::read(const ports::StoreReader::AttemptQuery& query) {
  bind(query);
  return Merge(*this, query).take_all();
}

Result<bool> AttemptReader::is_overruled(const Run& run, std::uint32_t last) {
  if (!run.may_be_overruled) return false;
  const AttemptRef& ref = run.next.ref;
  bind_task(overruled_, ref.task).bind(std::int64_t{last}).bind(std::int64_t{ref.attempt});
  auto is_row = overruled_.step();
  overruled_.reset();
  return is_row;
}

}  // namespace stint::sqlite
