#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "adapters/jobfile/job_file.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/submission.hpp"
#include "apps/stint/terminal.hpp"
#include "base/utc.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "core/model/job_json.hpp"

namespace stint::cli {
namespace {

std::string state_text(TaskStatus state) {
  const std::string word(to_string(state));
  switch (state) {
    case TaskStatus::completed: return colored(STDOUT_FILENO, Color::green, word);
    case TaskStatus::failed: return colored(STDOUT_FILENO, Color::red, word);
    default: return word;
  }
}

std::string tasks_text(const client::TaskCounts& tasks) {
  std::string text = std::to_string(tasks.completed) + "/" + std::to_string(tasks.total());
  if (tasks.running > 0) text += ", " + std::to_string(tasks.running) + " running";
  if (tasks.failed > 0) text += ", " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += ", " + std::to_string(tasks.cancelled) + " cancelled";
  return text;
}

/// From its submission to its end.
std::string took_text(const client::JobView& job) {
  const auto began = parse_utc(job.submitted_at), ended = parse_utc(job.ended_at);
  return began && ended ? client::show_duration(*ended - *began) : "-";
}

struct JobsArguments {
  std::string state;
  std::string after;
  std::size_t limit = 20;
};

int jobs(const CommonOptions& options, const JobsArguments& arguments) {
  Connection connection(options, Patience::short_);
  const auto page = connection.api().list("/v1/jobs", {{"state", arguments.state}}, arguments.limit, arguments.after);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table({{"JOB", client::Align::right},
                       {"NAME"},
                       {"STATE", client::Align::left, client::style_of_state},
                       {"TASKS"},
                       {"SUBMITTED"},
                       {"TOOK"}});
  for (const std::string& item : page->items) {
    const auto job = client::parse_job_view(item);
    if (!job) return report_error(options, job.error());
    table.add({std::to_string(job->id), client::shorten(job->name, 40), std::string(to_string(job->state)), tasks_text(job->tasks),
               client::show_ago(job->submitted_at, wall_now()), took_text(*job)});
  }
  if (table.is_empty()) notice("no jobs; `stint run -- echo hello` makes one");
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render(paint_of(STDOUT_FILENO)));
  if (page->next) notice("there are more; --limit shows them");
  return client::kExitOk;
}

int cancel(const CommonOptions& options, const std::vector<std::string>& selectors) {
  Connection connection(options, Patience::short_);
  client::Page cancelled;
  for (const std::string& text : selectors) {
    const auto selector = client::parse_selector(text);
    if (!selector) return usage_error(options, selector.error().detail);
    const auto found = find_jobs(connection.api(), *selector);
    if (!found) return report_error(options, found.error());
    const std::string body = selector->task.empty() ? "{}" : "{\"task\":" + json_string(selector->task_path()) + "}";
    for (const std::uint64_t id : *found) {
      auto view = connection.api().post("/v1/jobs/" + std::to_string(id) + "/cancel", body, client::Api::Repeat::always);
      if (!view) return report_error(options, view.error());
      if (!options.json) print_line("cancelling " + std::to_string(id) + (selector->task.empty() ? "" : "." + selector->task_path()));
      cancelled.items.push_back(std::move(*view));
    }
  }
  if (options.json) print_line(to_json(cancelled));
  return client::kExitOk;
}

int show_job(const CommonOptions& options, const std::string& text) {
  const auto selector = client::parse_selector(text);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, Patience::short_);
  const auto id = find_job(connection.api(), *selector);
  if (!id) return report_error(options, id.error());
  const auto view_json = connection.api().get("/v1/jobs/" + std::to_string(*id));
  const auto spec = connection.api().get("/v1/jobs/" + std::to_string(*id) + "/spec");
  if (!view_json || !spec) return report_error(options, view_json ? spec.error() : view_json.error());
  if (options.json) {
    print_line("{\"job\":" + *view_json + ",\"spec\":" + *spec + "}");
    return client::kExitOk;
  }
  const auto job = client::parse_job_view(*view_json);
  if (!job) return report_error(options, job.error());
  print_line("job " + std::to_string(job->id) + " " + job->name + ": " + state_text(job->state) +
             (job->detail.empty() ? "" : " (" + job->detail + ")"));
  print_line("submitted " + client::show_time(job->submitted_at) + ", ended " + client::show_time(job->ended_at) + ", queue " + job->queue);
  client::Table table({{"TASK"}, {"COMPLETED"}});
  for (const client::GroupView& group : job->groups) table.add({group.name + (group.is_array ? "[]" : ""), tasks_text(group.tasks)});
  write_all(STDOUT_FILENO, table.render());
  write_all(STDOUT_FILENO, "\n" + indent_json(*spec) + "\n");
  return client::kExitOk;
}

std::string remarks_json(const std::vector<adapters::JobFileRemark>& remarks) {
  std::string text;
  for (const auto& remark : remarks)
    text += (text.empty() ? "" : ",") + std::string("{\"line\":") + std::to_string(remark.line) +
            ",\"column\":" + std::to_string(remark.column) + ",\"detail\":" + json_string(remark.text) + "}";
  return "[" + text + "]";
}

int validate(const CommonOptions& options, const std::string& path) {
  const auto text = read_file(path);
  if (!text) return usage_error(options, text.error().detail);
  adapters::JobFile file = adapters::parse_job_file(*text);
  if (file.problems.empty())
    if (auto problem = core::find_problem(file.spec)) file.problems.push_back({0, 0, std::move(*problem)});
  const bool is_valid = file.problems.empty();
  for (const auto& problem : file.problems) notice(adapters::show_remark(path, problem));
  for (const auto& note : file.notes) notice("note: " + adapters::show_remark(path, note));
  if (options.json)
    print_line("{\"valid\":" + std::string(is_valid ? "true" : "false") + ",\"file\":" + json_string(path) +
               ",\"problems\":" + remarks_json(file.problems) + ",\"notes\":" + remarks_json(file.notes) +
               ",\"job\":" + (is_valid ? core::to_json(file.spec) : "null") + "}");
  else if (is_valid)
    print_line(path + ": valid, " + std::to_string(file.spec.tasks.size()) + (file.spec.tasks.size() == 1 ? " task" : " tasks"));
  return is_valid ? client::kExitOk : client::kExitUsage;
}

void add_jobs_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_command(app, line, "jobs", "List jobs, newest first", "  stint jobs --state failed\n  stint jobs --limit 100 --json");
  auto arguments = std::make_shared<JobsArguments>();
  command->add_option("--state", arguments->state, "Only these")
      ->check(CLI::IsMember({"pending", "running", "completed", "failed", "cancelled"}));
  command->add_option("--limit", arguments->limit, "Most jobs shown")->check(CLI::Range(1, 100'000))->capture_default_str();
  command->add_option("--after", arguments->after, "\"next\" of the page before");
  command->callback([&line, arguments] { line.action = [&line, arguments] { return jobs(line.common, *arguments); }; });
}

void add_cancel_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "cancel", "Cancel jobs, arrays or tasks",
                                  "  stint cancel 12\n  stint cancel 12-15\n  stint cancel 12.train.3\n  stint cancel last");
  auto selectors = std::make_shared<std::vector<std::string>>();
  command->add_option("what", *selectors, "12, 12-15, 12.train, 12.train.3, last")->required();
  command->callback([&line, selectors] { line.action = [&line, selectors] { return cancel(line.common, *selectors); }; });
}

}  // namespace

void add_job_commands(CLI::App& app, CommandLine& line) {
  add_jobs_command(app, line);
  add_cancel_command(app, line);

  CLI::App* job = app.add_subcommand("job", "Job files and definitions");
  job->require_subcommand(1);
  auto what = std::make_shared<std::string>();
  CLI::App* show = add_command(*job, line, "show", "A job and its definition", "  stint job show last");
  show->add_option("job", *what, "12 or last")->required();
  show->callback([&line, what] { line.action = [&line, what] { return show_job(line.common, *what); }; });
  CLI::App* check = add_command(*job, line, "validate", "Check a job file; nothing is submitted", "  stint job validate job.yaml");
  check->add_option("file", *what, "Job file")->required();
  check->callback([&line, what] { line.action = [&line, what] { return validate(line.common, *what); }; });
}

}  // namespace stint::cli
