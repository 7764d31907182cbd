#include "adapters/sqlite/attempt_writer.hpp"

#include <string>
#include <utility>

#include "adapters/sqlite/attempt_runs.hpp"
#include "adapters/sqlite/bind.hpp"

namespace stint::sqlite {
namespace {

/// Says nothing that a run has no column for.
bool is_plain(const core::AttemptRow& row) {
  return row.detail.empty() && !row.has_result && row.retry_at == UnixMillis{} && row.lease_until == UnixMillis{};
}

/// The same but for the index; both are plain.
bool is_alike(const core::AttemptRow& a, const core::AttemptRow& b) {
  return a.ref.task.job == b.ref.task.job && a.ref.task.group == b.ref.task.group && a.ref.attempt == b.ref.attempt && a.agent == b.agent &&
         a.status == b.status && a.reason == b.reason && a.live == b.live && a.accepted == b.accepted && a.is_result == b.is_result &&
         a.exit_code == b.exit_code && a.signal == b.signal && a.acked_update == b.acked_update && a.update_digest == b.update_digest &&
         a.placed_at == b.placed_at && a.started_at == b.started_at && a.ended_at == b.ended_at && a.instance == b.instance;
}

Statement& bind_entry(Statement& s, const core::AttemptRow& row) {
  return s.bind(as_number(row.ref.task.job.value)).bind(std::int64_t{row.ref.task.group});
}

/// The columns that `attempts` and `attempt_runs` have in common, from `agent` to `ended_ms`.
Statement& bind_facts(Statement& s, const core::AttemptRow& row) {
  return s.bind(as_number(row.agent.value))
      .bind(as_number(row.status))
      .bind(as_number(row.reason))
      .bind(std::int64_t{row.live})
      .bind(std::int64_t{row.accepted})
      .bind(std::int64_t{row.is_result})
      .bind(std::int64_t{row.exit_code})
      .bind(std::int64_t{row.signal})
      .bind(std::int64_t{row.acked_update})
      .bind(as_number(row.update_digest))
      .bind(to_ms(row.placed_at))
      .bind(to_ms(row.started_at))
      .bind(to_ms(row.ended_at));
}

ByteView instance_of(const core::AttemptRow& row) { return {row.instance.data(), row.instance.size()}; }

}  // namespace

Result<AttemptWriter> AttemptWriter::make(Database& database) {
  AttemptWriter w;
  const std::string key = " WHERE job = ?1 AND grp = ?2 AND first = ?3 AND attempt = ?4";
  const struct {
    Statement& statement;
    std::string sql;
  } all[] = {
      {w.single_, "INSERT OR REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {w.run_, "INSERT OR REPLACE INTO attempt_runs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {w.drop_singles_, "DELETE FROM attempts WHERE job = ? AND grp = ? AND idx BETWEEN ? AND ? AND attempt = ?"},
      {w.overlaps_,
       "SELECT first, last FROM attempt_runs WHERE job = ? AND grp = ? AND first BETWEEN ? AND ? AND attempt = ? AND last >= ?"},
      {w.copy_rest_, std::string("INSERT INTO attempt_runs SELECT job, grp, ?5, attempt, last, ") + kRunFacts + " FROM attempt_runs" + key},
      {w.shorten_, "UPDATE attempt_runs SET last = ?5" + key},
      {w.drop_run_, "DELETE FROM attempt_runs" + key},
  };
  for (const auto& [statement, sql] : all) {
    STINT_TRY(statement, database.prepare(sql));
  }
  return w;
}

Status AttemptWriter::put(const core::AttemptRow& row) {
  if (count_ > 0) {
    if (count_ < kRunMax && row.ref.task.index == held_.ref.task.index + count_ && is_plain(row) && is_alike(held_, row)) {
      ++count_;
      return {};
    }
    STINT_TRY_VOID(finish());
  }
  if (!is_plain(row)) return write_single(row);
  held_ = row;
  count_ = 1;
  return {};
}

Status AttemptWriter::finish() {
  if (count_ >= kRunMin) STINT_TRY_VOID(write_run());
  if (count_ < kRunMin)
    for (std::uint32_t i = 0; i < count_; ++i, ++held_.ref.task.index) STINT_TRY_VOID(write_single(held_));
  count_ = 0;
  return {};
}

Status AttemptWriter::write_single(const core::AttemptRow& row) {
  bind_ref(single_, row.ref);
  return bind_facts(single_, row)
      .bind(to_ms(row.retry_at))
      .bind(instance_of(row))
      .bind(std::string_view(row.detail))
      .bind(std::int64_t{row.has_result})
      .bind(to_ms(row.lease_until))
      .run();
}

Status AttemptWriter::write_run() {
  const std::uint32_t first = held_.ref.task.index;
  const std::uint32_t last = first + count_ - 1;
  STINT_TRY_VOID(
      bind_entry(drop_singles_, held_).bind(std::int64_t{first}).bind(std::int64_t{last}).bind(std::int64_t{held_.ref.attempt}).run());
  STINT_TRY_VOID(carve(held_, first, last));
  bind_entry(run_, held_).bind(std::int64_t{first}).bind(std::int64_t{held_.ref.attempt}).bind(std::int64_t{last});
  return bind_facts(run_, held_).bind(instance_of(held_)).run();
}

Status AttemptWriter::carve(const core::AttemptRow& row, std::uint32_t first, std::uint32_t last) {
  const std::int64_t attempt = row.ref.attempt;
  bind_entry(overlaps_, row).bind(first_of_covering(first)).bind(std::int64_t{last}).bind(attempt).bind(std::int64_t{first});
  found_.clear();
  for (;;) {
    STINT_TRY(const bool is_row, overlaps_.step());
    if (!is_row) break;
    found_.emplace_back(overlaps_.number(0), overlaps_.number(1));
  }
  overlaps_.reset();
  for (const auto& [begin, end] : found_) {
    if (end > last) STINT_TRY_VOID(bind_entry(copy_rest_, row).bind(begin).bind(attempt).bind(std::int64_t{last} + 1).run());
    if (begin < first) {
      STINT_TRY_VOID(bind_entry(shorten_, row).bind(begin).bind(attempt).bind(std::int64_t{first} - 1).run());
    } else if (begin > first) {  // one that begins at `first` is replaced
      STINT_TRY_VOID(bind_entry(drop_run_, row).bind(begin).bind(attempt).run());
    }
  }
  return {};
}

}  // namespace stint::sqlite
