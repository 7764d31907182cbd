#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <optional>
#include <vector>

#include "scheduler/cell.hpp"

/// Tasks as people are shown them: what memory knows of a task now, and what only the store knows of one that has ended. The store is asked
/// a fixed number of times for each run of tasks of one entry, however many they are.
namespace stint::scheduler::api {

/// A task's view now, and what only memory knows of it: what it has said last and is perhaps not stored yet.
struct Shown {
  core::TaskView view;
  std::optional<ReportBook::Latest> report;
};
[[nodiscard]] Shown shown(const Cell& cell, core::TaskView view);

/// `tasks` are of one job, in order, and at least one. Runs when they are durable. `status`: all of them have it.
[[nodiscard]] Result<boost::json::array> task_page_json(Cell& cell, const core::JobSpec& spec, const std::vector<Shown>& tasks,
                                                        std::optional<TaskStatus> status = {});

}  // namespace stint::scheduler::api
