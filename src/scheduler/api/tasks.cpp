#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/streams.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

/// What one task needs to be shown: its view now, and what only memory knows of it.
struct Shown {
  core::TaskView view;
  ReportBook::Latest report;
  bool has_report = false;
};

Shown shown(const Cell& cell, core::TaskView view) {
  Shown result{std::move(view), {}, false};
  if (!result.view.live.empty())
    if (const auto* latest = cell.reports.find(result.view.live.back().ref)) {
      result.report = *latest;
      result.has_report = true;
    }
  return result;
}

json::object to_json(const Cell& cell, const core::JobSpec& spec, const Shown& task, const core::AttemptRow* result) {
  const auto* row = result != nullptr ? result : task.view.live.empty() ? nullptr : &task.view.live.back();
  TaskFacts facts;
  facts.row = row;
  if (row != nullptr) facts.agent = agent_name(cell.core, row->agent);
  if (task.has_report) facts.report = &task.report;
  return task_json(task.view, spec, facts);
}

/// Fills in how tasks ended that no attempt of theirs ended: cancelled while pending, or a task they need failed.
class Marks {
 public:
  Marks(ports::StoreReader& reader, JobId job) : reader_(reader), job_(job) {}

  void add_to(json::object& task, const TaskRef& ref) {
    if (!marks_) marks_ = reader_.marks(job_).value_or(std::vector<core::TaskMarkRow>{});
    const auto after =
        std::upper_bound(marks_->begin(), marks_->end(), std::pair{ref.group, ref.index},
                         [](const auto& at, const core::TaskMarkRow& mark) { return at < std::pair{mark.group, mark.first}; });
    if (after == marks_->begin()) return;
    const auto& mark = *std::prev(after);
    if (mark.group != ref.group || mark.last < ref.index) return;
    task["reason"] = reason_json(mark.reason);
    task["ended_at"] = time_json(mark.at);
  }

 private:
  ports::StoreReader& reader_;
  JobId job_;
  std::optional<std::vector<core::TaskMarkRow>> marks_;  ///< in order of (group, first); read when first asked for
};

struct Position {
  std::uint32_t group = 0;
  std::uint32_t index = 0;
};

/// The cursor of a page of tasks: GROUP.INDEX of the first task of the next one.
Result<Position> read_cursor(const ports::HttpRequest& request) {
  const auto text = find_query(request, "after");
  if (!text || text->empty()) return Position{};
  constexpr auto kMax = std::numeric_limits<std::uint32_t>::max();
  const auto dot = std::min(text->find('.'), text->size());
  const auto group = parse_number(std::string_view(*text).substr(0, dot));
  const auto index = parse_number(std::string_view(*text).substr(std::min(dot + 1, text->size())));
  if (!group || !index || *group > kMax || *index > kMax)
    return fail(Errc::invalid_argument, "query `after`: \"" + *text + "\" is not a `next` of this list");
  return Position{static_cast<std::uint32_t>(*group), static_cast<std::uint32_t>(*index)};
}

struct TaskFilter {
  std::optional<std::uint32_t> group;
  std::optional<TaskStatus> state;
};

Result<TaskFilter> read_filter(const core::JobSpec& spec, const ports::HttpRequest& request) {
  TaskFilter filter;
  if (const auto word = find_query(request, "state"); word && !word->empty()) {
    filter.state = parse_task_status(*word);
    if (!filter.state)
      return fail(Errc::invalid_argument, "query `state`: \"" + *word + "\" is none of pending, running, completed, failed, cancelled");
  }
  if (const auto name = find_query(request, "task"); name && !name->empty()) {
    for (std::uint32_t group = 0; group < spec.tasks.size(); ++group)
      if (spec.tasks[group].name == *name) filter.group = group;
    if (!filter.group) return fail(Errc::not_found, "query `task`: the job has no task \"" + *name + "\"");
  }
  return filter;
}

struct Page {
  JobId job;
  std::vector<Shown> tasks;
  std::optional<Position> next;
};

std::uint64_t count_of(const core::TaskCounts& counts, TaskStatus state) {
  switch (state) {
    case TaskStatus::pending: return counts.pending;
    case TaskStatus::running: return counts.running;
    case TaskStatus::completed: return counts.completed;
    case TaskStatus::failed: return counts.failed;
    case TaskStatus::cancelled: return counts.cancelled;
  }
  return 0;
}

Page collect(const Cell& cell, JobId job, const core::JobSpec& spec, const TaskFilter& filter, Position at, std::size_t limit) {
  Page page;
  page.job = job;
  const auto groups = cell.core.find_job(job)->groups;
  for (; at.group < spec.tasks.size(); ++at.group, at.index = 0) {
    if (filter.group && *filter.group != at.group) continue;
    if (filter.state && count_of(groups[at.group].counts, *filter.state) == 0) continue;
    // One more than the page takes: the first of the next page.
    for (auto& view : cell.core.find_tasks({job, at.group, at.index}, filter.state, limit - page.tasks.size() + 1)) {
      if (page.tasks.size() == limit) {
        page.next = Position{at.group, view.ref.index};
        return page;
      }
      page.tasks.push_back(shown(cell, std::move(view)));
    }
  }
  return page;
}

/// The attempts that ended the tasks of a page, in the order of its tasks: read when the page is told, hence durable.
Result<std::vector<core::AttemptRow>> read_results(Cell& cell, const std::vector<Shown>& tasks) {
  std::vector<core::AttemptRow> rows;
  for (std::size_t i = 0; i < tasks.size();) {  // one query per run of tasks of one group
    std::size_t last = i;
    while (last + 1 < tasks.size() && tasks[last + 1].view.ref.group == tasks[i].view.ref.group) ++last;
    ports::StoreReader::AttemptQuery query;
    query.job = tasks[i].view.ref.job;
    query.group = tasks[i].view.ref.group;
    query.results_only = true;
    query.from = {tasks[i].view.ref, 0};
    while (query.from.task <= tasks[last].view.ref) {
      STINT_TRY(const auto found, cell.reader.attempts(query));
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

/// Memory forgets how many attempts an ended task had; the store does not. 0: it has had none.
Result<std::uint32_t> newest_attempt(Cell& cell, const TaskRef& task) {
  ports::StoreReader::AttemptQuery query;
  query.job = task.job;
  query.group = task.group;
  query.from = {task, 1};
  query.limit = 16;  // the rows behind a task's own are its neighbours': few are read for nothing
  std::uint32_t newest = 0;
  for (;;) {
    STINT_TRY(const auto rows, cell.reader.attempts(query));
    for (const auto& row : rows) {
      if (row.ref.task != task) return newest;
      newest = row.ref.attempt;
    }
    if (rows.size() < query.limit) return newest;
    query.from.attempt = newest + 1;
  }
}

ports::HttpResponse respond(const json::object& body) {
  ports::HttpResponse response;
  response.body = json::serialize(body) + "\n";
  return response;
}

/// Between the request and its answer.
ports::HttpResponse removed_meanwhile(JobId job) {
  return to_response(to_problem({Errc::not_found, "job " + std::to_string(job.value) + ": retention has just removed it"}));
}

}  // namespace

Answer list_tasks(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  const auto& asked = *cell.core.find_spec(*job);
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto cursor = read_cursor(call.request);
  if (!cursor) return refuse(cursor.error());
  const auto filter = read_filter(asked, call.request);
  if (!filter) return refuse(filter.error());
  auto page = std::make_shared<Page>(collect(cell, *job, asked, *filter, *cursor, *limit));
  return [&cell, page] {
    const auto* spec = cell.core.find_spec(page->job);
    if (spec == nullptr) return removed_meanwhile(page->job);
    const auto results = read_results(cell, page->tasks);
    if (!results) return to_response(to_problem(results.error()));
    json::array items;
    Marks marks(cell.reader, page->job);
    auto row = results->begin();
    for (const auto& task : page->tasks) {
      while (row != results->end() && row->ref.task < task.view.ref) ++row;
      const bool found = has_ended(task.view.status) && row != results->end() && row->ref.task == task.view.ref;
      auto item = to_json(cell, *spec, task, found ? &*row : nullptr);
      if (has_ended(task.view.status) && !found) marks.add_to(item, task.view.ref);
      items.push_back(std::move(item));
    }
    const auto next =
        page->next ? json::value(std::to_string(page->next->group) + "." + std::to_string(page->next->index)) : json::value(nullptr);
    return respond({{"items", std::move(items)}, {"next", next}});
  };
}

Answer show_task(const Call& call) {
  auto& cell = call.cell;
  const auto ref = find_task_ref(cell, call.values[0]);
  if (!ref) return refuse(ref.error());
  auto task = std::make_shared<Shown>(shown(cell, *cell.core.find_task(*ref)));
  return [&cell, task, ref = *ref] {
    const auto* spec = cell.core.find_spec(ref.job);
    if (spec == nullptr) return removed_meanwhile(ref.job);
    ports::StoreReader::AttemptQuery query;
    query.job = ref.job;
    query.group = ref.group;
    query.from = {ref, 0};
    query.limit = limits::kReplyItemsMax;
    const auto rows = cell.reader.attempts(query);
    if (!rows) return to_response(to_problem(rows.error()));
    json::array attempts;
    const core::AttemptRow* result = nullptr;
    for (const auto& row : *rows) {
      if (row.ref.task != ref) break;
      attempts.push_back(attempt_json(row, *spec, agent_name(cell.core, row.agent)));
      if (row.is_result) result = &row;
    }
    if (result != nullptr && !task->has_report)
      if (const auto reports = cell.reader.reports(result->ref, 0, limits::kReplyItemsMax); reports && !reports->empty()) {
        const auto& last = reports->back();
        task->has_report = true;
        task->report.progress = last.progress;
        boost::system::error_code ignored;
        if (const auto metrics = json::parse(last.metrics, ignored); metrics.is_object())
          for (const auto& item : metrics.as_object())
            if (item.value().is_number()) task->report.metrics.emplace_back(item.key(), item.value().to_number<double>());
      }
    auto body = to_json(cell, *spec, *task, has_ended(task->view.status) ? result : nullptr);
    if (has_ended(task->view.status) && result == nullptr) Marks(cell.reader, ref.job).add_to(body, ref);
    body["attempts_list"] = std::move(attempts);
    return respond(body);
  };
}

Answer explain_task(const Call& call) {
  auto& cell = call.cell;
  const auto ref = find_task_ref(cell, call.values[0]);
  if (!ref) return refuse(ref.error());
  const auto explanation = cell.core.explain(*ref, call.now);
  if (!explanation) return refuse(explanation.error());
  json::object body{{"task", core::task_id(*cell.core.find_spec(ref->job), *ref)}, {"job", ref->job.value}};
  for (auto& item : explanation_json(*explanation, cell.core.find_task(*ref)->status)) body[item.key()] = item.value();
  return say(200, json::serialize(body));
}

Answer read_logs(const Call& call) {
  call.streams.follow_logs(call.request, call.principal, call.values[0]);
  return {};
}

Answer list_reports(const Call& call) {
  auto& cell = call.cell;
  const auto ref = find_task_ref(cell, call.values[0]);
  if (!ref) return refuse(ref.error());
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto after = read_count(call.request, "after", 0);
  if (!after) return refuse(after.error());
  const auto attempt = read_count(call.request, "attempt", 0);
  if (!attempt) return refuse(attempt.error());
  return [&cell, ref = AttemptRef{*ref, *attempt}, after = *after, limit = *limit]() mutable {
    if (ref.attempt == 0) {
      const auto newest = newest_attempt(cell, ref.task);
      if (!newest) return to_response(to_problem(newest.error()));
      ref.attempt = *newest;
    }
    const auto rows = cell.reader.reports(ref, after, limit);
    if (!rows) return to_response(to_problem(rows.error()));
    json::array items;
    for (const auto& row : *rows) items.push_back(report_json(row));
    const auto next = rows->size() == limit ? json::value(rows->back().seq) : json::value(nullptr);
    return respond({{"items", std::move(items)}, {"next", next}});
  };
}

}  // namespace stint::scheduler::api
