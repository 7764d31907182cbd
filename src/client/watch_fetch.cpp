#include "client/watch_fetch.hpp"

#include <algorithm>
#include <array>

#include "client/watch_pages.hpp"

namespace stint::client {
namespace {

constexpr std::size_t kJobsMax = 100;
constexpr std::size_t kAgentsMax = 200;
constexpr std::size_t kTasksMax = 300;
constexpr std::size_t kEntriesMax = 3;      // of a job that a filter may find
constexpr std::size_t kReportsMax = 1000;   // of one page
constexpr int kReportPagesMax = 2;          // a long run's curve fills over a few refreshes
constexpr std::size_t kLogBytes = 32 << 10;
constexpr std::size_t kLogLinesMax = 1000;

std::string job_path(std::uint64_t job) { return "/v1/jobs/" + std::to_string(job); }
std::string task_path(const std::string& task) { return "/v1/tasks/" + encode_segment(task); }

std::uint64_t count_of(const TaskCounts& tasks, TaskStatus state) {
  switch (state) {
    case TaskStatus::pending: return tasks.pending;
    case TaskStatus::running: return tasks.running;
    case TaskStatus::completed: return tasks.completed;
    case TaskStatus::failed: return tasks.failed;
    case TaskStatus::cancelled: return tasks.cancelled;
  }
  return 0;
}

template <class View, class Parse>
Result<std::vector<View>> read_items(const Page& page, Parse parse) {
  std::vector<View> views;
  for (const std::string& item : page.items) {
    STINT_TRY(View view, parse(item));
    views.push_back(std::move(view));
  }
  return views;
}

/// Lines as a terminal would have left them: of a line drawn over with CR only the last drawing.
std::vector<std::string> lines_of(const std::string& bytes) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    std::string line = bytes.substr(begin, end - begin);
    while (line.ends_with('\r')) line.pop_back();
    if (const std::size_t drawn = line.rfind('\r'); drawn != std::string::npos) line.erase(0, drawn + 1);
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  if (lines.size() > kLogLinesMax) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLogLinesMax));
  return lines;
}

const JobView* find_job(const WatchData& data, std::uint64_t id) {
  const auto found = std::find_if(data.jobs.begin(), data.jobs.end(), [&](const JobView& job) { return job.id == id; });
  return found == data.jobs.end() ? nullptr : &*found;
}

}  // namespace

Status WatchFetch::refresh(const WatchState& state, const PaneRows& rows, Instant now, UnixMillis wall_now) {
  data_.wall_now = wall_now;
  STINT_TRY_VOID(fetch_jobs(state, now));
  STINT_TRY_VOID(fetch_agents());
  const bool is_list = state.page() == WatchPage::overview;
  if (is_list && state.job() != 0)
    STINT_TRY_VOID(fetch_tasks(state, std::min(kTasksMax, state.task_position() + std::max<std::size_t>(rows.tasks, 1))));
  if (!is_list && !state.task().empty()) STINT_TRY_VOID(fetch_chosen_task(state));
  if (state.page() == WatchPage::explain) STINT_TRY_VOID(fetch_explanation(state));
  if (state.page() == WatchPage::logs || state.page() == WatchPage::task) STINT_TRY_VOID(fetch_log(state.task()));
  return fetch_curves(state);
}

Status WatchFetch::fetch_jobs(const WatchState& state, Instant now) {
  if (const auto job = state.only_job()) {
    STINT_TRY(JobView view, api_.get_job(*job));
    data_.jobs = {std::move(view)};
  } else {
    STINT_TRY(const Page page, api_.list("/v1/jobs", {}, kJobsMax));
    STINT_TRY(data_.jobs, read_items<JobView>(page, parse_job_view));
    data_.has_more_jobs = page.next.has_value();
  }
  std::map<std::uint64_t, RateMeter> meters;
  for (const JobView& job : data_.jobs) {
    RateMeter& meter = meters[job.id] = std::move(data_.meters[job.id]);
    if (!has_ended(job.state)) meter.add(job.tasks.ended(), now, job.tasks.running);
  }
  data_.meters = std::move(meters);
  return {};
}

Status WatchFetch::fetch_agents() {
  STINT_TRY(const Page page, api_.list("/v1/agents", {}, kAgentsMax));
  STINT_TRY(data_.agents, read_items<AgentView>(page, parse_agent_view));
  std::erase_if(data_.agents, [](const AgentView& agent) { return agent.is_person && agent.running == 0; });
  data_.has_more_agents = page.next.has_value();
  std::erase_if(data_.agents, [](const AgentView& agent) { return agent.state == "revoked"; });
  return {};
}

/// One page, also when it is short: what lies behind it is not asked for.
Status WatchFetch::add_tasks(const Query& query, std::size_t limit) {
  Query page_query = query;
  page_query.emplace_back("limit", std::to_string(limit));
  STINT_TRY(const std::string body, api_.get(make_target(job_path(data_.tasks_of) + "/tasks", page_query)));
  STINT_TRY(const Page page, parse_page(body));
  STINT_TRY(auto tasks, read_items<TaskView>(page, parse_task_view));
  std::move(tasks.begin(), tasks.end(), std::back_inserter(data_.tasks));
  return {};
}

Status WatchFetch::find_by_index(const JobView& job, const std::string& name, const std::string& index) {
  std::size_t asked = 0;
  for (const GroupView& group : job.groups) {
    if (!group.is_array || group.name.find(name) == std::string::npos || asked++ == kEntriesMax) continue;
    const auto body = api_.get(task_path(std::to_string(job.id) + "." + group.name + "." + index));
    if (!body && body.error().code == Errc::not_found) continue;
    if (!body) return tl::unexpected<Error>(body.error());
    STINT_TRY(TaskView task, parse_task_view(*body));
    data_.tasks.push_back(std::move(task));
  }
  return {};
}

Status WatchFetch::fetch_tasks(const WatchState& state, std::size_t wanted) {
  const JobView* job = find_job(data_, state.job());
  if (job == nullptr) return {};
  data_.tasks.clear();
  data_.tasks_of = job->id;
  const std::string& filter = state.filter(Pane::tasks);
  const std::size_t digits = filter.size() - (filter.find_last_not_of("0123456789") + 1);
  if (digits > 0) {
    std::string name = filter.substr(0, filter.size() - digits);
    if (name.ends_with('.')) name.pop_back();
    return find_by_index(*job, name, filter.substr(filter.size() - digits));
  }
  std::vector<std::string> entries;
  for (const GroupView& group : job->groups)
    if (!filter.empty() && group.name.find(filter) != std::string::npos && entries.size() < kEntriesMax) entries.push_back(group.name);
  if (filter.empty()) entries.emplace_back();
  for (const TaskStatus status :
       {TaskStatus::failed, TaskStatus::running, TaskStatus::pending, TaskStatus::completed, TaskStatus::cancelled}) {
    if ((state.only_failed() && status != TaskStatus::failed) || count_of(job->tasks, status) == 0) continue;
    for (const std::string& entry : entries)
      if (data_.tasks.size() < wanted)
        STINT_TRY_VOID(add_tasks({{"state", std::string(to_string(status))}, {"task", entry}}, wanted - data_.tasks.size()));
  }
  return {};
}

Status WatchFetch::fetch_chosen_task(const WatchState& state) {
  STINT_TRY(const std::string body, api_.get(task_path(state.task())));
  STINT_TRY(data_.task, parse_task_view(body));
  return {};
}

/// Reports are at most one a second: what is new since the last refresh is a few lines.
Status WatchFetch::fetch_curves(const WatchState& state) {
  if (curves_of_ != state.task()) {
    data_.curves.clear();
    curves_of_ = state.task();
    reports_read_ = curves_attempt_ = 0;
  }
  const auto listed = std::find_if(data_.tasks.begin(), data_.tasks.end(), [&](const TaskView& task) { return task.id == curves_of_; });
  const TaskView* task = listed != data_.tasks.end() ? &*listed : data_.task && data_.task->id == curves_of_ ? &*data_.task : nullptr;
  const bool is_silent = task == nullptr || task->outcome.state == TaskStatus::pending;
  if (curves_of_.empty() || is_silent) return {};
  for (int page_number = 0; page_number < kReportPagesMax; ++page_number) {
    STINT_TRY(const std::string body,
              api_.get(make_target(task_path(curves_of_) + "/reports", {{"after", reports_read_ > 0 ? std::to_string(reports_read_) : ""},
                                                                        {"limit", std::to_string(kReportsMax)}})));
    STINT_TRY(const Page page, parse_page(body));
    for (const std::string& item : page.items) {
      STINT_TRY(const ReportView report, parse_report_view(item));
      if (report.attempt != curves_attempt_) data_.curves.clear();  // a new attempt begins anew
      curves_attempt_ = report.attempt;
      reports_read_ = report.seq;
      for (const auto& [name, value] : report.metrics) {
        auto found = std::find_if(data_.curves.begin(), data_.curves.end(), [&](const auto& curve) { return curve.first == name; });
        if (found == data_.curves.end()) found = data_.curves.insert(data_.curves.end(), {name, Series()});
        found->second.add(value);
      }
    }
    if (!page.next) break;
  }
  return {};
}

Status WatchFetch::fetch_log(const std::string& task) {
  std::string bytes;
  Api::LogOptions options;
  options.tail_bytes = kLogBytes;
  STINT_TRY_VOID(api_.read_logs(
      task, options,
      [&](const LogEntry& entry, std::string_view) {
        if (entry.line) bytes += entry.line->bytes;
        return true;
      },
      [] { return true; }));
  data_.log = lines_of(bytes);
  return {};
}

Status WatchFetch::fetch_explanation(const WatchState& state) {
  const bool is_task = state.pane() == Pane::tasks && !state.task().empty();
  const std::string path = is_task ? task_path(state.task()) : job_path(state.job());
  STINT_TRY(const std::string body, api_.get(path + "/explain"));
  STINT_TRY(const Explanation explanation, parse_explanation(body));
  data_.explanation = explanation_lines(explanation);
  return {};
}

}  // namespace stint::client
