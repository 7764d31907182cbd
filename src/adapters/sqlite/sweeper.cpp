#include "adapters/sqlite/sweeper.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sqlite/attempt_runs.hpp"
#include "adapters/sqlite/bind.hpp"

namespace stint::sqlite {
namespace {

constexpr std::int64_t kRowsOfAJob = 2000;      // of one table; some ten bytes to some hundred each
constexpr std::int64_t kEventsAtOnce = 2000;
constexpr std::int64_t kLogRowsAtOnce = 500;    // looked at; each is up to 64 KiB to free

/// With their keys. Output is counted, so it has a way of its own.
constexpr std::pair<const char*, const char*> kTablesOfAJob[] = {
    {"reports", "job, grp, idx, attempt, seq"},
    {"attempts", "job, grp, idx, attempt"},
    {"attempt_runs", "job, grp, first, attempt"},
    {"task_marks", "job, grp, first"},
    {"outputs", "job, grp, idx, path"},
    {"results", "job, grp, idx"},
    {"checkpoints", "job, grp, idx"},
    {"groups", "job, grp"},
};

/// What is older than this is too old; below all times if age does not matter.
std::int64_t cutoff(UnixMillis now, Duration age) { return age > Duration{0} ? to_ms(now) - to_ms(age) : 0; }

Status subtract_log_bytes(Database& database, std::int64_t bytes, ports::Swept& swept) {
  swept.log_bytes += static_cast<std::uint64_t>(bytes);
  return bytes == 0 ? Status{} : database.run("UPDATE fence SET log_bytes = log_bytes - " + std::to_string(bytes));
}

/// Removes some rows of the job from a table; true: none is left.
Result<bool> take_rows(Database& database, const char* table, const char* key, std::int64_t job, ports::Swept& swept) {
  const std::string some = std::string("(SELECT ") + key + " FROM " + table + " WHERE job = ? LIMIT " + std::to_string(kRowsOfAJob) + ")";
  STINT_TRY(auto statement, database.prepare(std::string("DELETE FROM ") + table + " WHERE (" + key + ") IN " + some));
  STINT_TRY_VOID(statement.bind(job).run());
  const std::int64_t taken = database.changes();
  swept.rows += static_cast<std::uint64_t>(taken);
  return taken < kRowsOfAJob;
}

Result<std::int64_t> bytes_of_first_logs(Database& database, std::int64_t job) {
  return database.number(
      "SELECT coalesce(sum(n), 0) FROM (SELECT length(bytes) AS n FROM logs WHERE id IN (SELECT id FROM logs WHERE job = " +
      std::to_string(job) + " LIMIT " + std::to_string(kLogRowsAtOnce) + "))");
}

/// Output is counted, so it goes by ids that are read first.
Result<bool> take_logs_of(Database& database, std::int64_t job, ports::Swept& swept) {
  STINT_TRY(const auto bytes, bytes_of_first_logs(database, job));
  STINT_TRY_VOID(database.run("DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE job = " + std::to_string(job) + " LIMIT " +
                              std::to_string(kLogRowsAtOnce) + ")"));
  const std::int64_t taken = database.changes();
  swept.rows += static_cast<std::uint64_t>(taken);
  STINT_TRY_VOID(subtract_log_bytes(database, bytes, swept));
  return taken < kLogRowsAtOnce;
}

Result<bool> take_all_of(Database& database, std::int64_t job, ports::Swept& swept) {
  STINT_TRY(const bool no_logs, take_logs_of(database, job, swept));
  if (!no_logs) return false;
  for (const auto& [table, key] : kTablesOfAJob) {
    STINT_TRY(const bool is_empty, take_rows(database, table, key, job, swept));
    if (!is_empty) return false;
  }
  return true;
}

}  // namespace

Result<ports::Swept> Sweeper::sweep(Database& database, FencingToken token, const ports::StoreRetention& keep, UnixMillis now) {
  ports::Swept swept;
  const std::int64_t cursor = log_cursor_;
  STINT_TRY_VOID(database.run("BEGIN IMMEDIATE"));
  Status done = take(database, token, keep, now, swept);
  if (done) done = database.run("COMMIT");
  if (done) return swept;
  [[maybe_unused]] const auto undone = database.run("ROLLBACK");  // fails if SQLite has rolled back by itself
  log_cursor_ = cursor;
  return tl::unexpected<Error>(std::move(done.error()));
}

Status Sweeper::take(Database& database, FencingToken token, const ports::StoreRetention& keep, UnixMillis now, ports::Swept& swept) {
  STINT_TRY(const auto leader, database.number("SELECT token FROM fence"));
  if (leader != as_number(token.value)) return fail(Errc::fenced, "another scheduler has taken over this database");
  STINT_TRY_VOID(take_removed_job(database, swept));
  STINT_TRY_VOID(take_events(database, keep, now, swept));
  return take_logs(database, keep, now, swept);
}

/// Of one job, a piece; when all is gone its removal stays only while it holds the highest id.
Status Sweeper::take_removed_job(Database& database, ports::Swept& swept) {
  STINT_TRY(const auto job, database.number("SELECT min(job) FROM removed_jobs WHERE swept = 0"));
  if (job == 0) return {};
  STINT_TRY(const bool is_gone, take_all_of(database, job, swept));
  swept.is_more = true;
  if (!is_gone) return {};
  STINT_TRY_VOID(database.run("UPDATE removed_jobs SET swept = 1 WHERE job = " + std::to_string(job)));
  return database.run("DELETE FROM removed_jobs WHERE swept = 1 AND job < (SELECT max(job) FROM removed_jobs)");
}

/// Numbers rise by one and go from the front, so the first and the last say how many there are.
Status Sweeper::take_events(Database& database, const ports::StoreRetention& keep, UnixMillis now, ports::Swept& swept) {
  STINT_TRY(const auto first, database.number("SELECT min(seq) FROM events"));
  STINT_TRY(const auto last, database.number("SELECT max(seq) FROM events"));
  std::int64_t end = keep.events > 0 ? last - as_number(keep.events) + 1 : first;  // what lies below goes
  if (const auto oldest = cutoff(now, keep.event_age); oldest > 0) {
    STINT_TRY(const auto last_old, database.number("SELECT max(seq) FROM (SELECT seq, at_ms FROM events ORDER BY seq LIMIT " +
                                                   std::to_string(kEventsAtOnce) + ") WHERE at_ms < " + std::to_string(oldest)));
    end = std::max(end, last_old + 1);
  }
  end = std::min({end, last, first + kEventsAtOnce});
  if (end <= first) return {};
  STINT_TRY_VOID(database.run("DELETE FROM events WHERE seq < " + std::to_string(end)));
  swept.rows += static_cast<std::uint64_t>(database.changes());
  swept.is_more = swept.is_more || database.changes() == kEventsAtOnce;
  return {};
}

/// Walks over the output in order of arrival. An attempt ends after its last output came, so what came after the cutoff ends the round.
Status Sweeper::take_logs(Database& database, const ports::StoreRetention& keep, UnixMillis now, ports::Swept& swept) {
  STINT_TRY(std::int64_t total, database.number("SELECT log_bytes FROM fence"));
  const std::int64_t oldest = cutoff(now, keep.log_age);
  const auto is_over = [&] { return keep.log_bytes > 0 && total > as_number(keep.log_bytes); };
  if (oldest == 0 && !is_over()) {
    log_cursor_ = 0;
    return {};
  }
  STINT_TRY(
      auto statement,
      database.prepare("SELECT l.id, l.at_ms, length(l.bytes), coalesce(a.live, r.live), coalesce(a.ended_ms, r.ended_ms) FROM logs l "
                       "LEFT JOIN attempts a ON a.job = l.job AND a.grp = l.grp AND a.idx = l.idx AND a.attempt = l.attempt "
                       "LEFT JOIN attempt_runs r ON r.job = l.job AND r.grp = l.grp AND r.first BETWEEN l.idx - " +
                       std::to_string(kRunMax - 1) +
                       " AND l.idx AND r.last >= l.idx AND r.attempt = l.attempt WHERE l.id > ? ORDER BY l.id LIMIT ?"));
  statement.bind(log_cursor_).bind(kLogRowsAtOnce);
  std::vector<std::int64_t> ids;
  std::int64_t bytes = 0;
  std::int64_t seen = 0;
  bool is_end = false;
  while (!is_end) {
    STINT_TRY(const bool row, statement.step());
    is_end = !row || (statement.number(1) >= oldest && !is_over());
    if (is_end) break;
    ++seen;
    log_cursor_ = statement.number(0);
    const std::int64_t ended = statement.number(4);
    const bool has_ended = statement.number(3) == 0 && ended > 0;
    if (!has_ended || (ended >= oldest && !is_over())) continue;
    ids.push_back(statement.number(0));
    bytes += statement.number(2);
    total -= statement.number(2);
  }
  statement.reset();
  if (is_end && seen < kLogRowsAtOnce) log_cursor_ = 0;  // the next round begins at the front
  STINT_TRY(auto remove, database.prepare("DELETE FROM logs WHERE id = ?"));
  for (const std::int64_t id : ids) STINT_TRY_VOID(remove.bind(id).run());
  swept.rows += ids.size();
  swept.is_more = swept.is_more || log_cursor_ != 0;
  return subtract_log_bytes(database, bytes, swept);
}

}  // namespace stint::sqlite
