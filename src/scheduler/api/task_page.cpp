#include "scheduler/api/task_page.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

/// The attempts that ended the tasks of a page, in the order of its tasks.
Result<std::vector<core::AttemptRow>> read_ends(ports::StoreReader& reader, const std::vector<Shown>& tasks,
                                                const std::optional<TaskStatus>& status) {
  std::vector<core::AttemptRow> rows;
  for (std::size_t i = 0; i < tasks.size();) {  // one query per run of tasks of one group
    std::size_t last = i;
    while (last + 1 < tasks.size() && tasks[last + 1].view.ref.group == tasks[i].view.ref.group) ++last;
    ports::StoreReader::AttemptQuery query;
    query.job = tasks[i].view.ref.job;
    query.group = tasks[i].view.ref.group;
    query.status = status;
    query.results_only = true;
    query.from = {tasks[i].view.ref, 0};
    while (query.from.task <= tasks[last].view.ref) {
      STINT_TRY(const auto found, reader.attempts(query));
      for (const auto& row : found)
        if (row.ref.task <= tasks[last].view.ref) rows.push_back(row);
      if (found.size() < query.limit) break;
      query.from = found.back().ref;
      ++query.from.attempt;
    }
    i = last + 1;
  }
  return rows;
}

/// How tasks ended that no attempt of theirs ended: cancelled while pending, a task they need failed, reused.
class Marks {
 public:
  explicit Marks(std::vector<core::TaskMarkRow> marks) : marks_(std::move(marks)) {}

  [[nodiscard]] const core::TaskMarkRow* find(const TaskRef& ref) const {
    const auto after =
        std::upper_bound(marks_.begin(), marks_.end(), std::pair{ref.group, ref.index},
                         [](const auto& at, const core::TaskMarkRow& mark) { return at < std::pair{mark.group, mark.first}; });
    if (after == marks_.begin()) return nullptr;
    const auto& mark = *std::prev(after);
    return mark.group == ref.group && mark.last >= ref.index ? &mark : nullptr;
  }

 private:
  std::vector<core::TaskMarkRow> marks_;  ///< in order of (group, first)
};

/// What the store adds to one task.
struct Found {
  const core::AttemptRow* row = nullptr;      ///< it ended the task, or is its newest live one
  const core::TaskMarkRow* mark = nullptr;
};

class Page {
 public:
  Page(Cell& cell, const core::JobSpec& spec, const std::vector<Shown>& tasks) : cell_(cell), spec_(spec), tasks_(tasks) {}

  Status read(const std::optional<TaskStatus>& status) {
    STINT_TRY(ends_, read_ends(cell_.reader, tasks_, status));
    STINT_TRY_VOID(find_rows());
    STINT_TRY_VOID(read_reports());
    return find_reused_results();
  }

  [[nodiscard]] json::array to_json() const {
    json::array items;
    for (std::size_t i = 0; i < tasks_.size(); ++i) items.push_back(item(tasks_[i], found_[i]));
    return items;
  }

 private:
  Status find_rows() {
    auto end = ends_.begin();
    for (const Shown& task : tasks_) {
      while (end != ends_.end() && end->ref.task < task.view.ref) ++end;
      Found found;
      if (!has_ended(task.view.status)) {
        if (!task.view.live.empty()) found.row = &task.view.live.back();
      } else if (end != ends_.end() && end->ref.task == task.view.ref) {
        found.row = &*end;
      } else {
        STINT_TRY_VOID(read_marks());
        found.mark = marks_->find(task.view.ref);
      }
      found_.push_back(found);
    }
    return {};
  }

  /// Once, and only if a task needs them.
  Status read_marks() {
    if (marks_) return {};
    STINT_TRY(auto rows, cell_.reader.marks(tasks_.front().view.ref.job));
    marks_.emplace(std::move(rows));
    return {};
  }

  /// Of tasks that have ended, and of those that run since before a restart.
  Status read_reports() {
    std::vector<AttemptRef> refs;
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      if (!tasks_[i].report && found_[i].row != nullptr) refs.push_back(found_[i].row->ref);
    STINT_TRY(const auto rows, cell_.reader.last_reports(refs));
    for (const auto& row : rows) reports_.emplace(row.ref.task, ReportBook::read(row));
    return {};
  }

  /// Attempts say whether they left a result; what was reused has none here.
  Status find_reused_results() {
    std::vector<TaskRef> reused;
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      if (found_[i].mark != nullptr && found_[i].mark->reason == EndReason::reused) reused.push_back(tasks_[i].view.ref);
    STINT_TRY(const auto with_result, cell_.reader.find_with_result(reused));
    reused_with_result_.insert(with_result.begin(), with_result.end());
    return {};
  }

  [[nodiscard]] json::object item(const Shown& task, const Found& found) const {
    TaskFacts facts;
    facts.row = found.row;
    if (found.row != nullptr) facts.agent = agent_name(cell_.core, found.row->agent);
    const auto stored = reports_.find(task.view.ref);
    if (task.report) facts.report = &*task.report;
    if (!task.report && stored != reports_.end()) facts.report = &stored->second;
    facts.has_result = found.row != nullptr ? found.row->is_result && found.row->has_result : reused_with_result_.contains(task.view.ref);
    auto object = task_json(task.view, spec_, facts);
    if (found.mark != nullptr) {
      object["reason"] = reason_json(found.mark->reason);
      object["ended_at"] = time_json(found.mark->at);
    }
    return object;
  }

  Cell& cell_;
  const core::JobSpec& spec_;
  const std::vector<Shown>& tasks_;
  std::vector<core::AttemptRow> ends_;
  std::vector<Found> found_;  ///< of each task, into `ends_`, `marks_` and the tasks' views
  std::optional<Marks> marks_;
  std::map<TaskRef, ReportBook::Latest> reports_;
  std::set<TaskRef> reused_with_result_;
};

}  // namespace

Shown shown(const Cell& cell, core::TaskView view) {
  Shown result{std::move(view), {}};
  if (result.view.live.empty()) return result;
  if (const auto* latest = cell.reports.find(result.view.live.back().ref)) result.report = *latest;
  return result;
}

Result<json::array> task_page_json(Cell& cell, const core::JobSpec& spec, const std::vector<Shown>& tasks,
                                   std::optional<TaskStatus> status) {
  if (tasks.empty()) return json::array{};
  Page page(cell, spec, tasks);
  STINT_TRY_VOID(page.read(status));
  return page.to_json();
}

}  // namespace stint::scheduler::api
