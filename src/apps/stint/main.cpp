#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "apps/stint/command_line.hpp"
#include "apps/stint/completion.hpp"
#include "apps/stint/install.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "apps/stint/usage_words.hpp"
#include "client/exit_status.hpp"
#include "core/model/similar_word.hpp"

namespace stint::cli {

CLI::App* add_command(CLI::App& app, CommandLine& line, const std::string& name, const std::string& description,
                      const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, description);
  if (!examples.empty()) command->footer("\nExamples:\n" + examples);
  command->add_flag("--json", line.common.json, "Print JSON as schema/cli.schema.json describes it");
  const std::string group = "Where";
  command->add_option("--state-dir", line.common.state_dir, "State directory [STINT_STATE_DIR, or $XDG_STATE_HOME/stint]")->group(group);
  command->add_option("--server", line.common.server, "Scheduler's address, http://HOST:PORT [STINT_SERVER, or the context file]")
      ->group(group);
  command->add_option("--token-file", line.common.token_file, "File with the API token [STINT_TOKEN holds the token itself]")->group(group);
  return command;
}

namespace {

/// What is wrong with the first word, if it is no command: CLI11 would only say that a command is missing.
std::string find_unknown_command(CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty() || words[0].starts_with('-')) return {};
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), words[0]) != names.end()) return {};
  const std::vector<std::string_view> known(names.begin(), names.end());
  return "\"" + words[0] + "\" is no command" + core::suggestion(words[0], known) + "; see `stint --help`";
}

/// Commands that are not for people: they take any words, so that CLI11 does not see them. Nothing: it is none of them.
///   __complete WORD...   candidates for the last word (completion.hpp)
///   __parse WORD...      whether the words would be taken, without doing anything: 0 or 2
///   __install DIR        manual pages and completion scripts below DIR, the `share` of a prefix
std::optional<int> run_hidden(CLI::App& app, std::vector<std::string> words) {
  if (words.empty() || !words[0].starts_with("__")) return std::nullopt;
  const std::string name = words[0];
  words.erase(words.begin());
  if (name == "__complete") {
    for (const std::string& candidate : complete(app, {}, words)) print_line(candidate);
    return client::kExitOk;
  }
  if (name == "__install" && words.size() == 1) return install_texts(app, words[0]);
  if (name != "__parse") return std::nullopt;
  words.erase(std::find(words.begin(), words.end(), "--"), words.end());
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? client::kExitOk : client::kExitUsage;
  }
  return client::kExitOk;
}

int run(int argc, char** argv) {
  CommandLine line;
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto dashes = std::find(words.begin(), words.end(), "--");
  line.has_dashes = dashes != words.end();
  if (line.has_dashes) line.after_dashes.assign(dashes + 1, words.end());

  CLI::App app("Stint schedules jobs onto agents. An agent is a worker: a machine, a virtual machine, a small device or a person.",
               "stint");
  app.require_subcommand(1);
  app.footer(
      "\nFirst steps:\n  stint dev                     a scheduler and an agent on this machine\n  stint run -- echo hello       in "
      "another terminal\n"
      "  stint COMMAND --help          examples of each command\n"
      "  stint help TOPIC              job-file, selectors, states, exit-status, environment and more; stint help lists them\n\n"
      "Exit status of run and wait: the task's own; 128 + signal; 124 timed out; 130 cancelled; 125 Stint's own error; 2 usage;\n"
      "with several tasks 1 if any failed.");
  app.failure_message([](const CLI::App* whole, const CLI::Error& error) { return "stint: " + describe_usage(*whole, error) + "\n"; });
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("-V,--version", "stint " STINT_VERSION, "Print the version");
  add_dev_commands(app, line);
  add_run_command(app, line);
  add_plan_command(app, line);
  add_job_commands(app, line);
  add_job_file_commands(app, line);
  add_task_commands(app, line);
  add_retry_command(app, line);
  add_outputs_command(app, line);
  add_blob_commands(app, line);
  add_wait_command(app, line);
  add_watch_command(app, line);
  add_agent_commands(app, line);
  add_token_commands(app, line);
  add_scheduler_commands(app, line);
  add_backup_commands(app, line);
  add_bench_commands(app, line);
  add_context_command(app, line);
  add_about_commands(app, line);

  if (const auto status = run_hidden(app, words)) return *status;
  if (words.empty()) {
    write_all(STDERR_FILENO, app.help());
    return client::kExitUsage;
  }
  if (const auto problem = find_unknown_command(app, words); !problem.empty()) {
    line.common.json = std::find(words.begin(), dashes, "--json") != dashes;  // nothing is parsed yet
    return usage_error(line.common, problem);
  }
  try {
    std::vector<std::string> arguments(words.begin(), dashes);
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    if (status == 0) return client::kExitOk;
    // Nothing has been parsed, so --json must be looked for: what reads it wants an object also for a mistyped option.
    if (std::find(words.begin(), dashes, "--json") != dashes) print_usage_error(describe_usage(app, error));
    return client::kExitUsage;
  }
  if (line.has_dashes && !app.got_subcommand("run")) return usage_error(line.common, "only `stint run` takes a command after --");
  return line.action ? line.action() : client::kExitUsage;
}

}  // namespace
}  // namespace stint::cli

int main(int argc, char** argv) {
  try {
    return stint::cli::run(argc, argv);
  } catch (const std::exception& exception) {
    // Only what no folder turned into an Error: out of memory, a broken locale.
    return stint::cli::report_error({}, {stint::Errc::io, exception.what()});
  }
}
