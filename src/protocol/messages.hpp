#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_ref.hpp"
#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"

/// The messages of a session as plain values. schema/*.fbs says who sends each, when, its units and limits; the codecs (codec.hpp) turn
/// them into FlatBuffers and back, and no generated type leaves this folder. Decoded values have passed the frame's checks *and* the
/// check of meaning.
namespace stint::protocol {

/// A named reading a task reports; `step` is the task's own counter (0 = none).
struct Metric {
  std::string name;
  double value = 0;
  std::uint64_t step = 0;
};

/// A program and its surroundings, shared by all assignments of one frame that have the same template.
struct TaskTemplate {
  std::string job_name;
  std::string task_name;  ///< `main`, `train`; the task's id is JOB.TASK[.INDEX]
  AgentType agent_type = AgentType::trainer;
  std::string driver;  ///< exec, noop …
  std::vector<std::string> command;  ///< argument list; empty for noop
  std::vector<std::pair<std::string, std::string>> env;
  std::string workdir;  ///< absolute
  std::string submit_boot_id;  ///< of the machine `workdir` was seen on; with `workdir_inode` the agent checks that it sees the same one
  std::uint64_t workdir_inode = 0;  ///< 0: not to be checked
  Resources resources;
  Duration timeout{0};  ///< 0: none
  Duration kill_grace{0};  ///< from SIGTERM to SIGKILL
  bool is_array = false;
  std::uint32_t array_first = 0;  ///< STINT_INDEX = array_first + index * array_step
  std::uint32_t array_step = 1;
  std::uint32_t array_size = 1;
  BlobId inputs;  ///< manifest of the files it starts with; none: no files
  BlobId needs_inputs;  ///< manifest of what the tasks it needs have left; none: nothing
  std::vector<std::string> outputs;
  bool own_directory = false;
  bool checkpoint = false;
  DisconnectPolicy on_disconnect = DisconnectPolicy::keep;
  Duration stop_after{0};  ///< stop_after: how long without a session
  bool operator==(const TaskTemplate&) const = default;
};

struct Assignment {
  AttemptRef ref;
  std::uint32_t template_index = 0;
};
/// What few attempts have beside their template.
struct AssignedExtra {
  std::uint32_t index = 0;  ///< of the item of its list
  std::string token;  ///< opens the attempt's blobs over HTTP while it is live
  std::string item;  ///< its item, or its batch of items, one a line
  bool is_batch = false;
  std::vector<std::pair<std::string, std::string>> values;  ///< of ${{ NAME }} in command and env
  std::vector<FileRef> files;  ///< of its items
  BlobId checkpoint;  ///< manifest of the last checkpoint of an earlier attempt
  bool operator==(const AssignedExtra&) const = default;
};
struct AssignmentList {
  std::vector<TaskTemplate> templates;
  std::vector<Assignment> items;
  std::vector<AssignedExtra> extras;  ///< their indexes rise strictly
  bool is_provisional = false;  ///< not durable yet: nothing of these may be executed before they are confirmed
  std::vector<AttemptRef> confirmed = {};  ///< of earlier provisional lists; said before `items`
};

/// number > 0: a change of state, acknowledged, resent until it is; number 0: progress and metrics, latest wins, never acknowledged.
struct StatusUpdate {
  AttemptRef ref;
  std::uint32_t number = 0;
  TaskStatus status = TaskStatus::pending;
  EndReason reason = EndReason::none;
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::int64_t started_ms = 0;  ///< Unix ms; 0 = not started
  std::int64_t ended_ms = 0;  ///< Unix ms; 0 = not ended
  float progress = 0;  ///< 0..1
  std::vector<Metric> metrics;
  std::string detail;  ///< for people: why it failed, or the task's last message
  std::vector<FileRef> outputs;  ///< with completed: what the task left; every blob is durable at the scheduler
  std::string result;  ///< with an end: JSON; empty: none
  bool operator==(const StatusUpdate&) const;
};
struct UpdateList {
  std::vector<StatusUpdate> items;
};

struct UpdateKey {
  AttemptRef ref;
  std::uint32_t number = 0;
};
struct StatusAck {
  std::vector<UpdateKey> items;
};

/// Sent with Resume and whenever it changes.
struct AgentInfo {
  std::string name;
  std::string version;  ///< of the software
  std::vector<AgentType> types;  ///< empty = all five
  Resources resources;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::string> drivers;
  std::vector<std::string> notes;  ///< what it cannot enforce, shown in `stint agent list`
  std::vector<std::string> shared_paths;
  std::string boot_id;  ///< the kernel's, to know "the same machine"
  std::string host;
  std::uint32_t window = 0;  ///< most attempts it takes at once
  std::uint32_t prefetch = 0;  ///< how many of them may wait with it
  bool knows_provisional = false;  ///< AssignmentList::is_provisional
};

struct HeldAttempt {
  AttemptRef ref;
  TaskStatus status = TaskStatus::pending;
  std::uint32_t last_update = 0;  ///< highest number made
  std::uint64_t stdout_bytes = 0;  ///< written so far
  std::uint64_t stderr_bytes = 0;
};
/// First message of an agent in every session.
struct Resume {
  AgentInfo info;
  std::vector<HeldAttempt> held;
};

enum class Verdict : std::uint8_t { keep = 1, stop = 2, forget = 3 /* ended and recorded: drop it with its log */ };
struct AttemptVerdict {
  AttemptRef ref;
  Verdict verdict = Verdict::keep;
  std::uint32_t acked_update = 0;  ///< resend what is newer
  std::uint64_t stdout_acked = 0;  ///< send log bytes from here
  std::uint64_t stderr_acked = 0;
};
/// The answer to Resume, both ways complete: attempts not named in Resume are known to be lost or come again as assignments.
struct Reconcile {
  std::vector<AttemptVerdict> items;
};

struct Heartbeat {
  std::int64_t clock_boot_ns = 0;  ///< the agent's CLOCK_BOOTTIME when stamped; echoed in the answer (a round trip is a clock sample)
  std::uint32_t running = 0;
};
struct HeartbeatAck {
  std::int64_t clock_boot_ns = 0;  ///< echo
  std::int64_t session_time_ms = 0;  ///< when received
};

enum class CancelMode : std::uint8_t { graceful = 1, kill = 2, recall = 3 /* only if it has not been started */ };
struct CancelItem {
  AttemptRef ref;
  CancelMode mode = CancelMode::graceful;
  EndReason reason = EndReason::cancelled;  ///< cancelled or superseded
};
struct Cancel {
  std::vector<CancelItem> items;
};

enum class LogStream : std::uint8_t { out = 1, err = 2 };
struct LogChunk {
  AttemptRef ref;
  LogStream stream = LogStream::out;
  std::uint64_t offset = 0;  ///< of the first byte in this stream of this attempt
  Bytes bytes;  ///< at most 64 KiB
};
struct LogAckItem {
  AttemptRef ref;
  LogStream stream = LogStream::out;
  std::uint64_t acked = 0;  ///< bytes durable so far
};
/// Scheduler to agent: how much more may be sent, and what needs no keeping.
struct Credit {
  std::uint32_t log_chunks = 0;  ///< more chunks the agent may send
  std::uint32_t reports = 0;  ///< more unacknowledged updates it may send
  std::vector<LogAckItem> log_acks;
};

struct ErrorMessage {
  std::string code;  ///< stable, snake_case
  std::string detail;
  std::int64_t measured_ms = 0;  ///< TIME: the delta
  std::int64_t limit_ms = 0;
};
enum class CloseReason : std::uint8_t {
  normal = 1,
  leaving = 2,
  displaced = 3,
  identity_in_use = 4,
  revoked = 5,
  overloaded = 6,
  protocol = 7,
  time = 8
};
struct Close {
  CloseReason reason = CloseReason::normal;
  std::string detail;
};

/// Scheduler to agent: a key of a newer key epoch, wrapped under the one of this session (wire/keys.hpp).
struct Rekey {
  KeyEpoch key_epoch;
  std::uint32_t generation = 0;
  std::array<std::uint8_t, 32> nonce{};
  std::array<std::uint8_t, 48> wrapped_key{};
  bool operator==(const Rekey&) const = default;
};
/// Scheduler to agent: SHA-256 of each public key under which the cell may show itself, newest first.
struct CellPins {
  std::vector<std::array<std::uint8_t, 32>> pins;
  bool operator==(const CellPins&) const = default;
};

using Message = std::variant<AssignmentList, UpdateList, StatusAck, AgentInfo, Resume, Reconcile, Heartbeat, HeartbeatAck, Cancel, LogChunk,
                             Credit, ErrorMessage, Close, Rekey, CellPins>;

}  // namespace stint::protocol
