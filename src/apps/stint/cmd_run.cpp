#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/local_files.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/submission.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "core/model/job_json.hpp"

namespace stint::cli {
namespace {

struct RunArguments {
  RunOptions run;
  bool is_detached = false;
};

std::string result_json(const client::JobView& job, int status) {
  return "{\"job\":" + std::to_string(job.id) + ",\"state\":" + json_string(to_string(job.state)) +
         ",\"reason\":" + (job.reason == EndReason::none ? "null" : json_string(to_string(job.reason))) +
         ",\"exit_status\":" + std::to_string(status) + "}";
}

/// Streams the only task's output. Nothing if the user left.
Result<std::optional<int>> follow_single(client::Api& api, const client::JobView& job, const CancelKeys& keys,
                                         const std::function<bool()>& keep_going) {
  const bool is_array = !job.groups.empty() && job.groups.front().is_array;
  std::string task = std::to_string(job.id) + "." + (job.groups.empty() ? "main" : job.groups.front().name);
  if (is_array) {
    STINT_TRY(const client::TaskView first, get_first_task(api, job.id));
    task = first.id;
  }
  STINT_TRY(const auto outcome, follow_task(api, task, keep_going));
  if (!outcome) return std::optional<int>(keys.wants_out() ? std::optional<int>(client::kExitCancelled) : std::nullopt);
  if (outcome->state == TaskStatus::failed && outcome->reason != EndReason::exit) {
    STINT_TRY(const client::JobView ended, api.get_job(job.id));
    tell_failures(api, ended);
  }
  return std::optional<int>(client::exit_status(*outcome));
}

Result<std::optional<int>> follow_several(client::Api& api, const client::JobView& submitted, bool is_json, const CancelKeys& keys,
                                          const std::function<bool()>& keep_going) {
  STINT_TRY(const client::JobView job, follow_job(api, submitted.id, is_json ? Progress::none : Progress::shown, keep_going));
  if (!has_ended(job.state)) return std::optional<int>(keys.wants_out() ? std::optional<int>(client::kExitCancelled) : std::nullopt);
  tell_failures(api, job);
  STINT_TRY(const int status, exit_status_of(api, job));
  if (is_json) print_line(result_json(job, status));
  return std::optional<int>(status);
}

int follow_submitted(const CommonOptions& options, client::Api& api, const client::JobView& job) {
  const std::string id = std::to_string(job.id);
  const bool is_single = job.groups.size() == 1 && job.tasks.total() == 1 && !options.json;
  CancelKeys keys(api, job.id, is_single ? "stint logs -f " + id : "stint watch " + id);
  const auto keep_going = [&] { return keys.check() && !wants_to_leave(); };
  const auto status = is_single ? follow_single(api, job, keys, keep_going) : follow_several(api, job, options.json, keys, keep_going);
  if (!status && !wants_to_leave())
    return report_error(options, {status.error().code, status.error().detail + "; job " + id + " may go on"});
  if (status && *status) return **status;
  notice("job " + id + " goes on; `stint wait " + id + "` waits for it");
  return 128 + leave_signal();
}

/// Files first, then the job: it never waits for something that may not come.
Result<client::JobView> submit(client::Api& api, DiskFiles& files, const core::JobSpec& spec) {
  STINT_TRY_VOID(files.send());
  return api.submit(core::to_json(spec), random_hex(16));
}

int run(const CommonOptions& options, const RunArguments& arguments, const std::vector<std::string>& command) {
  auto submission = make_submission(arguments.run, command);
  if (!submission) return usage_error(options, submission.error().detail);
  for (const std::string& note : submission->notes) notice(note);

  if (const auto endpoint = find_endpoint(options); !endpoint) return report_error(options, endpoint.error());
  Connection connection(options, Patience::short_);
  DiskFiles files(connection);
  const Status resolved = client::resolve_sources(submission->spec, submission->origins, files, connection.api());
  if (!resolved) return report_unresolved(options, resolved.error());
  const auto job = submit(connection.api(), files, submission->spec);
  if (!job) return report_error(options, job.error());

  const std::string id = std::to_string(job->id);
  if (arguments.is_detached) {
    print_line(options.json ? "{\"job\":" + id + "}" : id);
    return client::kExitOk;
  }
  if (is_terminal(STDERR_FILENO)) notice("job " + id + " submitted");
  install_interrupt_handlers();
  Connection following(options, Patience::long_);
  return follow_submitted(options, following.api(), *job);
}

}  // namespace

void add_run_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_command(app, line, "run", "Run a command (stint run -- COMMAND) or a job file (stint run FILE) and follow it",
                  "  stint run -- python3 train.py --lr 0.1\n"
                  "  stint run --gpu 1 --timeout 2h -- ./train.sh\n"
                  "  stint run --array 0-99%10 -- sh -c 'echo $STINT_INDEX'\n"
                  "  stint run job.yaml -p lr=0.1\n"
                  "  stint run --upload . -- python3 train.py   its files travel with it\n"
                  "  stint run -d -- sleep 60          prints the job's number\n\n"
                  "The task's stdout comes on stdout, its stderr on stderr; its exit status is this command's.\n"
                  "It runs in the current directory and gets PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_*, TZ, VIRTUAL_ENV,\n"
                  "CONDA_PREFIX and PYTHONPATH of this shell, and what --env and the job file name.\n"
                  "Ctrl-C twice within a second cancels; Ctrl-\\ leaves the job running.");
  auto arguments = std::make_shared<RunArguments>();
  add_submission_options(*command, arguments->run);
  command->add_flag("-d,--detach", arguments->is_detached, "Print the job's number and return");
  command->callback([&line, arguments] {
    line.action = [&line, arguments] {
      const bool has_file = !arguments->run.file.empty();
      if (has_file == line.has_dashes)
        return usage_error(line.common, has_file ? "either a job file or a command after --, not both"
                                                 : "what to run? stint run FILE, or stint run -- COMMAND");
      if (line.has_dashes && line.after_dashes.empty()) return usage_error(line.common, "no command after --");
      return run(line.common, *arguments, line.after_dashes);
    };
  });
}

}  // namespace stint::cli
