#include "apps/stint/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "core/model/scope.hpp"

namespace stint::cli {
namespace {

struct Word {
  std::string text;
  std::string description;
};

/// What may follow the words of a command: its sub-commands and options.
struct Place {
  std::string path;  ///< "agent list"; empty: right after `stint`
  std::vector<Word> commands;
  std::vector<Word> options;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
  const std::size_t at = places.size();
  places.push_back({path, {}, {}});
  for (const CLI::App* command : app.get_subcommands({})) places[at].commands.push_back({command->get_name(), command->get_description()});
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) places[at].options.push_back({"--" + name, option->get_description()});
    for (const std::string& name : option->get_snames()) places[at].options.push_back({"-" + name, option->get_description()});
  }
  for (const CLI::App* command : app.get_subcommands({}))
    collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), places);
}

std::string joined(const Place& place) {
  std::string text;
  for (const auto* words : {&place.commands, &place.options})
    for (const Word& word : *words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

/// What an option of that name takes, where that is a word of a few. A list with commas goes on after the last one.
const std::vector<Word>& option_values() {
  static const std::vector<Word> values = [] {
    std::vector<Word> words{{"--scope", ""}};
    for (const auto scope : core::kScopes) words[0].description.append(words[0].description.empty() ? "" : " ").append(to_string(scope));
    return words;
  }();
  return values;
}

/// For a single-quoted string of any shell.
std::string in_quotes(const std::string& text) {
  std::string safe = "'";
  for (const char c : text) safe += c == '\'' ? std::string("’") : std::string(1, c);
  return safe + "'";
}

std::string bash_script(const std::vector<Place>& places) {
  std::string script =
      "# bash completion for stint\n"
      "_stint() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} path= word i words=\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    [[ $word == -- ]] && { COMPREPLY=($(compgen -c -f -- \"$current\")); return; }\n"
      "    [[ $word == -* ]] || path=${path:+$path }$word\n"
      "  done\n"
      "  case ${COMP_WORDS[COMP_CWORD - 1]} in\n";
  for (const Word& option : option_values())
    script += "    " + option.text + ") [[ $current == *,* ]] && i=${current%,*}, || i=\n      COMPREPLY=($(compgen -P \"$i\" -W " +
              in_quotes(option.description) + " -- \"${current##*,}\"))\n      return ;;\n";
  script +=
      "  esac\n"
      "  case $path in\n";
  for (const Place& place : places)
    script += "    " + (place.path.empty() ? "''" : in_quotes(place.path) + " | " + in_quotes(place.path + " ") + "*") +
              ") words=" + in_quotes(joined(place)) + " ;;\n";
  return script +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  [[ $current == -* || ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -F _stint stint\n";
}

std::string zsh_script(const std::vector<Place>& places) {
  return "#compdef stint\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(places);
}

std::string fish_script(const std::vector<Place>& places) {
  std::string script = "# fish completion for stint\ncomplete -c stint -f\n";
  for (const Place& place : places) {
    std::string condition = "__fish_use_subcommand";
    if (!place.path.empty()) {
      condition.clear();
      std::size_t begin = 0;
      while (begin <= place.path.size()) {
        const std::size_t end = std::min(place.path.find(' ', begin), place.path.size());
        condition +=
            (condition.empty() ? "" : "; and ") + std::string("__fish_seen_subcommand_from ") + place.path.substr(begin, end - begin);
        begin = end + 1;
      }
    }
    for (const Word& word : place.commands)
      script += "complete -c stint -n " + in_quotes(condition) + " -a " + word.text + " -d " + in_quotes(word.description) + "\n";
    for (const Word& word : place.options) {
      const bool is_long = word.text.starts_with("--");
      script += "complete -c stint -n " + in_quotes(condition) + (is_long ? " -l " : " -s ") + word.text.substr(is_long ? 2 : 1) + " -d " +
                in_quotes(word.description) + "\n";
    }
  }
  for (const Word& option : option_values())
    script += "complete -c stint -l " + option.text.substr(2) + " -x -a " + in_quotes(option.description) + "\n";
  return script + "complete -c stint -n '__fish_seen_subcommand_from run validate' -F\n";
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  std::vector<Place> places;
  collect(app, "", places);
  // `agent` matches everything below `agent list`: the deeper place must be tried first.
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return std::pair(a.path.size(), a.path) > std::pair(b.path.size(), b.path); });
  if (shell == "bash") return bash_script(places);
  return shell == "zsh" ? zsh_script(places) : fish_script(places);
}

}  // namespace stint::cli
