#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_ref.hpp"
#include "base/ids.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"
#include "core/model/agent.hpp"
#include "core/model/job.hpp"
#include "core/model/scope.hpp"

/// What the store holds, row by row: the core's memory is exactly what loading these rows gives. Every row is an upsert by its key, so that
/// the
/// identical batch may be written twice. Times are Unix milliseconds. docs/storage.md describes the tables.
namespace stint::core {

/// Key: id. `spec` is shared with the core's memory and never changes.
struct JobRow {
  JobId id;
  std::shared_ptr<const JobSpec> spec;
  std::string submitted_by;
  std::string idempotency_key;  ///< empty: none; else unique among jobs
  UnixMillis submitted_at{};
};

/// Key: job. Written when the state changes as a whole.
struct JobStateRow {
  JobId job;
  TaskStatus status = TaskStatus::pending;  ///< running once anything was placed; completed, failed or cancelled at the end
  EndReason reason = EndReason::none;
  std::string detail;  ///< who cancelled it, which task failed it
  bool cancel_requested = false;
  UnixMillis ended_at{};
};

/// Key: job, group. What became known of an entry after submission: before its tasks may start, or when all have ended.
struct GroupRow {
  JobId job;
  std::uint32_t group = 0;
  bool is_prepared = false;  ///< count, items and needs_inputs are final
  std::uint32_t count = 0;  ///< its tasks
  BlobId items;  ///< the list they were counted from, for entries that take it from another
  BlobId needs_inputs;  ///< manifest of what the entries it needs have left; none: nothing
  EndReason doom = EndReason::none;  ///< needs_failed, skipped, cancelled: it never starts; preparation_failed: nothing can be collected
  bool is_collected = false;  ///< what `collect` asks for is there, as an OutputRow of the whole entry
};

/// Key: ref. One row tells the whole life of an attempt, and through `is_result` that of its task: there is no row per task.
struct AttemptRow {
  AttemptRef ref;
  AgentNumber agent;
  TaskStatus status = TaskStatus::pending;  ///< pending: assigned; the end of the attempt, not of the task
  EndReason reason = EndReason::none;
  bool live = true;  ///< in the task's live set
  bool accepted = false;  ///< the agent has said that it holds it
  bool is_result = false;  ///< this attempt ended the task: its status and reason are the task's
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::uint32_t acked_update = 0;  ///< highest update number applied
  bool has_result = false;  ///< it left a ResultRow
  std::uint64_t update_digest = 0;  ///< of that update's fields: the same number with others is a conflict
  UnixMillis placed_at{};
  UnixMillis started_at{};
  UnixMillis ended_at{};
  UnixMillis retry_at{};  ///< set on a failed attempt that will be retried: not before
  UnixMillis lease_until{};  ///< claimed by a person: then it is lost, if it was not answered; zero: no claim
  Token16 instance{};  ///< journal of the agent that accepted it
  std::string detail;
};

/// Key: job, group, first. Tasks `first … last` ended without an attempt of theirs deciding it (cancelled while pending, or a task they
/// need failed).
struct TaskMarkRow {
  JobId job;
  std::uint32_t group = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  TaskStatus status = TaskStatus::cancelled;
  EndReason reason = EndReason::cancelled;
  UnixMillis at{};
};

/// Key: number.
struct AgentRow {
  AgentNumber number;
  std::string name;  ///< unique among agents that are not revoked
  std::uint32_t generation = 0;  ///< of its key; raised to revoke
  bool revoked = false;
  bool draining = false;
  UnixMillis drain_by{};  ///< draining: what still runs at that time is stopped and placed elsewhere; zero: it may end by itself
  Token16 instance{};  ///< of its last session
  AgentOffer offer;  ///< of its last session, within the terms
  UnixMillis registered_at{};
  UnixMillis last_seen_at{};
  UnixMillis disconnected_at{};  ///< zero while connected
  KeyEpoch key_epoch;  ///< of the key of its last session; zero: it had none
  AgentTerms terms;  ///< of the token it enrolled with
  AgentPublicKey public_key{};  ///< that it enrolled with, for its receipts
};

/// Key: epoch. The master sealed under the key-encryption key: never plain in the store. A time that is zero has not come.
struct MasterKeyRow {
  KeyEpoch epoch;
  Bytes sealed;  ///< empty once it is removed
  UnixMillis created_at{};
  UnixMillis installed_at{};  ///< zero: it waits to be installed next
  UnixMillis retire_at{};  ///< set when a newer one was installed: accepted for work until then
  UnixMillis retired_at{};  ///< since then good only for getting a newer key
  UnixMillis removed_at{};  ///< since then good for nothing
};

/// Key: seq (rises by one). The audit trail, and what GET /v1/events streams. `body` is one JSON object.
struct EventRow {
  std::uint64_t seq = 0;
  UnixMillis at{};
  std::string kind;  ///< job_submitted, tasks_ended, agent_connected …
  JobId job;  ///< zero: none
  std::string body;
};

/// Key: ref, stream, offset. Output of a task as it arrived, in the same transaction as the state: an acknowledged byte is durable.
struct LogRow {
  AttemptRef ref;
  std::uint8_t stream = 1;  ///< 1 stdout, 2 stderr
  std::uint64_t offset = 0;
  Bytes bytes;
  UnixMillis at{};  ///< when it came
};

/// Key: ref, seq. A progress report, downsampled to at most one a second for each attempt; `metrics` is a JSON object.
struct ReportRow {
  AttemptRef ref;
  std::uint32_t seq = 0;
  UnixMillis at{};
  float progress = 0;
  std::uint64_t step = 0;
  std::string metrics;
  std::string message;
};

/// In OutputRow: a file of the whole entry, not of one of its tasks.
inline constexpr std::uint32_t kWholeEntry = 0xFFFFFFFF;

/// Key: task, path. A file that a completed task left; written in the commit that makes the attempt the result.
struct OutputRow {
  TaskRef task;
  FileRef file;
  std::uint32_t attempt = 0;  ///< whose it is; 0: of the whole entry
};

/// Key: task. What the winning attempt said last (`{"result":…}`): JSON.
struct ResultRow {
  TaskRef task;
  std::uint32_t attempt = 0;
  std::string json;
};

/// Key: task. The newest state of its checkpoint directory that has reached the scheduler: a manifest.
struct CheckpointRow {
  TaskRef task;
  std::uint32_t attempt = 0;
  BlobId blob;
  UnixMillis at{};
};

/// The meta row that counts how often the cell was restored from a backup; 0 without it.
inline constexpr const char* kIncarnation = "incarnation";

/// Key: name. Small facts of the cell: its id, next numbers that rows do not imply, the API token's hash.
struct MetaRow {
  std::string name;
  std::string value;
};

using TokenId = Id<struct ApiTokenTag>;

/// Key: id. A token of the API. What its holder sends is not here: only its SHA-256.
struct TokenRow {
  TokenId id;
  std::string name;  ///< unique among tokens that are neither revoked nor expired
  Scopes scopes;
  std::array<std::uint8_t, 32> sha256{};
  std::string created_by;
  UnixMillis created_at{};
  UnixMillis expires_at{};  ///< zero: never
  UnixMillis revoked_at{};  ///< zero: it is not
};

using EnrolTokenId = Id<struct EnrolTokenTag>;

/// Key: id. A token with which one new agent may get a number and a key. Its secret is not here, only what proves that the other end has
/// it.
struct EnrolTokenRow {
  EnrolTokenId id;  ///< random
  std::string name;  ///< of the agent to be; empty: it may choose
  AgentTerms terms;
  Bytes sealed;  ///< the enrol prk (docs/protocol.md "Key schedule") under the key-encryption key
  std::string created_by;
  UnixMillis created_at{};
  UnixMillis expires_at{};
  UnixMillis revoked_at{};  ///< zero: it is not
  AgentPublicKey public_key{};  ///< of the one agent that has used it
  AgentNumber agent;  ///< its number; zero: nobody has used it
  UnixMillis used_at{};
};

/// Key: id. The token ended long ago: the store forgets its row.
struct EnrolTokenRemovalRow {
  EnrolTokenId id;
};

/// Key: job. An ended job that retention has removed: with this row the store takes away all others of the job, in pieces if they are many.
/// It stays, so that no other job ever gets its id.
struct JobRemovalRow {
  JobId job;
  UnixMillis at{};
};

using Row = std::variant<JobRow, JobStateRow, GroupRow, AttemptRow, TaskMarkRow, AgentRow, MasterKeyRow, EventRow, LogRow, ReportRow,
                         MetaRow, TokenRow, OutputRow, ResultRow, CheckpointRow, JobRemovalRow, EnrolTokenRow, EnrolTokenRemovalRow>;

}  // namespace stint::core
