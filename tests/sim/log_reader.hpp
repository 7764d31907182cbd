#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/ids.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

/// Somebody who follows the output of one task, as `stint run` does: reads every line until the one that says that the task has ended.
class LogReader {
 public:
  LogReader(TaskRef task, Findings& findings) : task_(task), findings_(findings) {}

  /// Whole lines of GET /v1/tasks/ID/logs.
  void read(std::string_view text);
  [[nodiscard]] bool is_at_end() const { return is_at_end_; }
  [[nodiscard]] const TaskRef& task() const { return task_; }
  /// Bytes of stdout and stderr that it has seen of this attempt.
  [[nodiscard]] std::array<std::uint64_t, 2> seen(std::uint32_t attempt) const;

 private:
  void read_line(std::string_view line);

  TaskRef task_;
  Findings& findings_;
  std::map<std::uint32_t, std::array<std::uint64_t, 2>> seen_;
  bool is_at_end_ = false;
};

}  // namespace stint::sim
