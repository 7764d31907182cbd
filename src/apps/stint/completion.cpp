#include "apps/stint/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "apps/stint/completion_values.hpp"

namespace stint::cli {
namespace {

/// Where the last word stands: the command before it, and the option whose value it is, if it is one.
struct Cursor {
  const CLI::App* command = nullptr;
  const CLI::Option* option = nullptr;
  std::size_t positionals = 0;  ///< of the command, before the last word
  std::string path;             ///< "agent drain"
};

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::Option* find_option(const CLI::App& command, const std::string& word) {
  for (const CLI::Option* option : command.get_options())
    if (!option->get_positional() && option->check_name(word)) return option;
  return nullptr;
}

const CLI::App* find_command(const CLI::App& command, const std::string& word) {
  const auto found = command.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
  return found.empty() ? nullptr : found.front();
}

/// bash hands `--state=fa` over as three words: made one value again.
std::vector<std::string> without_equals(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "=" && i > 0) {
      if (i + 1 == words.size()) result.emplace_back();
      continue;
    }
    const std::size_t equals = words[i].starts_with("--") ? words[i].find('=') : std::string::npos;
    if (equals != std::string::npos) {
      result.push_back(words[i].substr(0, equals));
      result.push_back(words[i].substr(equals + 1));
    } else {
      result.push_back(words[i]);
    }
  }
  return result;
}

Cursor walk(const CLI::App& app, const std::vector<std::string>& words, CommonOptions& options) {
  Cursor cursor{&app, nullptr, 0, {}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (cursor.option != nullptr) {
      if (cursor.option->check_name("--server")) options.server = word;
      if (cursor.option->check_name("--state-dir")) options.state_dir = word;
      if (cursor.option->check_name("--token-file")) options.token_file = word;
      if (cursor.option->check_name("--cell-pin")) options.cell_pin = word;
      if (cursor.option->check_name("--ca-file")) options.ca_file = word;
      cursor.option = nullptr;
    } else if (word.starts_with('-') && word.size() > 1) {
      const CLI::Option* option = find_option(*cursor.command, word);
      if (option != nullptr && takes_value(*option)) cursor.option = option;
    } else if (const CLI::App* command = find_command(*cursor.command, word); command != nullptr && cursor.positionals == 0) {
      cursor.command = command;
      cursor.path += (cursor.path.empty() ? "" : " ") + word;
    } else {
      ++cursor.positionals;
    }
  }
  return cursor;
}

std::string first_sentence(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void add_options(const CLI::App& command, std::vector<Candidate>& candidates) {
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) candidates.push_back({"--" + name, first_sentence(option->get_description())});
}

/// `{pending,running}` of an IsMember check.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{'), close = type.find('}');
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (std::size_t begin = open + 1; begin < close;) {
    const std::size_t end = std::min(type.find(',', begin), close);
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

const CLI::Option* find_positional(const CLI::App& command, std::size_t position) {
  std::size_t seen = 0;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    const bool takes_all_that_follow = option->get_items_expected_max() > 1;
    if (seen++ == position || takes_all_that_follow) return option;
  }
  return nullptr;
}

std::string name_of(const CLI::Option& option) {
  return option.get_positional() ? option.get_name(true) : option.get_lnames().empty() ? "" : option.get_lnames().front();
}

}  // namespace

std::vector<std::string> complete(const CLI::App& app, CommonOptions options, const std::vector<std::string>& given) {
  std::vector<std::string> words = without_equals(given);
  if (words.empty()) words.emplace_back();
  const Cursor cursor = walk(app, words, options);
  const std::string& current = words.back();
  std::vector<Candidate> candidates;
  const CLI::Option* value_of = cursor.option;
  if (value_of == nullptr && current.starts_with('-')) {
    add_options(*cursor.command, candidates);
  } else if (value_of == nullptr && cursor.positionals == 0 && !cursor.command->get_subcommands({}).empty()) {
    for (const CLI::App* command : cursor.command->get_subcommands({}))
      if (!command->get_group().empty()) candidates.push_back({command->get_name(), first_sentence(command->get_description())});
  } else {
    if (value_of == nullptr) value_of = find_positional(*cursor.command, cursor.positionals);
    if (value_of != nullptr) {
      for (const std::string& choice : choices_of(*value_of)) candidates.push_back({choice, ""});
      if (candidates.empty()) candidates = find_values(app, options, cursor.path, name_of(*value_of), current);
    }
  }
  std::vector<std::string> lines;
  for (const Candidate& candidate : candidates)
    if (candidate.word == kFiles)
      lines.push_back(candidate.word);
    else if (candidate.word.starts_with(current))
      lines.push_back(candidate.word + "\t" + candidate.description);
  return lines;
}

}  // namespace stint::cli
