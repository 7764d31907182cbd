#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/resources.hpp"
#include "base/result.hpp"
#include "base/task_words.hpp"

/// What the scheduler answers, read from its JSON (schema/openapi.yaml). Readers ignore keys that they do not know, so that an older
/// client works with a newer scheduler.
///
/// Errors:  corrupt  the text is not JSON, or a key that must be there is not.
namespace stint::client {

struct TaskCounts {
  std::uint64_t pending = 0, running = 0, completed = 0, failed = 0, cancelled = 0;
  [[nodiscard]] std::uint64_t total() const { return pending + running + completed + failed + cancelled; }
  [[nodiscard]] std::uint64_t ended() const { return completed + failed + cancelled; }
  bool operator==(const TaskCounts&) const = default;
};

struct GroupView {
  std::string name;
  bool is_array = false;
  TaskCounts tasks;
};

struct JobView {
  std::uint64_t id = 0;
  std::string name, queue, detail, submitted_at, ended_at;     ///< times as sent; empty: null
  TaskStatus state = TaskStatus::pending;
  EndReason reason = EndReason::none;
  TaskCounts tasks;
  std::vector<GroupView> groups;
};

/// How a task ended, or where it stands.
struct Outcome {
  TaskStatus state = TaskStatus::pending;
  EndReason reason = EndReason::none;
  int exit_code = 0;
  int signal = 0;
};

struct TaskView {
  std::string id, agent, started_at, ended_at, retry_at, lease_until, message;
  std::string detail;  ///< of the attempt that decided, else of the last one; only where all attempts were asked for
  Outcome outcome;
  std::uint64_t attempts = 0;
  std::optional<double> progress;
  std::vector<std::pair<std::string, double>> metrics;
  bool has_result = false;
};

/// What a task said of itself at one moment.
struct ReportView {
  std::uint64_t seq = 0, attempt = 0;
  std::vector<std::pair<std::string, double>> metrics;
};

struct AgentView {
  /// What a person has taken and not answered.
  struct Claim {
    std::string task, lease_until;
  };
  std::uint64_t number = 0;
  bool is_person = false;
  std::vector<Claim> claims;  ///< the first of them; `running` says how many there are
  std::string name, state, host, version;
  std::string last_seen_at, registered_at, drain_by;  ///< times as sent; empty: null
  std::vector<std::string> types, drivers, notes;
  std::vector<std::pair<std::string, std::string>> labels;
  Resources resources, used;
  std::uint64_t running = 0;
  std::uint64_t waiting = 0;  ///< of those, the ones that wait there for room
  std::optional<std::int64_t> skew_ms;
};

/// A task's result as JSON text.
struct ResultView {
  std::string task, json;
};

struct TokenView {
  std::uint64_t id = 0;
  std::string name, state, created_by, created_at, expires_at, last_used_at;
  std::vector<std::string> scopes;
  std::string token;                       ///< only of a new one
};

struct Explanation {
  struct Agent {
    std::string name;
    std::vector<std::string> reasons;      ///< one sentence per clause
  };
  std::string task, summary, nearest;
  TaskStatus state = TaskStatus::pending;
  std::vector<std::string> waits_for;
  std::vector<Agent> agents;
  std::string would_help;  ///< what somebody could do; empty: nothing but waiting
};

/// A token with which a machine joins.
struct EnrolTokenView {
  std::string id, name, state, agent, created_by, expires_at;
  std::vector<std::string> types, labels;     ///< labels as KEY=VALUE
  std::string token;                          ///< only in the answer that made it
  std::vector<std::string> addresses;         ///< likewise
};

struct AgentKey {
  std::uint64_t number = 0;
  std::string name, key, server;
  std::uint64_t key_epoch = 0;
  std::vector<std::string> tls_pins;
};

struct LogLine {
  std::uint64_t seq = 0;
  std::uint64_t offset = 0;
  std::uint32_t attempt = 0;
  bool is_stderr = false;
  std::string bytes;
};

/// One line of the logs stream: output, or the task's end.
struct LogEntry {
  std::optional<LogLine> line;
  std::optional<Outcome> end;
};

/// The items of a list as the JSON texts they came as, so that `--json` gives them on unchanged.
struct Page {
  std::vector<std::string> items;
  std::optional<std::string> next;
};

[[nodiscard]] Result<JobView> parse_job_view(std::string_view json);
[[nodiscard]] Result<TaskView> parse_task_view(std::string_view json);
[[nodiscard]] Result<ReportView> parse_report_view(std::string_view json);
[[nodiscard]] Result<AgentView> parse_agent_view(std::string_view json);
[[nodiscard]] Result<ResultView> parse_result_view(std::string_view json);
[[nodiscard]] Result<TokenView> parse_token_view(std::string_view json);
[[nodiscard]] Result<EnrolTokenView> parse_enrol_token_view(std::string_view json);
[[nodiscard]] Result<AgentKey> parse_agent_key(std::string_view json);
[[nodiscard]] Result<Explanation> parse_explanation(std::string_view json);
[[nodiscard]] Result<LogEntry> parse_log_entry(std::string_view json);
[[nodiscard]] Result<Page> parse_page(std::string_view json);

/// The error that a problem document (RFC 9457) speaks of; `status` decides the code if the body has none that is known.
[[nodiscard]] Error parse_problem(int status, std::string_view json);

}  // namespace stint::client
