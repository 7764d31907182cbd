#include "adapters/sqlite/migrations.hpp"

#include <array>
#include <filesystem>

namespace stint::sqlite {
namespace {

// docs/storage.md explains every table. Statuses and reasons are the numbers of base/task_words.hpp; the views say them in words.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), token INTEGER NOT NULL, batch INTEGER NOT NULL);
INSERT INTO fence VALUES (1, 0, 0);

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, queue TEXT NOT NULL, priority INTEGER NOT NULL,
  submitted_by TEXT NOT NULL, idempotency_key TEXT NOT NULL, submitted_ms INTEGER NOT NULL, spec TEXT NOT NULL);
CREATE UNIQUE INDEX jobs_by_key ON jobs (idempotency_key) WHERE idempotency_key <> '';

CREATE TABLE job_states (
  job INTEGER PRIMARY KEY, status INTEGER NOT NULL, reason INTEGER NOT NULL, detail TEXT NOT NULL,
  cancel_requested INTEGER NOT NULL, ended_ms INTEGER NOT NULL);

CREATE TABLE attempts (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL, agent INTEGER NOT NULL,
  status INTEGER NOT NULL, reason INTEGER NOT NULL, live INTEGER NOT NULL, accepted INTEGER NOT NULL, is_result INTEGER NOT NULL,
  exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, acked_update INTEGER NOT NULL, update_digest INTEGER NOT NULL,
  placed_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, retry_ms INTEGER NOT NULL,
  instance BLOB NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (job, grp, idx, attempt)) WITHOUT ROWID;

CREATE TABLE task_marks (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  status INTEGER NOT NULL, reason INTEGER NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (job, grp, first)) WITHOUT ROWID;

CREATE TABLE agents (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, generation INTEGER NOT NULL, revoked INTEGER NOT NULL, draining INTEGER NOT NULL,
  instance BLOB NOT NULL, offer TEXT NOT NULL, registered_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL, disconnected_ms INTEGER NOT NULL);

CREATE TABLE master_keys (epoch INTEGER PRIMARY KEY, sealed BLOB NOT NULL, created_ms INTEGER NOT NULL, retired INTEGER NOT NULL);

CREATE TABLE events (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, job INTEGER NOT NULL, body TEXT NOT NULL);

CREATE TABLE logs (
  id INTEGER PRIMARY KEY, job INTEGER NOT NULL, grp INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL,
  stream INTEGER NOT NULL, offset INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE UNIQUE INDEX logs_by_attempt ON logs (job, grp, idx, attempt, stream, offset);

CREATE TABLE reports (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL, seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, progress REAL NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (job, grp, idx, attempt, seq)) WITHOUT ROWID;

CREATE TABLE words (kind TEXT NOT NULL, id INTEGER NOT NULL, word TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
INSERT INTO words VALUES
  ('status',0,'pending'),('status',1,'running'),('status',2,'completed'),('status',3,'failed'),('status',4,'cancelled'),
  ('reason',0,'none'),('reason',1,'exit'),('reason',2,'signal'),('reason',3,'oom'),('reason',4,'timeout'),('reason',5,'lost'),
  ('reason',6,'cancelled'),('reason',7,'superseded'),
  ('reason',8,'refused'),('reason',9,'start_failed'),('reason',10,'needs_failed'),
  ('reason',11,'result_too_large'),('reason',12,'max_fails');
CREATE VIEW attempts_in_words AS
  SELECT a.job, json_extract(j.spec, '$.tasks[' || a.grp || '].name') AS task, a.idx, a.attempt, g.name AS agent,
         s.word AS status, r.word AS reason,
         a.live, a.is_result, a.exit_code, a.signal, datetime(a.placed_ms / 1000.0, 'unixepoch') AS placed,
         datetime(a.started_ms / 1000.0, 'unixepoch') AS started, datetime(a.ended_ms / 1000.0, 'unixepoch') AS ended, a.detail
  FROM attempts a JOIN jobs j ON j.id = a.job LEFT JOIN agents g ON g.number = a.agent
  JOIN words s ON s.kind = 'status' AND s.id = a.status JOIN words r ON r.kind = 'reason' AND r.id = a.reason;
)sql";

// Jobs of many parts: what becomes known of an entry, what tasks leave.
constexpr const char* kEntries = R"sql(
-- Not NOT NULL: with a default it costs every INSERT OR REPLACE of an attempt a tenth more.
ALTER TABLE attempts ADD COLUMN has_result INTEGER DEFAULT 0;
CREATE TABLE groups (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, is_prepared INTEGER NOT NULL, count INTEGER NOT NULL, items BLOB, needs_inputs BLOB,
  is_collected INTEGER NOT NULL, doom INTEGER NOT NULL, PRIMARY KEY (job, grp)) WITHOUT ROWID;
CREATE INDEX groups_by_items ON groups (items) WHERE items IS NOT NULL;
CREATE INDEX groups_by_inputs ON groups (needs_inputs) WHERE needs_inputs IS NOT NULL;
CREATE TABLE outputs (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, idx INTEGER NOT NULL, path TEXT NOT NULL, blob BLOB NOT NULL, size INTEGER NOT NULL,
  is_executable INTEGER NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (job, grp, idx, path)) WITHOUT ROWID;
CREATE INDEX outputs_by_blob ON outputs (blob);
CREATE TABLE results (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL, result TEXT NOT NULL,
  PRIMARY KEY (job, grp, idx)) WITHOUT ROWID;
CREATE TABLE checkpoints (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL, blob BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (job, grp, idx)) WITHOUT ROWID;
CREATE INDEX checkpoints_by_blob ON checkpoints (blob);
INSERT INTO words VALUES
  ('reason',13,'skipped'),('reason',14,'reused'),('reason',15,'preparation_failed'),('reason',16,'output_missing'),
  ('reason',17,'stage_failed');
)sql";

constexpr const char* kTokens = R"sql(
CREATE TABLE tokens (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, sha256 BLOB NOT NULL, created_by TEXT NOT NULL,
  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL);
)sql";

// Retention and drains with a deadline. `fence.log_bytes` is the sum of all output: counting it anew would read the whole table.
constexpr const char* kRetention = R"sql(
ALTER TABLE agents ADD COLUMN drain_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fence ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE fence SET log_bytes = (SELECT coalesce(sum(length(bytes)), 0) FROM logs);
CREATE TABLE removed_jobs (job INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, swept INTEGER NOT NULL);
CREATE INDEX removed_jobs_to_sweep ON removed_jobs (job) WHERE swept = 0;
)sql";

// Until when a person has what was claimed. NULL and 0: no claim.
constexpr const char* kClaims = R"sql(
ALTER TABLE attempts ADD COLUMN lease_ms INTEGER DEFAULT 0;
)sql";

// Key epochs live and die. Before there was only one, which every agent that ever had a session used.
constexpr const char* kKeyEpochs = R"sql(
ALTER TABLE agents ADD COLUMN key_epoch INTEGER NOT NULL DEFAULT 0;
UPDATE agents SET key_epoch = 1 WHERE instance <> zeroblob(16);
ALTER TABLE master_keys DROP COLUMN retired;
ALTER TABLE master_keys ADD COLUMN installed_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE master_keys ADD COLUMN retire_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE master_keys ADD COLUMN retired_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE master_keys ADD COLUMN removed_ms INTEGER NOT NULL DEFAULT 0;
UPDATE master_keys SET installed_ms = created_ms;
)sql";

// Ids are random 64-bit numbers, negative ones included. `terms` is {"types":[…],"labels":[[key,value],…]}.
constexpr const char* kEnrolment = R"sql(
ALTER TABLE agents ADD COLUMN terms TEXT NOT NULL DEFAULT '{"types":[],"labels":[]}';
ALTER TABLE agents ADD COLUMN public_key BLOB NOT NULL DEFAULT x'';
CREATE TABLE enrol_tokens (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, terms TEXT NOT NULL, sealed BLOB NOT NULL, created_by TEXT NOT NULL,
  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL, public_key BLOB NOT NULL, agent INTEGER NOT NULL,
  used_ms INTEGER NOT NULL);
)sql";

// Neighbours of an array whose attempts are alike: one row says what `first … last` would say each. `every_attempt` takes them apart
// again: its text of zeros has one for each member.
constexpr const char* kRuns = R"sql(
CREATE TABLE attempt_runs (
  job INTEGER NOT NULL, grp INTEGER NOT NULL, first INTEGER NOT NULL, attempt INTEGER NOT NULL, last INTEGER NOT NULL,
  agent INTEGER NOT NULL, status INTEGER NOT NULL, reason INTEGER NOT NULL, live INTEGER NOT NULL, accepted INTEGER NOT NULL,
  is_result INTEGER NOT NULL, exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, acked_update INTEGER NOT NULL,
  update_digest INTEGER NOT NULL, placed_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,
  instance BLOB NOT NULL, PRIMARY KEY (job, grp, first, attempt)) WITHOUT ROWID;
CREATE VIEW every_attempt AS
  SELECT job, grp, idx, attempt, agent, status, reason, live, is_result, exit_code, signal, placed_ms, started_ms, ended_ms, detail
  FROM attempts
  UNION ALL
  SELECT r.job, r.grp, r.first + n.key, r.attempt, r.agent, r.status, r.reason, r.live, r.is_result, r.exit_code, r.signal, r.placed_ms,
         r.started_ms, r.ended_ms, ''
  FROM attempt_runs r JOIN json_each('[0' || replace(hex(zeroblob(r.last - r.first)), '00', ',0') || ']') n
  WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.job = r.job AND a.grp = r.grp AND a.idx = r.first + n.key AND a.attempt = r.attempt);
DROP VIEW attempts_in_words;
CREATE VIEW attempts_in_words AS
  SELECT a.job, json_extract(j.spec, '$.tasks[' || a.grp || '].name') AS task, a.idx, a.attempt, g.name AS agent,
         s.word AS status, r.word AS reason,
         a.live, a.is_result, a.exit_code, a.signal, datetime(a.placed_ms / 1000.0, 'unixepoch') AS placed,
         datetime(a.started_ms / 1000.0, 'unixepoch') AS started, datetime(a.ended_ms / 1000.0, 'unixepoch') AS ended, a.detail
  FROM every_attempt a JOIN jobs j ON j.id = a.job LEFT JOIN agents g ON g.number = a.agent
  JOIN words s ON s.kind = 'status' AND s.id = a.status JOIN words r ON r.kind = 'reason' AND r.id = a.reason;
)sql";

// Attempts that waited at an agent and were given back.
constexpr const char* kRecalled = R"sql(
INSERT INTO words VALUES ('reason',18,'recalled');
)sql";

constexpr std::array kMigrations{kVersion1, kTokens, kEntries, kRetention, kClaims, kKeyEpochs, kEnrolment, kRuns, kRecalled};

}  // namespace

std::int64_t newest_schema() { return static_cast<std::int64_t>(kMigrations.size()); }

std::string copy_before(const std::string& path, std::int64_t version) { return path + ".before-schema-" + std::to_string(version); }

/// One that an interrupted migration left may be half a file. A whole one holds the older state, so it stays under a further number.
static std::string free_name(const std::string& path) {
  std::string name = path;
  for (int number = 2; std::filesystem::exists(name); ++number) name = path + "." + std::to_string(number);
  return name;
}

Status migrate(Database& database, const std::string& path, std::int64_t newest) {
  STINT_TRY(const auto version, database.number("PRAGMA user_version"));
  if (version > newest)
    return fail(Errc::unsupported, path + ": written by a newer program (schema " + std::to_string(version) + ", this one knows up to " +
                                       std::to_string(newest) + "): upgrade, or restore the copy made before that migration, " +
                                       copy_before(path, version));
  if (version > 0 && version < newest) {
    STINT_TRY(auto copy, database.prepare("VACUUM INTO ?"));
    const std::string target = free_name(copy_before(path, newest));
    STINT_TRY_VOID(copy.bind(std::string_view(target)).run());
  }
  for (auto step = version; step < newest; ++step) {
    STINT_TRY_VOID(database.run("BEGIN IMMEDIATE"));
    Status done = database.run(kMigrations[static_cast<std::size_t>(step)]);
    if (done) done = database.run("PRAGMA user_version = " + std::to_string(step + 1));
    if (done) done = database.run("COMMIT");
    if (!done) {
      [[maybe_unused]] const auto undone = database.run("ROLLBACK");
      return done;
    }
  }
  return {};
}

}  // namespace stint::sqlite
