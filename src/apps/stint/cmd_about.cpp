#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/completion.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "apps/stint/topics.hpp"
#include "client/exit_status.hpp"
#include "core/model/similar_word.hpp"

namespace stint::cli {
namespace {

int version(const CommonOptions& options) {
  if (options.json)
    print_line("{\"version\":" + json_string(STINT_VERSION) + ",\"api\":1,\"compiler\":" + json_string(__VERSION__) + "}");
  else
    print_line("stint " STINT_VERSION);
  return client::kExitOk;
}

int completion(const CommonOptions& options, const std::string& shell) {
  const std::string script = completion_script(shell);
  if (options.json)
    print_line("{\"shell\":" + json_string(shell) + ",\"script\":" + json_string(script) + "}");
  else
    write_all(STDOUT_FILENO, script);
  return client::kExitOk;
}

void list_topics() {
  std::string text = "\nTopics (stint help TOPIC):\n";
  for (const Topic& topic : topics())
    text += "  " + std::string(topic.name) + std::string(topic.name.size() < 26 ? 26 - topic.name.size() : 1, ' ') +
            std::string(topic.title) + "\n";
  write_all(STDOUT_FILENO, text);
}

int help(const CLI::App& app, const CommonOptions& options, const std::vector<std::string>& words) {
  if (words.size() == 1)
    if (const Topic* topic = find_topic(words[0])) {
      write_all(STDOUT_FILENO, render_topic(*topic, has_color(STDOUT_FILENO)));
      const bool is_command_too = !app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == words[0]; }).empty();
      if (!is_command_too) return client::kExitOk;
    }
  const CLI::App* command = &app;
  std::string parents;
  for (const std::string& word : words) {
    const auto commands = command->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    parents += (parents.empty() ? "" : " ") + command->get_name();
    command = commands.empty() ? nullptr : commands.front();
    if (command == nullptr) {
      std::vector<std::string_view> known;
      for (const CLI::App* sub : app.get_subcommands({})) known.push_back(sub->get_name());
      for (const Topic& topic : topics()) known.push_back(topic.name);
      return usage_error(options, "no command or topic \"" + word + "\"" + core::suggestion(word, known) + "; see `stint help`");
    }
  }
  write_all(STDOUT_FILENO, command->help(parents));
  if (words.empty()) list_topics();
  return client::kExitOk;
}

}  // namespace

void add_about_commands(CLI::App& app, CommandLine& line) {
  CLI::App* show_version = add_command(app, line, "version", "Version of this program", "  stint version\n  stint version --json");
  show_version->callback([&line] { line.action = [&line] { return version(line.common); }; });

  CLI::App* complete = add_command(app, line, "completion", "Completion script for a shell",
                                   "  stint completion bash > ~/.local/share/bash-completion/completions/stint\n"
                                   "  stint completion zsh > ~/.zfunc/_stint\n"
                                   "  stint completion fish > ~/.config/fish/completions/stint.fish");
  auto shell = std::make_shared<std::string>();
  complete->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  complete->callback([&line, shell] { line.action = [&line, shell] { return completion(line.common, *shell); }; });

  CLI::App* show_help = app.add_subcommand("help", "Help on a command or a topic; without either what there is");
  show_help->footer("\nExamples:\n  stint help\n  stint help agent list\n  stint help exit-status");
  auto words = std::make_shared<std::vector<std::string>>();
  show_help->add_option("command", *words, "Such as: agent list, exit-status");
  show_help->callback([&app, &line, words] { line.action = [&app, &line, words] { return help(app, line.common, *words); }; });
}

}  // namespace stint::cli
