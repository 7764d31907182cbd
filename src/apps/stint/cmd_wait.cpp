#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "client/exit_status.hpp"

namespace stint::cli {
namespace {

struct WaitArguments {
  std::vector<std::string> jobs{"last"};
  bool shows_progress = false;
};

/// Waiting changes nothing, so that any signal just ends it.
bool keep_waiting() { return interrupts_seen() == 0 && !wants_to_leave(); }

std::string item_json(const client::JobView& job, int status) {
  return "{\"job\":" + std::to_string(job.id) + ",\"state\":" + json_string(to_string(job.state)) +
         ",\"reason\":" + (job.reason == EndReason::none ? "null" : json_string(to_string(job.reason))) +
         ",\"exit_status\":" + std::to_string(status) + "}";
}

Result<std::vector<std::uint64_t>> find_all(client::Api& api, const std::vector<std::string>& texts) {
  std::vector<std::uint64_t> all;
  for (const std::string& text : texts) {
    STINT_TRY(const client::Selector selector, client::parse_selector(text));
    if (!selector.task.empty()) return fail(Errc::invalid_argument, "wait takes jobs, not tasks: \"" + text + "\"");
    STINT_TRY(const auto jobs, find_jobs(api, selector));
    all.insert(all.end(), jobs.begin(), jobs.end());
  }
  return all;
}

int wait(const CommonOptions& options, const WaitArguments& arguments) {
  install_interrupt_handlers();
  Connection connection(options, Patience::long_);
  client::Api& api = connection.api();
  const auto jobs = find_all(api, arguments.jobs);
  if (!jobs && jobs.error().code == Errc::invalid_argument) return usage_error(options, jobs.error().detail);
  if (!jobs) return report_error(options, jobs.error());

  std::vector<int> statuses;
  std::string items;
  for (const std::uint64_t id : *jobs) {
    const auto job = follow_job(api, id, arguments.shows_progress ? Progress::shown : Progress::none, keep_waiting);
    if (!job) return report_error(options, job.error());
    if (!has_ended(job->state))
      notice("job " + std::to_string(id) + " goes on; `stint wait " + std::to_string(id) + "` waits again, `stint cancel " +
             std::to_string(id) + "` ends it");
    if (!has_ended(job->state)) return interrupts_seen() > 0 ? client::kExitCancelled : 128 + leave_signal();
    const auto status = exit_status_of(api, *job);
    if (!status) return report_error(options, status.error());
    statuses.push_back(*status);
    items += (items.empty() ? "" : ",") + item_json(*job, *status);
    if (!options.json && jobs->size() > 1) print_line(std::to_string(id) + " " + std::string(to_string(job->state)));
  }
  const int status = client::combine_exit_statuses(statuses);
  if (options.json) print_line("{\"items\":[" + items + "],\"next\":null,\"exit_status\":" + std::to_string(status) + "}");
  return status;
}

}  // namespace

void add_wait_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "wait", "Wait until jobs have ended; the exit status tells how",
                                  "  stint wait last\n  stint wait 12 14-20 && echo all completed\n\n"
                                  "Exit status of one job: as of `stint run`. Of several: 1 if any failed, else 130 if any was cancelled.");
  auto arguments = std::make_shared<WaitArguments>();
  command->add_option("jobs", arguments->jobs, "12, 12-15 or last")->capture_default_str();
  command->add_flag("-p,--progress", arguments->shows_progress, "Show how they go, on stderr");
  command->callback([&line, arguments] { line.action = [&line, arguments] { return wait(line.common, *arguments); }; });
}

}  // namespace stint::cli
