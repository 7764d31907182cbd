#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "client/watch_pages.hpp"
#include "client/watch_rows.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kResultWidth = 40;

struct TasksArguments {
  std::string what = "last";
  std::string state;
  std::string after;
  bool only_failed = false;
  std::size_t limit = 100;
  bool has_limit = false;  ///< it was asked for
};

constexpr std::size_t kResultsShown = 1000;  ///< of one list; each may have 64 KiB, so they are asked for apart from it

/// What tasks of the page have left, by their ids: it begins where the page begins, and results come in the order of tasks.
Result<std::map<std::string, std::string>> fetch_results(client::Api& api, std::uint64_t job, const std::string& task,
                                                         const std::string& after, const std::vector<client::TaskView>& page) {
  std::map<std::string, std::string> results;
  const auto count = static_cast<std::size_t>(std::count_if(page.begin(), page.end(), [](const auto& view) { return view.has_result; }));
  if (count == 0) return results;
  STINT_TRY(const auto list,
            api.list("/v1/jobs/" + std::to_string(job) + "/results", {{"task", task}}, std::min(count, kResultsShown), after));
  for (const std::string& item : list.items) {
    STINT_TRY(auto result, client::parse_result_view(item));
    results.emplace(std::move(result.task), client::shorten(result.json, kResultWidth));
  }
  return results;
}

/// Those that the selector names: of a job, of an entry, or the only one.
Result<client::Page> find_tasks(client::Api& api, std::uint64_t job, const client::Selector& selector, const TasksArguments& arguments) {
  if (selector.index) {
    STINT_TRY(std::string task, api.get("/v1/tasks/" + client::encode_segment(std::to_string(job) + "." + selector.task_path())));
    return client::Page{{std::move(task)}, std::nullopt};
  }
  const std::string state = arguments.only_failed ? "failed" : arguments.state;
  return api.list("/v1/jobs/" + std::to_string(job) + "/tasks", {{"state", state}, {"task", selector.task}}, arguments.limit,
                  arguments.after);
}

int tasks(const CommonOptions& options, const TasksArguments& arguments) {
  const auto selector = client::parse_selector(arguments.what);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, Patience::short_);
  const auto job = find_job(connection.api(), *selector);
  if (!job) return report_error(options, job.error());
  const auto page = find_tasks(connection.api(), *job, *selector, arguments);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table({{"TASK"},
                       {"STATE", client::Align::left, client::style_of_state},
                       {"END"},
                       {"TRIES", client::Align::right},
                       {"AGENT"},
                       {"TIME", client::Align::right},
                       {"CLAIMED UNTIL", client::Align::left, nullptr, true},
                       {"REPORT"},
                       {"RESULT", client::Align::left, nullptr, true}});
  std::vector<client::TaskView> views;
  for (const std::string& item : page->items) {
    auto task = client::parse_task_view(item);
    if (!task) return report_error(options, task.error());
    views.push_back(std::move(*task));
  }
  auto results = fetch_results(connection.api(), *job, selector->task_path(), arguments.after, views);
  if (!results) return report_error(options, results.error());
  for (const client::TaskView& task : views)
    table.add({task.id, std::string(to_string(task.outcome.state)), client::show_end(task.outcome), std::to_string(task.attempts),
               task.agent.empty() ? "-" : task.agent, client::show_running_time(task, wall_now()),
               task.lease_until.empty() ? "" : client::show_time(task.lease_until), client::shorten(client::show_report(task), 60),
               (*results)[task.id]});
  if (table.is_empty()) notice("no such tasks in job " + std::to_string(*job));
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render(paint_of(STDOUT_FILENO)));
  if (page->next) notice_more(*page->next, arguments.has_limit);
  return client::kExitOk;
}

int explain(const CommonOptions& options, const std::string& what) {
  const auto selector = client::parse_selector(what);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, Patience::short_);
  const auto job = find_job(connection.api(), *selector);
  if (!job) return report_error(options, job.error());
  std::string path = "/v1/jobs/" + std::to_string(*job);
  if (!selector->task.empty()) path = "/v1/tasks/" + client::encode_segment(std::to_string(*job) + "." + selector->task_path());
  const auto json = connection.api().get(path + "/explain");
  if (!json) return report_error(options, json.error());
  if (options.json) {
    print_line(*json);
    return client::kExitOk;
  }
  const auto explanation = client::parse_explanation(*json);
  if (!explanation) return report_error(options, explanation.error());
  for (const std::string& text : client::explanation_lines(*explanation)) print_line(client::printable(text));
  return client::kExitOk;
}

}  // namespace

void add_task_commands(CLI::App& app, CommandLine& line) {
  CLI::App* list = add_command(app, line, "tasks", "List the tasks of a job",
                               "  stint tasks 12 --failed\n  stint tasks 12.train --state running\n  stint tasks last --json");
  auto tasks_arguments = std::make_shared<TasksArguments>();
  list->add_option("job", tasks_arguments->what, "12, 12.train, 12.train.3 or last")->capture_default_str();
  CLI::Option* state = list->add_option("--state", tasks_arguments->state, "Only these")
                           ->check(CLI::IsMember({"pending", "running", "completed", "failed", "cancelled"}));
  list->add_flag("--failed", tasks_arguments->only_failed, "The same as --state failed")->excludes(state);
  CLI::Option* limit =
      list->add_option("--limit", tasks_arguments->limit, "Most tasks shown")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  list->add_option("--after", tasks_arguments->after, "\"next\" of the page before");
  list->callback([&line, tasks_arguments, limit] {
    tasks_arguments->has_limit = limit->count() > 0;
    line.action = [&line, tasks_arguments] { return tasks(line.common, *tasks_arguments); };
  });

  add_logs_command(app, line);

  CLI::App* why = add_command(app, line, "explain", "Why a task is not running, agent by agent",
                              "  stint explain last\n  stint explain 12.train.3 --json");
  auto what = std::make_shared<std::string>("last");
  why->add_option("what", *what, "12, 12.train.3 or last")->capture_default_str();
  why->callback([&line, what] { line.action = [&line, what] { return explain(line.common, *what); }; });
}

}  // namespace stint::cli
