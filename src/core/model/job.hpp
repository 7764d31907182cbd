#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blob_id.hpp"
#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"
#include "core/model/constraint.hpp"

namespace stint::core {

using stint::DisconnectPolicy;

/// When a need counts as met: all its tasks completed; it ended and some did not; it ended.
enum class NeedOn : std::uint8_t { success = 0, failure = 1, always = 2 };
struct Need {
  std::uint32_t group = 0;  ///< position of an earlier entry
  NeedOn on = NeedOn::success;
  auto operator<=>(const Need&) const = default;
};

/// One axis of a matrix. Tasks are the product of all axes in row-major order: the last axis changes fastest.
struct MatrixAxis {
  std::string name;
  std::vector<std::string> values;
  bool operator==(const MatrixAxis&) const = default;
};

/// What the items of an entry are: texts, or files that each task gets its own of (lines of a manifest).
enum class ItemKind : std::uint8_t { lines = 0, files = 1 };
/// A task for each item of a list, or for each `batch` of them. The list is a blob of lines, or comes from a file that earlier tasks leave.
struct EachSpec {
  BlobId items;  ///< none while `from` has not ended
  std::uint64_t count = 0;  ///< items in the list
  ItemKind kind = ItemKind::lines;
  std::uint32_t batch = 0;  ///< items of one task; 0: one, given as it is
  std::optional<std::uint32_t> from;  ///< position of the entry whose output `file` is the list
  std::string file;
  bool operator==(const EachSpec&) const = default;
};

/// The file that every completed task of the entry leaves, put together in the order of their indexes.
struct CollectSpec {
  std::string file;
  std::string into;
  bool operator==(const CollectSpec&) const = default;
};

/// One entry of a job: a task, or an array of `array_count` tasks that differ only in their index.
struct TaskSpec {
  std::string name;  ///< letters, digits, `_`, `-`; unique in the job
  std::optional<AgentType> type;  ///< none fits any agent
  std::string driver = "exec";  ///< exec, python, noop, human
  std::vector<std::string> command;  ///< arguments; `run: LINE` becomes sh -c LINE
  std::vector<std::pair<std::string, std::string>> env;  ///< sorted by name
  std::string workdir;  ///< absolute: where it runs
  std::string submit_boot_id;  ///< of the machine the directory was seen on; empty = not checked
  std::uint64_t workdir_inode = 0;
  Resources resources;  ///< defaults: 1 core, nothing else
  bool is_array = false;  ///< an array of one is still `12.main.0`
  std::uint32_t array_first = 0;  ///< value of ordinal 0
  std::uint32_t array_step = 1;
  std::uint32_t array_count = 1;
  std::uint32_t max_parallel = 0;  ///< 0: no limit
  std::vector<MatrixAxis> matrix;  ///< makes an array of the product
  std::optional<EachSpec> each;  ///< makes an array of items; with `from`, array_count is 0 until the entry is prepared
  std::vector<Need> needs;  ///< sorted by group
  std::uint32_t retries = 0;  ///< further attempts after failures
  std::optional<std::uint32_t> reschedules;  ///< further attempts after losses; none: no limit
  Duration timeout{0};  ///< 0: none
  Duration kill_grace = std::chrono::seconds{5};
  DisconnectPolicy on_disconnect = DisconnectPolicy::keep;
  Duration lost_after = std::chrono::minutes{15};
  std::vector<std::pair<std::string, std::string>> labels;  ///< the agent must carry each
  std::vector<Constraint> constraints;  ///< on labels; all must hold
  BlobId inputs;  ///< manifest of the files it starts with; none: no files
  bool own_directory = false;  ///< starts in a directory of its own instead of `workdir`
  bool checkpoint = false;  ///< gets a directory that survives its attempts
  std::vector<std::string> outputs;  ///< files, folders and patterns below STINT_OUTPUTS that must be there at the end
  std::optional<CollectSpec> collect;
  std::string form;  ///< driver human: what the person sees, a JSON object
  std::uint32_t overlap = 1;  ///< driver human: answers of different people for each item
  Duration due{0};  ///< driver human: when answers are wanted, from submission; 0: no date

  bool operator==(const TaskSpec&) const = default;
};

struct JobSpec {
  std::string name;
  std::string queue = "default";
  std::int32_t priority = 0;  ///< higher first
  std::uint32_t max_fails = 0;  ///< 0: no limit; else the job is stopped when this many tasks failed
  JobId retry_of;  ///< its completed tasks count as completed here
  std::vector<TaskSpec> tasks;  ///< `needs` point to earlier positions only: a graph by construction
  bool operator==(const JobSpec&) const = default;
};

/// Meaning of a job, whoever wrote it: names, limits, needs, counts. The detail names the entry and key, the limit and the remedy.
[[nodiscard]] std::optional<std::string> find_problem(const JobSpec& spec);

/// True if the number of the entry's tasks is known only when the entry it takes its items from has ended.
[[nodiscard]] inline bool is_sized_later(const TaskSpec& task) { return task.each && task.each->from.has_value(); }
/// Tasks for so many items: batches of them, `overlap` times.
[[nodiscard]] std::uint64_t tasks_for_items(const TaskSpec& task, std::uint64_t items);
/// Product of the axes; 1 without any.
[[nodiscard]] std::uint64_t matrix_size(const std::vector<MatrixAxis>& matrix);
/// `matrix.lr` = `0.1` …: what the axes are for the task of this index.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> matrix_values(const std::vector<MatrixAxis>& matrix, std::uint32_t index);
/// A relative path of plain parts: no empty part, `.`, `..`, backslash or control character, at most limits::kPathBytes.
[[nodiscard]] bool is_plain_path(std::string_view path);

/// `12.main`, `12.main.3`; with attempt: `12.main.3@2`.
[[nodiscard]] std::string task_id(const JobSpec& spec, const TaskRef& task);
[[nodiscard]] std::string attempt_id(const JobSpec& spec, const AttemptRef& attempt);
/// What `job.task[.index]` names in this job: one task, or nullopt.
[[nodiscard]] std::optional<TaskRef> find_task(JobId job, const JobSpec& spec, std::string_view name_and_index);

}  // namespace stint::core
