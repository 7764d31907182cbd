#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "base/utc.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

/// From its submission to its end.
std::string took_text(const client::JobView& job) {
  const auto began = parse_utc(job.submitted_at), ended = parse_utc(job.ended_at);
  return began && ended ? client::show_duration(*ended - *began) : "-";
}

struct JobsArguments {
  std::string state;
  std::string after;
  std::size_t limit = 20;
  bool has_limit = false;  ///< it was asked for
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
    table.add({std::to_string(job->id), client::shorten(job->name, 40), std::string(to_string(job->state)), client::show_counts(job->tasks),
               client::show_ago(job->submitted_at, wall_now()), took_text(*job)});
  }
  if (table.is_empty()) notice("no jobs; `stint run -- echo hello` makes one");
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render(paint_of(STDOUT_FILENO)));
  if (page->next) notice_more(*page->next, arguments.has_limit);
  return client::kExitOk;
}

std::string cancel_text(const client::Selector& selector, std::uint64_t id, const std::string& answer) {
  const auto job = client::parse_job_view(answer);
  if (job && !job->ended_at.empty() && job->state != TaskStatus::cancelled)
    return "job " + std::to_string(id) + " has ended: " + std::string(to_string(job->state)) + "; nothing is left to cancel";
  return "cancelling " + std::to_string(id) + (selector.task.empty() ? "" : "." + selector.task_path());
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
      if (!options.json) print_line(cancel_text(*selector, id, *view));
      cancelled.items.push_back(std::move(*view));
    }
  }
  if (options.json) print_line(to_json(cancelled));
  return client::kExitOk;
}

void add_jobs_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_command(app, line, "jobs", "List jobs, newest first", "  stint jobs --state failed\n  stint jobs --limit 100 --json");
  auto arguments = std::make_shared<JobsArguments>();
  command->add_option("--state", arguments->state, "Only these")
      ->check(CLI::IsMember({"pending", "running", "completed", "failed", "cancelled"}));
  CLI::Option* limit =
      command->add_option("--limit", arguments->limit, "Most jobs shown")->check(CLI::Range(1, 100'000))->capture_default_str();
  command->add_option("--after", arguments->after, "\"next\" of the page before");
  command->callback([&line, arguments, limit] {
    arguments->has_limit = limit->count() > 0;
    line.action = [&line, arguments] { return jobs(line.common, *arguments); };
  });
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
}

}  // namespace stint::cli
