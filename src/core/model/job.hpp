#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"

namespace stint::core {

/// What happens to a running attempt whose agent is out of reach (DESIGN: "Disconnect policy").
enum class DisconnectPolicy : std::uint8_t { keep = 0, stop_after = 1, replace = 2 };

/// One entry of a job: a task, or an array of `array_count` tasks that differ only in their index.
struct TaskSpec {
  std::string name;                        ///< letters, digits, `_`, `-`; unique in the job
  std::optional<AgentType> type;           ///< none fits any agent
  std::string driver = "exec";             ///< exec, noop
  std::vector<std::string> command;        ///< arguments; `run: LINE` becomes sh -c LINE
  std::vector<std::pair<std::string, std::string>> env;  ///< sorted by name
  std::string workdir;                     ///< absolute: where it runs
  std::string submit_boot_id;              ///< of the machine the directory was seen on; empty = not checked
  std::uint64_t workdir_inode = 0;
  Resources resources;                     ///< defaults: 1 core, nothing else
  bool is_array = false;                   ///< an array of one is still `12.main.0`
  std::uint32_t array_first = 0;           ///< value of ordinal 0
  std::uint32_t array_step = 1;
  std::uint32_t array_count = 1;
  std::uint32_t max_parallel = 0;          ///< 0: no limit
  std::vector<std::uint32_t> needs;        ///< positions of earlier entries that must complete whole
  std::uint32_t retries = 0;               ///< further attempts after failures
  Duration timeout{0};                     ///< 0: none
  Duration kill_grace = std::chrono::seconds{5};
  DisconnectPolicy on_disconnect = DisconnectPolicy::keep;
  Duration lost_after = std::chrono::minutes{15};
  std::vector<std::pair<std::string, std::string>> labels;  ///< the agent must carry each

  bool operator==(const TaskSpec&) const = default;
};

struct JobSpec {
  std::string name;
  std::string queue = "default";
  std::int32_t priority = 0;               ///< higher first
  std::uint32_t max_fails = 0;             ///< 0: no limit; else the job is stopped when this many tasks failed
  std::vector<TaskSpec> tasks;             ///< `needs` point to earlier positions only: a graph by construction
  bool operator==(const JobSpec&) const = default;
};

/// Meaning of a job, whoever wrote it: names, limits, needs, counts. The detail names the entry and key, the limit and the remedy.
[[nodiscard]] std::optional<std::string> find_problem(const JobSpec& spec);

/// `12.main`, `12.main.3`; with attempt: `12.main.3@2`.
[[nodiscard]] std::string task_id(const JobSpec& spec, const TaskRef& task);
[[nodiscard]] std::string attempt_id(const JobSpec& spec, const AttemptRef& attempt);
/// What `job.task[.index]` names in this job: one task, or nullopt.
[[nodiscard]] std::optional<TaskRef> find_task(JobId job, const JobSpec& spec, std::string_view name_and_index);

}  // namespace stint::core
