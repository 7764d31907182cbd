#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "base/utc.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

UnixMillis wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return unix_millis(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

struct TasksArguments {
  std::string what = "last";
  std::string state;
  std::string after;
  bool only_failed = false;
  std::size_t limit = 100;
};

/// `63 %`, `loss 0.21`, `epoch 3`: what the task said of itself last.
std::string report_text(const client::TaskView& task) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  const bool has_progress = task.progress && *task.progress > 0 && !has_ended(task.outcome.state);
  if (has_progress) add(std::to_string(static_cast<int>(*task.progress * 100)) + " %");
  for (const auto& [name, value] : task.metrics) {
    char number[32];
    std::snprintf(number, sizeof number, "%.4g", value);
    add(name + " " + number);
  }
  if (!task.message.empty()) add(task.message);
  return text;
}

std::string duration_text(const client::TaskView& task, UnixMillis now) {
  const auto started = parse_utc(task.started_at);
  if (!started) return "-";
  return client::show_duration(parse_utc(task.ended_at).value_or(now) - *started);
}

int tasks(const CommonOptions& options, const TasksArguments& arguments) {
  const auto selector = client::parse_selector(arguments.what);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, Patience::short_);
  const auto job = find_job(connection.api(), *selector);
  if (!job) return report_error(options, job.error());
  const std::string state = arguments.only_failed ? "failed" : arguments.state;
  const auto page = connection.api().list("/v1/jobs/" + std::to_string(*job) + "/tasks", {{"state", state}, {"task", selector->task}},
                                          arguments.limit, arguments.after);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table(
      {{"TASK"}, {"STATE"}, {"END"}, {"TRIES", client::Align::right}, {"AGENT"}, {"TIME", client::Align::right}, {"REPORT"}});
  for (const std::string& item : page->items) {
    const auto task = client::parse_task_view(item);
    if (!task) return report_error(options, task.error());
    table.add({task->id, std::string(to_string(task->outcome.state)), client::show_end(task->outcome), std::to_string(task->attempts),
               task->agent.empty() ? "-" : task->agent, duration_text(*task, wall_now()), client::shorten(report_text(*task), 60)});
  }
  if (table.is_empty()) notice("no such tasks in job " + std::to_string(*job));
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render());
  if (page->next) notice("there are more; --limit shows them");
  return client::kExitOk;
}

struct LogsArguments {
  std::string what = "last";
  std::uint32_t attempt = 0;
  bool is_followed = false;
};

int logs(const CommonOptions& options, const LogsArguments& arguments) {
  const auto selector = client::parse_selector(arguments.what);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, arguments.is_followed ? Patience::long_ : Patience::short_);
  const auto task = find_task(connection.api(), *selector);
  if (!task) return report_error(options, task.error());

  client::Api::LogOptions log;
  log.follow = arguments.is_followed;
  log.attempt = selector->attempt;
  if (arguments.attempt > 0) log.attempt = arguments.attempt;
  bool has_reader = true;
  const auto on_log = [&](const client::LogEntry& entry, std::string_view json) {
    if (options.json) has_reader = write_all(STDOUT_FILENO, std::string(json) + "\n");
    if (!options.json && entry.line) has_reader = write_all(entry.line->is_stderr ? STDERR_FILENO : STDOUT_FILENO, entry.line->bytes);
    return has_reader;
  };
  const Status read = connection.api().read_logs(*task, log, on_log, [] { return true; });
  if (!read) return report_error(options, read.error());
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
  print_line((explanation->task.empty() ? "job " + std::to_string(*job) : explanation->task) + ": " + explanation->summary);
  for (const std::string& need : explanation->waits_for) print_line("  waits for " + need);
  for (const auto& agent : explanation->agents) {
    const bool is_nearest = agent.name == explanation->nearest;
    print_line("  " + agent.name + (is_nearest ? " (nearest)" : ""));
    for (const std::string& reason : agent.reasons) print_line("    " + reason);
  }
  return client::kExitOk;
}

}  // namespace

void add_task_commands(CLI::App& app, CommandLine& line) {
  CLI::App* list = add_command(app, line, "tasks", "List the tasks of a job",
                               "  stint tasks 12 --failed\n  stint tasks 12.train --state running\n  stint tasks last --json");
  auto tasks_arguments = std::make_shared<TasksArguments>();
  list->add_option("job", tasks_arguments->what, "12, 12.train or last")->capture_default_str();
  CLI::Option* state = list->add_option("--state", tasks_arguments->state, "Only these")
                           ->check(CLI::IsMember({"pending", "running", "completed", "failed", "cancelled"}));
  list->add_flag("--failed", tasks_arguments->only_failed, "The same as --state failed")->excludes(state);
  list->add_option("--limit", tasks_arguments->limit, "Most tasks shown")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  list->add_option("--after", tasks_arguments->after, "\"next\" of the page before");
  list->callback([&line, tasks_arguments] { line.action = [&line, tasks_arguments] { return tasks(line.common, *tasks_arguments); }; });

  CLI::App* show_logs = add_command(app, line, "logs", "What a task wrote: its stdout on stdout, its stderr on stderr",
                                    "  stint logs last -f\n  stint logs 12.train.3\n  stint logs 12.train.3@2        its second attempt");
  auto logs_arguments = std::make_shared<LogsArguments>();
  show_logs->add_option("task", logs_arguments->what, "12.train.3, or a job of one task")->capture_default_str();
  show_logs->add_flag("-f,--follow", logs_arguments->is_followed, "Go on until the task has ended");
  show_logs->add_option("--attempt", logs_arguments->attempt, "Only this attempt");
  show_logs->callback([&line, logs_arguments] { line.action = [&line, logs_arguments] { return logs(line.common, *logs_arguments); }; });

  CLI::App* why = add_command(app, line, "explain", "Why a task is not running, agent by agent",
                              "  stint explain last\n  stint explain 12.train.3 --json");
  auto what = std::make_shared<std::string>("last");
  why->add_option("what", *what, "12, 12.train.3 or last")->capture_default_str();
  why->callback([&line, what] { line.action = [&line, what] { return explain(line.common, *what); }; });
}

}  // namespace stint::cli
