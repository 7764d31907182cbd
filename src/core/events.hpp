#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_ref.hpp"
#include "base/ids.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"
#include "core/model/agent.hpp"
#include "core/model/job.hpp"

namespace stint::core {

struct SubmitJob {
  JobSpec spec;
  std::string submitted_by;
  std::string idempotency_key;
};

/// A whole job, one entry of it (group), or one task (group and index).
struct CancelTasks {
  JobId job;
  std::optional<std::uint32_t> group;
  std::optional<std::uint32_t> index;
  std::string by;
};

struct RegisterAgent {
  std::string name;
  std::string by;
  AgentTerms terms{};
  AgentPublicKey public_key{};
};

struct DrainAgent {
  AgentNumber agent;
  bool draining = true;
  std::string by;
  std::optional<Duration> deadline;  ///< from now: what runs then is stopped gracefully and placed elsewhere, at no cost of a retry
};

struct RevokeAgent {
  AgentNumber agent;
  std::string by;
};

/// How long ended jobs stay. Zero: without limit.
struct JobRetention {
  Duration age{};
  std::uint64_t count = 0;
  bool operator==(const JobRetention&) const = default;
};

/// What the agent says it holds, in Resume.
struct HeldAttempt {
  AttemptRef ref;
  TaskStatus status = TaskStatus::pending;
  std::uint32_t last_update = 0;
};

struct AgentConnected {
  AgentNumber agent;
  Token16 instance{};
  AgentOffer offer;
  std::vector<HeldAttempt> held;
  KeyEpoch key_epoch;                      ///< of the session's key
};

struct AttemptReport {
  AgentNumber agent;                       ///< of the session, never of the message
  AttemptRef ref;
  std::uint32_t number = 0;                ///< > 0
  TaskStatus status = TaskStatus::pending; ///< pending: accepted; running; completed, failed, cancelled: ended
  EndReason reason = EndReason::none;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  UnixMillis started_at{};
  UnixMillis ended_at{};
  std::string detail;
  std::vector<FileRef> outputs;            ///< with completed: what the task left
  std::string result;                      ///< with an end: JSON; empty: none
};

/// What the daemon found out about an entry (Prepare). Not above limits::kTasksPerArray tasks.
struct GroupPrepared {
  JobId job;
  std::uint32_t group = 0;
  std::uint32_t count = 0;                 ///< tasks, for entries sized later; else ignored
  BlobId items;
  BlobId needs_inputs;
};

/// A new job of the content of one that has ended; what completed there counts as completed here.
struct RetryJob {
  JobId job;
  std::string submitted_by;
  std::string idempotency_key;
};

/// A person wants work of these kinds.
struct ClaimWork {
  AgentNumber agent;                       ///< registered for the person
  std::vector<AgentType> types;            ///< empty: any
  std::optional<JobId> job;                ///< of this job only
  std::uint32_t limit = 1;
  Duration lease{0};                       ///< how long the person may take
};

}  // namespace stint::core
