#include "apps/stint/manual.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/stint/topics.hpp"

/// man(7): `.SH` a section, `.TP` a term with its text, `.nf` .. `.fi` lines as they are.
namespace stint::cli {
namespace {

using Pages = std::vector<std::pair<std::string, std::string>>;

/// A backslash, a hyphen, and a dot or quote at the beginning of a line would be commands.
std::string escaped(std::string_view text) {
  std::string result;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    begins_line = c == '\n';
  }
  return result;
}

std::string heading(const std::string& name, const std::string& section) {
  return ".TH \"" + name + "\" " + section + " \"\" \"stint " STINT_VERSION "\" \"Stint\"\n";
}

std::string term(const std::string& name, const std::string& text) { return ".TP\n.B " + escaped(name) + "\n" + escaped(text) + "\n"; }

std::string words_of(const CLI::Option& option) {
  std::string words = option.get_name(option.get_positional(), true);
  std::replace(words.begin(), words.end(), ',', ' ');
  const bool has_value = !option.get_positional() && option.get_items_expected_max() > 0;
  return has_value ? words + " " + option.get_type_name() : words;
}

std::string joined(const std::string& path, char separator) {
  std::string name = path;
  std::replace(name.begin(), name.end(), ' ', separator);
  return name;
}

std::string command_page(const CLI::App& command, const std::string& path) {
  std::string page = heading(joined(path, '-'), "1") + ".SH NAME\n" + escaped(joined(path, '-')) + " \\- " +
                     escaped(command.get_description()) + "\n.SH SYNOPSIS\n.B " + escaped(path) + "\n[OPTIONS]";
  const auto commands = command.get_subcommands({});
  if (!commands.empty()) page += " COMMAND";
  std::string arguments, options;
  for (const CLI::Option* option : command.get_options()) {
    (option->get_positional() ? arguments : options) += term(words_of(*option), option->get_description());
    if (option->get_positional()) page += " [" + escaped(option->get_name(true)) + "]";
  }
  page += "\n";
  if (!commands.empty()) page += ".SH COMMANDS\n";
  for (const CLI::App* sub : commands)
    if (!sub->get_group().empty()) page += term(path + " " + sub->get_name(), sub->get_description());
  if (!arguments.empty()) page += ".SH ARGUMENTS\n" + arguments;
  if (!options.empty()) page += ".SH OPTIONS\n" + options;
  if (const std::string footer = command.get_footer(); !footer.empty())
    page += ".SH EXAMPLES AND NOTES\n.nf\n" + escaped(footer) + "\n.fi\n";
  page += ".SH SEE ALSO\n.BR stint (1)";
  for (const Topic& topic : topics()) page += ",\n.BR stint\\-" + escaped(topic.name) + " (7)";
  return page + "\n";
}

void add_commands(const CLI::App& command, const std::string& path, Pages& pages) {
  pages.emplace_back("man1/" + joined(path, '-') + ".1", command_page(command, path));
  for (const CLI::App* sub : command.get_subcommands({}))
    if (!sub->get_group().empty()) add_commands(*sub, path + " " + sub->get_name(), pages);
}

std::string topic_page(const Topic& topic) {
  const std::string name = "stint-" + std::string(topic.name);
  std::string page = heading(name, "7") + ".SH NAME\n" + escaped(name) + " \\- " + escaped(topic.title) + "\n.SH DESCRIPTION\n";
  bool is_code = false;
  std::string_view rest = topic.body;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const bool is_indented = line.starts_with("    ");
    if (is_indented != is_code && !line.empty()) page += is_indented ? ".PP\n.nf\n" : ".fi\n.PP\n";
    if (!line.empty()) is_code = is_indented;
    if (line.starts_with("## "))
      page += ".SH " + escaped(line.substr(3)) + "\n";
    else if (line.empty() && !is_code)
      page += ".PP\n";
    else
      page += escaped(line) + "\n";
  }
  return page + (is_code ? ".fi\n" : "");
}

}  // namespace

Pages manual_pages(const CLI::App& app) {
  Pages pages;
  add_commands(app, "stint", pages);
  for (const Topic& topic : topics()) pages.emplace_back("man7/stint-" + std::string(topic.name) + ".7", topic_page(topic));
  return pages;
}

}  // namespace stint::cli
