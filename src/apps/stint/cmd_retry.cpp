#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"

namespace stint::cli {
namespace {

struct RetryArguments {
  std::string what;
  bool only_failed = false;
};

int retry(const CommonOptions& options, const RetryArguments& arguments) {
  const auto selector = client::parse_selector(arguments.what);
  if (!selector) return usage_error(options, selector.error().detail);
  if (!selector->task.empty()) return usage_error(options, "retry takes a job, not a task: \"" + arguments.what + "\"");
  Connection connection(options, Patience::short_);
  const auto job = find_job(connection.api(), *selector);
  if (!job) return report_error(options, job.error());
  const auto what = arguments.only_failed ? client::Api::RetryOf::failed : client::Api::RetryOf::everything;
  const auto made = connection.api().retry(*job, what, random_hex(16));
  if (!made) return report_error(options, made.error());
  const std::string id = std::to_string(made->id);
  print_line(options.json ? "{\"job\":" + id + "}" : id);
  if (!options.json && is_terminal(STDERR_FILENO))
    notice("job " + id + " does " + (arguments.only_failed ? "what did not complete of job " : "again job ") + std::to_string(*job) +
           "; `stint watch " + id + "` follows it");
  return client::kExitOk;
}

}  // namespace

void add_retry_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "retry", "Do a job that has ended again, as a new job; prints its number",
                                  "  stint retry 12 --failed      only what did not complete; the rest is taken from job 12\n"
                                  "  stint retry last");
  auto arguments = std::make_shared<RetryArguments>();
  command->add_option("job", arguments->what, "12 or last")->required();
  command->add_flag("--failed", arguments->only_failed, "Only the tasks that did not complete");
  command->callback([&line, arguments] { line.action = [&line, arguments] { return retry(line.common, *arguments); }; });
}

}  // namespace stint::cli
