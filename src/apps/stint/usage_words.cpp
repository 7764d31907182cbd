#include "apps/stint/usage_words.hpp"

#include <CLI/CLI.hpp>
#include <cctype>
#include <vector>

#include "core/model/similar_word.hpp"

namespace stint::cli {
namespace {

/// The command that was named last, with the words that lead to it.
struct Command {
  const CLI::App* app;
  std::string path;
};

Command find_command(const CLI::App& app) {
  Command command{&app, app.get_name()};
  for (auto given = app.get_subcommands(); !given.empty(); given = given.front()->get_subcommands()) {
    command.app = given.front();
    command.path += " " + given.front()->get_name();
  }
  return command;
}

std::string suggest(const std::string& word, const std::vector<std::string>& known) {
  return core::suggestion(word, std::vector<std::string_view>(known.begin(), known.end()));
}

std::string unknown_option(const std::string& word, const Command& command) {
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : command.app->get_options())
    for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
  return name + " is no option of `" + command.path + "`" + suggest(name, known);
}

std::string unexpected(const std::string& word, const Command& command) {
  if (word.starts_with('-') && word != "-") return unknown_option(word, command);
  std::vector<std::string> names;
  for (const CLI::App* sub : command.app->get_subcommands(nullptr)) names.push_back(sub->get_name());
  if (!names.empty()) return "\"" + word + "\" is no command of `" + command.path + "`" + suggest(word, names);
  const std::string text = "\"" + word + "\" is one argument too many";
  return command.path == "stint run" ? text + "; a command to run stands after --: stint run -- COMMAND" : text;
}

std::string missing(const std::string& name, const Command& command) {
  if (name == "A subcommand") return "a command is missing";
  const CLI::Option* option = command.app->get_option_no_throw(name);
  const std::string about = option != nullptr ? option->get_description() : std::string();
  std::string shown = name;
  if (option != nullptr && option->get_positional())
    for (char& letter : shown) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return shown + " is missing" + (about.empty() ? "" : " (" + about + ")");
}

std::string what_is_wrong(const CLI::App& app, const CLI::Error& error, const Command& command) {
  constexpr std::string_view kRequired = " is required";
  const std::string what = error.what();
  const std::vector<std::string> rest = app.remaining(true);
  if (!rest.empty()) return unexpected(rest.front(), command);
  if (error.get_name() == "RequiredError" && what.ends_with(kRequired))
    return missing(what.substr(0, what.size() - kRequired.size()), command);
  return what;
}

}  // namespace

std::string describe_usage(const CLI::App& app, const CLI::Error& error) {
  const Command command = find_command(app);
  return what_is_wrong(app, error, command) + "; see `" + command.path + " --help`";
}

}  // namespace stint::cli
