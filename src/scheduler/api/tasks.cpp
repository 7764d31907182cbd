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
#include "scheduler/api/task_page.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

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
    if (!filter.group) return fail(Errc::not_found, "the job has no task \"" + *name + "\"");
  }
  return filter;
}

struct Page {
  JobId job;
  std::optional<TaskStatus> status;  ///< all have it
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
  page.status = filter.state;
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

Result<json::array> attempts_json(Cell& cell, const core::JobSpec& spec, const TaskRef& task) {
  ports::StoreReader::AttemptQuery query;
  query.job = task.job;
  query.group = task.group;
  query.from = {task, 0};
  query.limit = limits::kReplyItemsMax;
  STINT_TRY(const auto rows, cell.reader.attempts(query));
  json::array attempts;
  for (const auto& row : rows) {
    if (row.ref.task != task) break;
    attempts.push_back(attempt_json(row, spec, agent_name(cell.core, row.agent)));
  }
  return attempts;
}

/// null: it has left none.
Result<json::value> result_of(Cell& cell, const TaskRef& task) {
  STINT_TRY(const auto rows, cell.reader.results(task.job, task.group, task.index, 1));
  if (rows.empty() || rows.front().task != task) return json::value(nullptr);
  return result_json(rows.front().json);
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
    auto items = task_page_json(cell, *spec, page->tasks, page->status);
    if (!items) return to_response(to_problem(items.error()));
    const auto next =
        page->next ? json::value(std::to_string(page->next->group) + "." + std::to_string(page->next->index)) : json::value(nullptr);
    return respond({{"items", std::move(*items)}, {"next", next}});
  };
}

Answer show_task(const Call& call) {
  auto& cell = call.cell;
  const auto ref = find_task_ref(cell, call.values[0]);
  if (!ref) return refuse(ref.error());
  auto task = std::make_shared<std::vector<Shown>>();
  task->push_back(shown(cell, *cell.core.find_task(*ref)));
  return [&cell, task, ref = *ref] {
    const auto* spec = cell.core.find_spec(ref.job);
    if (spec == nullptr) return removed_meanwhile(ref.job);
    auto page = task_page_json(cell, *spec, *task);
    if (!page) return to_response(to_problem(page.error()));
    auto attempts = attempts_json(cell, *spec, ref);
    if (!attempts) return to_response(to_problem(attempts.error()));
    auto result = result_of(cell, ref);
    if (!result) return to_response(to_problem(result.error()));
    auto& body = page->front().as_object();
    body["attempts_list"] = std::move(*attempts);
    body["result"] = std::move(*result);
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
