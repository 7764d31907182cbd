#include "adapters/sqlite/row_reader.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "adapters/sqlite/attempt_reader.hpp"
#include "adapters/sqlite/offer_json.hpp"
#include "core/model/job_json.hpp"

namespace stint::sqlite {
namespace {

using Sink = std::function<Status(const core::Row&)>;

template <class Read>
Status each(Database& database, const std::string& sql, const Read& read) {
  STINT_TRY(auto statement, database.prepare(sql));
  for (;;) {
    STINT_TRY(const bool row, statement.step());
    if (!row) return {};
    STINT_TRY_VOID(read(statement));
  }
}

template <class Number>
Number as(const Statement& s, int column) {
  return static_cast<Number>(s.number(column));
}
UnixMillis time(const Statement& s, int column) { return unix_millis(s.number(column)); }
JobId job_id(const Statement& s, int column) { return JobId{as<std::uint64_t>(s, column)}; }
Token16 token(const Statement& s, int column) {
  Token16 out{};
  const Bytes bytes = s.bytes(column);
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

core::AgentPublicKey public_key(const Statement& s, int column) {
  core::AgentPublicKey out{};
  const Bytes bytes = s.bytes(column);
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

Status read_jobs(Database& database, const Sink& sink) {
  return each(database, "SELECT id, submitted_by, idempotency_key, submitted_ms, spec FROM jobs ORDER BY id",
              [&](const Statement& s) -> Status {
                core::JobRow row{job_id(s, 0), nullptr, s.text(1), s.text(2), time(s, 3)};
                auto spec = core::parse_job_json(s.text(4));
                if (!spec) return fail(Errc::corrupt, "jobs.spec of job " + std::to_string(row.id.value) + ": " + spec.error().detail);
                row.spec = std::make_shared<const core::JobSpec>(std::move(*spec));
                return sink(row);
              });
}

Status read_job_states(Database& database, const Sink& sink) {
  return each(
      database, "SELECT job, status, reason, detail, cancel_requested, ended_ms FROM job_states ORDER BY job", [&](const Statement& s) {
        return sink(core::JobStateRow{job_id(s, 0), as<TaskStatus>(s, 1), as<EndReason>(s, 2), s.text(3), s.number(4) != 0, time(s, 5)});
      });
}

Status read_groups(Database& database, const Sink& sink) {
  return each(database,
              std::string("SELECT job, grp, is_prepared, count, items, needs_inputs, doom, is_collected FROM groups") + kNotRemoved +
                  " ORDER BY job, grp",
              [&](const Statement& s) {
                return sink(core::GroupRow{job_id(s, 0), as<std::uint32_t>(s, 1), s.number(2) != 0, as<std::uint32_t>(s, 3),
                                           read_blob(s, 4), read_blob(s, 5), as<EndReason>(s, 6), s.number(7) != 0});
              });
}

Status read_marks(Database& database, const Sink& sink) {
  return each(
      database,
      std::string("SELECT job, grp, first, last, status, reason, at_ms FROM task_marks") + kNotRemoved + " ORDER BY job, grp, first",
      [&](const Statement& s) {
        return sink(core::TaskMarkRow{job_id(s, 0), as<std::uint32_t>(s, 1), as<std::uint32_t>(s, 2), as<std::uint32_t>(s, 3),
                                      as<TaskStatus>(s, 4), as<EndReason>(s, 5), time(s, 6)});
      });
}

Status read_agents(Database& database, const Sink& sink) {
  return each(
      database,
      "SELECT number, name, generation, revoked, draining, instance, offer, registered_ms, last_seen_ms, disconnected_ms, drain_ms, "
      "key_epoch, terms, public_key FROM agents ORDER BY number",
      [&](const Statement& s) -> Status {
        core::AgentRow row;
        row.number = AgentNumber{as<std::uint64_t>(s, 0)};
        row.name = s.text(1);
        row.generation = as<std::uint32_t>(s, 2);
        row.revoked = s.number(3) != 0;
        row.draining = s.number(4) != 0;
        row.instance = token(s, 5);
        STINT_TRY(row.offer, parse_offer(s.text(6)));
        row.registered_at = time(s, 7);
        row.last_seen_at = time(s, 8);
        row.disconnected_at = time(s, 9);
        row.drain_by = time(s, 10);
        row.key_epoch = KeyEpoch{as<std::uint16_t>(s, 11)};
        STINT_TRY(row.terms, parse_terms(s.text(12)));
        row.public_key = public_key(s, 13);
        return sink(row);
      });
}

Status read_keys(Database& database, const Sink& sink) {
  constexpr const char* kAll =
      "SELECT epoch, sealed, created_ms, installed_ms, retire_ms, retired_ms, removed_ms FROM master_keys ORDER BY epoch";
  return each(database, kAll, [&](const Statement& s) {
    return sink(
        core::MasterKeyRow{KeyEpoch{as<std::uint16_t>(s, 0)}, s.bytes(1), time(s, 2), time(s, 3), time(s, 4), time(s, 5), time(s, 6)});
  });
}

Status read_meta(Database& database, const Sink& sink) {
  return each(database, "SELECT name, value FROM meta ORDER BY name",
              [&](const Statement& s) { return sink(core::MetaRow{s.text(0), s.text(1)}); });
}

Status read_tokens(Database& database, const Sink& sink) {
  return each(database, "SELECT id, name, scopes, sha256, created_by, created_ms, expires_ms, revoked_ms FROM tokens ORDER BY id",
              [&](const Statement& s) -> Status {
                core::TokenRow row;
                row.id = core::TokenId{as<std::uint64_t>(s, 0)};
                row.name = s.text(1);
                const auto scopes = core::parse_scopes(s.text(2));
                const Bytes digest = s.bytes(3);
                const auto what = "token " + std::to_string(row.id.value) + ": ";
                if (!scopes) return fail(Errc::corrupt, what + scopes.error().detail);
                if (digest.size() != row.sha256.size()) return fail(Errc::corrupt, what + "its SHA-256 has not 32 bytes");
                row.scopes = *scopes;
                std::copy(digest.begin(), digest.end(), row.sha256.begin());
                row.created_by = s.text(4);
                row.created_at = time(s, 5);
                row.expires_at = time(s, 6);
                row.revoked_at = time(s, 7);
                return sink(row);
              });
}

Status read_enrol_tokens(Database& database, const Sink& sink) {
  return each(
      database,
      "SELECT id, name, terms, sealed, created_by, created_ms, expires_ms, revoked_ms, public_key, agent, used_ms FROM enrol_tokens "
      "ORDER BY id",
      [&](const Statement& s) -> Status {
        core::EnrolTokenRow row;
        row.id = core::EnrolTokenId{as<std::uint64_t>(s, 0)};
        row.name = s.text(1);
        STINT_TRY(row.terms, parse_terms(s.text(2)));
        row.sealed = s.bytes(3);
        row.created_by = s.text(4);
        row.created_at = time(s, 5);
        row.expires_at = time(s, 6);
        row.revoked_at = time(s, 7);
        row.public_key = public_key(s, 8);
        row.agent = AgentNumber{as<std::uint64_t>(s, 9)};
        row.used_at = time(s, 10);
        return sink(row);
      });
}

Status read_removals(Database& database, const Sink& sink) {
  return each(database, "SELECT job, at_ms FROM removed_jobs ORDER BY job",
              [&](const Statement& s) { return sink(core::JobRemovalRow{job_id(s, 0), time(s, 1)}); });
}

}  // namespace

AttemptRef read_ref(const Statement& s, int first_column) {
  return {{job_id(s, first_column), as<std::uint32_t>(s, first_column + 1), as<std::uint32_t>(s, first_column + 2)},
          as<std::uint32_t>(s, first_column + 3)};
}

BlobId read_blob(const Statement& s, int column) {
  BlobId id;
  const Bytes bytes = s.bytes(column);
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.bytes.size()), id.bytes.begin());
  return id;
}

core::AttemptRow read_attempt(const Statement& s) {
  core::AttemptRow row;
  row.ref = read_ref(s, 0);
  row.agent = AgentNumber{as<std::uint64_t>(s, 4)};
  row.status = as<TaskStatus>(s, 5);
  row.reason = as<EndReason>(s, 6);
  row.live = s.number(7) != 0;
  row.accepted = s.number(8) != 0;
  row.is_result = s.number(9) != 0;
  row.exit_code = as<std::int32_t>(s, 10);
  row.signal = as<std::int32_t>(s, 11);
  row.acked_update = as<std::uint32_t>(s, 12);
  row.update_digest = as<std::uint64_t>(s, 13);
  row.placed_at = time(s, 14);
  row.started_at = time(s, 15);
  row.ended_at = time(s, 16);
  row.retry_at = time(s, 17);
  row.instance = token(s, 18);
  row.detail = s.text(19);
  row.has_result = s.number(20) != 0;
  row.lease_until = time(s, 21);
  return row;
}

Status read_all(Database& database, const Sink& sink) {
  for (const auto read : {read_jobs, read_job_states, read_groups, read_attempts, read_marks, read_agents, read_keys, read_meta,
                          read_tokens, read_removals, read_enrol_tokens})
    STINT_TRY_VOID(read(database, sink));
  return {};
}

}  // namespace stint::sqlite
