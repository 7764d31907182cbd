#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"
#include "core/model/agent.hpp"
#include "core/model/rows.hpp"

/// Copies of the core's memory for readers. They may hold what is not yet durable: the daemon lets them out only at that watermark.
namespace stint::core {

struct TaskCounts {
  std::uint64_t pending = 0, running = 0, completed = 0, failed = 0, cancelled = 0;
  [[nodiscard]] std::uint64_t total() const { return pending + running + completed + failed + cancelled; }
  bool operator==(const TaskCounts&) const = default;
};

struct GroupView {
  std::string name;
  TaskCounts counts;
};

/// What is known of one entry beyond its spec.
struct GroupState {
  TaskCounts counts;
  bool is_sized = true;
  bool is_prepared = false;
  bool has_ended = false;
  BlobId items;
  BlobId needs_inputs;
};

struct JobView {
  JobRow row;
  JobStateRow state;
  TaskCounts counts;
  std::vector<GroupView> groups;
};

struct TaskView {
  TaskRef ref;
  std::string id;
  TaskStatus status = TaskStatus::pending;
  EndReason reason = EndReason::none;
  std::uint32_t attempts = 0;              ///< made so far
  std::uint32_t failures = 0;              ///< that count against `retries`
  UnixMillis retry_at{};
  std::vector<AttemptRow> live;
};

struct AgentView {
  AgentRow row;
  bool connected = false;
  Resources used;
  std::uint32_t live_attempts = 0;
  std::uint32_t waiting = 0;  ///< of those, the ones that wait there for room
};

}  // namespace stint::core
