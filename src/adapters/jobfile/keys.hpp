#pragma once

#include <span>
#include <string_view>
#include <vector>

/// Every key of the language, by the mapping it stands in. schema/job.schema.json holds the same words (schema_test.cpp).
namespace stint::adapters::keys {

/// Of the whole job: at the top of the file only.
inline constexpr std::string_view kJob[] = {"name", "queue", "priority", "max_fails", "parameters", "tasks"};
/// At the top of the file, from where every task takes them over, and in a task.
inline constexpr std::string_view kShared[] = {"env", "labels", "workdir"};
/// Of one task: at the top of a file without `tasks`, else in each of them.
inline constexpr std::string_view kTask[] = {
    "run",     "command",   "type",        "driver",       "resources",     "array",       "matrix",  "each",       "needs",
    "inputs",  "outputs",   "collect",     "max_parallel", "retries",       "reschedules", "timeout", "kill_grace", "lost_after",
    "network", "isolation", "constraints", "checkpoint",   "on_disconnect", "form",        "overlap", "due"};

inline constexpr std::string_view kResources[] = {"cpu", "memory", "gpu", "storage"};
inline constexpr std::string_view kEach[] = {"glob", "file", "from", "batch"};
inline constexpr std::string_view kFromJob[] = {"from_job", "task", "path"};
inline constexpr std::string_view kNeed[] = {"task", "on"};
inline constexpr std::string_view kCollect[] = {"file", "into"};
inline constexpr std::string_view kPolicy[] = {"stop_after"};

/// Keys of the language's later versions: they deserve a better answer than "unknown key".
inline constexpr std::string_view kLater[] = {"image", "gold", "hold", "publish", "checkpoints", "verify", "gang"};

using Words = std::vector<std::string_view>;
[[nodiscard]] inline Words words(std::span<const std::string_view> table) { return {table.begin(), table.end()}; }
[[nodiscard]] inline Words words(std::span<const std::string_view> a, std::span<const std::string_view> b) {
  Words all = words(a);
  all.insert(all.end(), b.begin(), b.end());
  return all;
}
[[nodiscard]] inline Words words(std::span<const std::string_view> a, std::span<const std::string_view> b,
                                 std::span<const std::string_view> c) {
  return words(words(a, b), c);
}

}  // namespace stint::adapters::keys
