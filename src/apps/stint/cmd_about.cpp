#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/completion.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"

namespace stint::cli {
namespace {

int version(const CommonOptions& options) {
  if (options.json)
    print_line("{\"version\":" + json_string(STINT_VERSION) + ",\"api\":1,\"compiler\":" + json_string(__VERSION__) + "}");
  else
    print_line("stint " STINT_VERSION);
  return client::kExitOk;
}

int completion(const CLI::App& app, const CommonOptions& options, const std::string& shell) {
  const std::string script = completion_script(app, shell);
  if (options.json)
    print_line("{\"shell\":" + json_string(shell) + ",\"script\":" + json_string(script) + "}");
  else
    write_all(STDOUT_FILENO, script);
  return client::kExitOk;
}

int help(const CLI::App& app, const CommonOptions& options, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  std::string parents;
  for (const std::string& word : words) {
    const auto commands = command->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    parents += (parents.empty() ? "" : " ") + command->get_name();
    command = commands.empty() ? nullptr : commands.front();
    if (command == nullptr) return usage_error(options, "no command \"" + word + "\"; see `stint help`");
  }
  write_all(STDOUT_FILENO, command->help(parents));
  return client::kExitOk;
}

}  // namespace

void add_about_commands(CLI::App& app, CommandLine& line) {
  CLI::App* show_version = add_command(app, line, "version", "Version of this program", "");
  show_version->callback([&line] { line.action = [&line] { return version(line.common); }; });

  CLI::App* complete = add_command(app, line, "completion", "Completion script for a shell",
                                   "  stint completion bash > ~/.local/share/bash-completion/completions/stint\n"
                                   "  stint completion zsh > ~/.zfunc/_stint\n"
                                   "  stint completion fish > ~/.config/fish/completions/stint.fish");
  auto shell = std::make_shared<std::string>();
  complete->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  complete->callback([&app, &line, shell] { line.action = [&app, &line, shell] { return completion(app, line.common, *shell); }; });

  CLI::App* show_help = app.add_subcommand("help", "Help on a command");
  auto words = std::make_shared<std::vector<std::string>>();
  show_help->add_option("command", *words, "Such as: agent list");
  show_help->callback([&app, &line, words] { line.action = [&app, &line, words] { return help(app, line.common, *words); }; });
}

}  // namespace stint::cli
