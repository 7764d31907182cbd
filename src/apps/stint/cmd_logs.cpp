#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/log_tail.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kPageTasks = 200;

struct LogsArguments {
  std::string what = "last";
  std::uint32_t attempt = 0;
  std::size_t tail = 0;  ///< lines; 0: all
  std::size_t limit = 1000;
  bool is_followed = false;
  bool only_failed = false;
};

bool keep_reading() { return interrupts_seen() == 0 && !wants_to_leave(); }

/// `{"seq":…}` -> `{"task":"12.main.3","seq":…}`: of several tasks each line says whose it is.
std::string with_task(std::string_view json, const std::string& task) {
  return "{\"task\":" + json_string(task) + "," + std::string(json.substr(1));
}

/// Prints what one or more tasks wrote. False from any of its functions: nobody reads any more.
class LogPrinter {
 public:
  LogPrinter(client::Api& api, const CommonOptions& options, const LogsArguments& arguments)
      : api_(api), options_(options), arguments_(arguments) {}

  /// Its stdout on stdout and its stderr on stderr, byte for byte.
  Status print_one(const std::string& task, std::optional<std::uint32_t> attempt) {
    client::Api::LogOptions log;
    log.attempt = attempt;
    log.follow = arguments_.is_followed;
    if (arguments_.tail > 0) {
      STINT_TRY(const client::LogTail tail, client::read_tail(api_, task, attempt, arguments_.tail, log.follow));
      for (const client::LogTail::Line& line : tail.lines) print(task, line, "");
      if (!log.follow) return {};
      log.after = tail.last_seq;
    }
    const auto on_log = [&](const client::LogEntry& entry, std::string_view json) {
      if (options_.json) has_reader_ = write_all(STDOUT_FILENO, std::string(json) + "\n");
      if (!options_.json && entry.line) has_reader_ = write_all(entry.line->is_stderr ? STDERR_FILENO : STDOUT_FILENO, entry.line->bytes);
      return has_reader_ && keep_reading();
    };
    const Status read = api_.read_logs(task, log, on_log, keep_reading);
    return read || !keep_reading() ? Status() : read;
  }

  /// All on stdout: under a heading each (`failed`), or line by line behind its name.
  Status print_several(std::uint64_t job, const std::string& entry) {
    const std::string path = "/v1/jobs/" + std::to_string(job) + "/tasks";
    std::string after;
    std::size_t printed = 0;
    do {
      const std::size_t limit = std::min(kPageTasks, arguments_.limit - printed);
      STINT_TRY(const client::Page page,
                api_.list(path, {{"state", arguments_.only_failed ? "failed" : ""}, {"task", entry}}, limit, after));
      for (const std::string& item : page.items) {
        STINT_TRY(const client::TaskView task, client::parse_task_view(item));
        ++printed;
        if (task.outcome.state != TaskStatus::pending) STINT_TRY_VOID(print_task(task));
        if (!has_reader_ || !keep_reading()) return {};
      }
      after = page.next.value_or("");
    } while (!after.empty() && printed < arguments_.limit);
    if (printed == 0) notice(arguments_.only_failed ? "no task of job " + std::to_string(job) + " has failed" : "no such tasks");
    if (!after.empty()) notice("these are the first " + std::to_string(printed) + " tasks; a greater --limit shows more");
    return {};
  }

 private:
  Status print_task(const client::TaskView& task) {
    const std::string name = task.id.substr(task.id.find('.') + 1);
    if (arguments_.only_failed && !options_.json) {
      const std::string tries = task.attempts > 1 ? ", attempt " + std::to_string(task.attempts) : "";
      const std::string where = task.agent.empty() ? "" : " on " + task.agent;
      print_line(colored(STDOUT_FILENO, Color::red,
                         for_locale("==> " + task.id + " failed: " + client::show_end(task.outcome) + tries + where + " <==")));
    }
    STINT_TRY(const client::LogTail tail, client::read_tail(api_, task.id, std::nullopt, arguments_.tail, false));
    for (const client::LogTail::Line& line : tail.lines) print(task.id, line, arguments_.only_failed ? "" : name);
    return {};
  }

  void print(const std::string& task, const client::LogTail::Line& line, const std::string& prefix) {
    if (!has_reader_) return;
    if (options_.json) {
      has_reader_ = write_all(STDOUT_FILENO, with_task("{\"stream\":" + std::string(line.is_stderr ? "\"stderr\"" : "\"stdout\"") +
                                                           ",\"line\":" + json_string(client::printable(line.text)) + "}",
                                                       task) +
                                                 "\n");
      return;
    }
    const std::string head = prefix.empty() ? "" : colored(STDOUT_FILENO, Color::cyan, prefix) + " | ";
    const bool goes_alone = line.is_stderr && prefix.empty() && !arguments_.only_failed;
    has_reader_ = write_all(goes_alone ? STDERR_FILENO : STDOUT_FILENO, head + line.text + (line.is_whole || !prefix.empty() ? "\n" : ""));
  }

  client::Api& api_;
  const CommonOptions& options_;
  const LogsArguments& arguments_;
  bool has_reader_ = true;
};

Result<bool> is_several(client::Api& api, const client::Selector& selector, std::uint64_t job) {
  if (selector.index) return false;
  STINT_TRY(const client::Page page, api.list("/v1/jobs/" + std::to_string(job) + "/tasks", {{"task", selector.task}}, 2));
  return page.items.size() > 1;
}

int logs(const CommonOptions& options, const LogsArguments& arguments) {
  const auto selector = client::parse_selector(arguments.what);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, arguments.is_followed ? Patience::long_ : Patience::short_);
  const auto job = find_job(connection.api(), *selector);
  if (!job) return report_error(options, job.error());
  const auto several = is_several(connection.api(), *selector, *job);
  if (!several) return report_error(options, several.error());
  const bool is_list = *several || arguments.only_failed;
  const std::string id = std::to_string(*job);
  if (is_list && arguments.is_followed)
    return usage_error(options, "--follow follows one task; name one, such as " + id + ".main.0, or see `stint watch " + id + "`");
  if (is_list && (arguments.attempt > 0 || selector->attempt))
    return usage_error(options, "an attempt is of one task; name one, such as " + id + ".main.0@2");

  install_interrupt_handlers();
  LogPrinter printer(connection.api(), options, arguments);
  Status printed;
  if (is_list) {
    printed = printer.print_several(*job, selector->task);
  } else {
    const auto task = find_task(connection.api(), *selector);
    if (!task) return report_error(options, task.error());
    printed = printer.print_one(*task, arguments.attempt > 0 ? std::optional(arguments.attempt) : selector->attempt);
    if (arguments.is_followed && interrupts_seen() > 0)
      notice("job " + id + " goes on; `stint logs -f " + *task + "` comes back, `stint cancel " + id + "` ends it");
  }
  if (!printed) return report_error(options, printed.error());
  if (wants_to_leave()) return 128 + leave_signal();
  return interrupts_seen() > 0 ? client::kExitCancelled : client::kExitOk;
}

}  // namespace

void add_logs_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_command(app, line, "logs", "What tasks wrote: one task's stdout on stdout and stderr on stderr; of several all on stdout",
                  "  stint logs last -f\n"
                  "  stint logs 12.train.3\n"
                  "  stint logs 12.train.3@2              its second attempt\n"
                  "  stint logs 12 --tail 5               the last lines of each task, behind its name\n"
                  "  stint logs 12 --failed --tail 20     why did they fail?");
  auto arguments = std::make_shared<LogsArguments>();
  command->add_option("task", arguments->what, "12.train.3, 12.train or 12")->capture_default_str();
  command->add_flag("-f,--follow", arguments->is_followed, "Go on until the task has ended; Ctrl-C leaves, the task goes on");
  command->add_option("--tail", arguments->tail, "Only the last lines of each task")->check(CLI::Range(1, 10'000))->type_name("N");
  command->add_flag("--failed", arguments->only_failed, "Only failed tasks, each under a heading");
  command->add_option("--attempt", arguments->attempt, "Only this attempt")->type_name("N");
  command->add_option("--limit", arguments->limit, "Most tasks shown")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  command->callback([&line, arguments] { line.action = [&line, arguments] { return logs(line.common, *arguments); }; });
}

}  // namespace stint::cli
