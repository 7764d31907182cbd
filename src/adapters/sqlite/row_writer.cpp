#include "adapters/sqlite/row_writer.hpp"

#include "adapters/sqlite/bind.hpp"
#include "adapters/sqlite/offer_json.hpp"
#include "core/model/job_json.hpp"

namespace stint::sqlite {
namespace {

ByteView as_view(const Token16& token) { return {token.data(), token.size()}; }
/// Empty where there is none.
ByteView as_view(const core::AgentPublicKey& key) { return key == core::AgentPublicKey{} ? ByteView{} : ByteView(key); }

/// NULL where there is none.
Statement& bind_blob(Statement& s, const BlobId& id) { return id ? s.bind(ByteView(id.bytes)) : s.bind_null(); }

}  // namespace

Result<RowWriter> RowWriter::make(Database& database) {
  RowWriter w;
  w.database_ = &database;
  const struct {
    Statement& statement;
    const char* sql;
  } all[] = {
      {w.job_, "INSERT OR REPLACE INTO jobs VALUES (?,?,?,?,?,?,?,?)"},
      {w.job_state_, "INSERT OR REPLACE INTO job_states VALUES (?,?,?,?,?,?)"},
      {w.mark_, "INSERT OR REPLACE INTO task_marks VALUES (?,?,?,?,?,?,?)"},
      {w.agent_, "INSERT OR REPLACE INTO agents VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {w.key_, "INSERT OR REPLACE INTO master_keys VALUES (?,?,?,?,?,?,?)"},
      {w.event_, "INSERT OR REPLACE INTO events VALUES (?,?,?,?,?)"},
      {w.log_, "INSERT OR IGNORE INTO logs (job, grp, idx, attempt, stream, offset, bytes, at_ms) VALUES (?,?,?,?,?,?,?,?)"},
      {w.report_, "INSERT OR REPLACE INTO reports VALUES (?,?,?,?,?,?,?,?,?,?)"},
      {w.meta_, "INSERT OR REPLACE INTO meta VALUES (?,?)"},
      {w.group_, "INSERT OR REPLACE INTO groups VALUES (?,?,?,?,?,?,?,?)"},
      {w.output_, "INSERT OR REPLACE INTO outputs VALUES (?,?,?,?,?,?,?,?)"},
      {w.result_, "INSERT OR REPLACE INTO results VALUES (?,?,?,?,?)"},
      {w.checkpoint_, "INSERT OR REPLACE INTO checkpoints VALUES (?,?,?,?,?,?)"},
      {w.token_, "INSERT OR REPLACE INTO tokens VALUES (?,?,?,?,?,?,?,?)"},
      {w.enrol_token_, "INSERT OR REPLACE INTO enrol_tokens VALUES (?,?,?,?,?,?,?,?,?,?,?)"},
      {w.drop_enrol_token_, "DELETE FROM enrol_tokens WHERE id = ?"},
      {w.earlier_, "SELECT coalesce(json_extract(spec, '$.retry_of'), 0) FROM jobs WHERE id = ?"},
      {w.take_outputs_,
       "INSERT OR IGNORE INTO outputs SELECT ?, grp, idx, path, blob, size, is_executable, attempt FROM outputs "
       "WHERE job = ? AND grp = ? AND idx BETWEEN ? AND ?"},
      {w.take_results_,
       "INSERT OR IGNORE INTO results SELECT ?, grp, idx, attempt, result FROM results WHERE job = ? AND grp = ? AND idx BETWEEN ? AND ?"},
      {w.removal_, "INSERT OR IGNORE INTO removed_jobs (job, at_ms, swept) VALUES (?,?,0)"},
      {w.drop_job_, "DELETE FROM jobs WHERE id = ?"},
      {w.drop_state_, "DELETE FROM job_states WHERE job = ?"},
  };
  for (const auto& [statement, sql] : all) {
    STINT_TRY(statement, database.prepare(sql));
  }
  STINT_TRY(w.attempts_, AttemptWriter::make(database));
  return w;
}

void RowWriter::begin_batch() {
  log_bytes_ = 0;
  attempts_.forget();
}

Status RowWriter::write(const core::Row& row) {
  return std::visit([this](const auto& r) { return put(r); }, row);
}

Status RowWriter::put(const core::JobRow& row) {
  retried_ = {};  // a job of a batch that was refused may have had its id
  const std::string spec = core::to_json(*row.spec);
  return job_.bind(as_number(row.id.value))
      .bind(std::string_view(row.spec->name))
      .bind(std::string_view(row.spec->queue))
      .bind(std::int64_t{row.spec->priority})
      .bind(std::string_view(row.submitted_by))
      .bind(std::string_view(row.idempotency_key))
      .bind(to_ms(row.submitted_at))
      .bind(std::string_view(spec))
      .run();
}

Status RowWriter::put(const core::JobStateRow& row) {
  return job_state_.bind(as_number(row.job.value))
      .bind(as_number(row.status))
      .bind(as_number(row.reason))
      .bind(std::string_view(row.detail))
      .bind(std::int64_t{row.cancel_requested})
      .bind(to_ms(row.ended_at))
      .run();
}

Status RowWriter::put(const core::TaskMarkRow& row) {
  if (row.reason == EndReason::reused) STINT_TRY_VOID(take_over(row));
  return mark_.bind(as_number(row.job.value))
      .bind(std::int64_t{row.group})
      .bind(std::int64_t{row.first})
      .bind(std::int64_t{row.last})
      .bind(as_number(row.status))
      .bind(as_number(row.reason))
      .bind(to_ms(row.at))
      .run();
}

/// Here and not in rows: of many tasks it is too much for the loop, and the earlier job's last rows may be on their way only.
Status RowWriter::take_over(const core::TaskMarkRow& row) {
  if (retried_.first != row.job) {
    earlier_.bind(as_number(row.job.value));
    STINT_TRY(const bool found, earlier_.step());
    retried_ = {row.job, found ? earlier_.number(0) : 0};
    earlier_.reset();
  }
  for (Statement* take : {&take_outputs_, &take_results_})
    STINT_TRY_VOID(take->bind(as_number(row.job.value))
                       .bind(retried_.second)
                       .bind(std::int64_t{row.group})
                       .bind(std::int64_t{row.first})
                       .bind(std::int64_t{row.last})
                       .run());
  return {};
}

Status RowWriter::put(const core::AgentRow& row) {
  const std::string offer = to_json(row.offer);
  const std::string terms = to_json(row.terms);
  return agent_.bind(as_number(row.number.value))
      .bind(std::string_view(row.name))
      .bind(std::int64_t{row.generation})
      .bind(std::int64_t{row.revoked})
      .bind(std::int64_t{row.draining})
      .bind(as_view(row.instance))
      .bind(std::string_view(offer))
      .bind(to_ms(row.registered_at))
      .bind(to_ms(row.last_seen_at))
      .bind(to_ms(row.disconnected_at))
      .bind(to_ms(row.drain_by))
      .bind(std::int64_t{row.key_epoch.value})
      .bind(std::string_view(terms))
      .bind(as_view(row.public_key))
      .run();
}

Status RowWriter::put(const core::MasterKeyRow& row) {
  return key_.bind(std::int64_t{row.epoch.value})
      .bind(ByteView(row.sealed))
      .bind(to_ms(row.created_at))
      .bind(to_ms(row.installed_at))
      .bind(to_ms(row.retire_at))
      .bind(to_ms(row.retired_at))
      .bind(to_ms(row.removed_at))
      .run();
}

Status RowWriter::put(const core::EventRow& row) {
  return event_.bind(as_number(row.seq))
      .bind(to_ms(row.at))
      .bind(std::string_view(row.kind))
      .bind(as_number(row.job.value))
      .bind(std::string_view(row.body))
      .run();
}

Status RowWriter::put(const core::LogRow& row) {
  bind_ref(log_, row.ref).bind(std::int64_t{row.stream}).bind(as_number(row.offset)).bind(ByteView(row.bytes)).bind(to_ms(row.at));
  STINT_TRY_VOID(log_.run());
  if (database_->changes() == 1) log_bytes_ += static_cast<std::int64_t>(row.bytes.size());
  return {};
}

Status RowWriter::put(const core::ReportRow& row) {
  return bind_ref(report_, row.ref)
      .bind(std::int64_t{row.seq})
      .bind(to_ms(row.at))
      .bind(double{row.progress})
      .bind(as_number(row.step))
      .bind(std::string_view(row.metrics))
      .bind(std::string_view(row.message))
      .run();
}

Status RowWriter::put(const core::GroupRow& row) {
  return bind_blob(bind_blob(group_.bind(as_number(row.job.value))
                                 .bind(std::int64_t{row.group})
                                 .bind(std::int64_t{row.is_prepared})
                                 .bind(std::int64_t{row.count}),
                             row.items),
                   row.needs_inputs)
      .bind(std::int64_t{row.is_collected})
      .bind(as_number(row.doom))
      .run();
}

Status RowWriter::put(const core::OutputRow& row) {
  return bind_blob(bind_task(output_, row.task).bind(std::string_view(row.file.path)), row.file.blob)
      .bind(as_number(row.file.size))
      .bind(std::int64_t{row.file.is_executable})
      .bind(std::int64_t{row.attempt})
      .run();
}

Status RowWriter::put(const core::ResultRow& row) {
  return bind_task(result_, row.task).bind(std::int64_t{row.attempt}).bind(std::string_view(row.json)).run();
}

Status RowWriter::put(const core::CheckpointRow& row) {
  return bind_blob(bind_task(checkpoint_, row.task).bind(std::int64_t{row.attempt}), row.blob).bind(to_ms(row.at)).run();
}

Status RowWriter::put(const core::MetaRow& row) { return meta_.bind(std::string_view(row.name)).bind(std::string_view(row.value)).run(); }

Status RowWriter::put(const core::TokenRow& row) {
  const std::string scopes = core::to_string(row.scopes);
  return token_.bind(as_number(row.id.value))
      .bind(std::string_view(row.name))
      .bind(std::string_view(scopes))
      .bind(ByteView(row.sha256))
      .bind(std::string_view(row.created_by))
      .bind(to_ms(row.created_at))
      .bind(to_ms(row.expires_at))
      .bind(to_ms(row.revoked_at))
      .run();
}

Status RowWriter::put(const core::EnrolTokenRow& row) {
  const std::string terms = to_json(row.terms);
  return enrol_token_.bind(as_number(row.id.value))
      .bind(std::string_view(row.name))
      .bind(std::string_view(terms))
      .bind(ByteView(row.sealed))
      .bind(std::string_view(row.created_by))
      .bind(to_ms(row.created_at))
      .bind(to_ms(row.expires_at))
      .bind(to_ms(row.revoked_at))
      .bind(as_view(row.public_key))
      .bind(as_number(row.agent.value))
      .bind(to_ms(row.used_at))
      .run();
}

Status RowWriter::put(const core::EnrolTokenRemovalRow& row) { return drop_enrol_token_.bind(as_number(row.id.value)).run(); }

/// The two rows that say that the job is there go at once; sweeps take the many others.
Status RowWriter::put(const core::JobRemovalRow& row) {
  STINT_TRY_VOID(removal_.bind(as_number(row.job.value)).bind(to_ms(row.at)).run());
  STINT_TRY_VOID(drop_job_.bind(as_number(row.job.value)).run());
  return drop_state_.bind(as_number(row.job.value)).run();
}

}  // namespace stint::sqlite
