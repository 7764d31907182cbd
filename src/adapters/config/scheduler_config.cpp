// toml++ finds the places; settings.cpp knows what they may hold.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include "adapters/config/scheduler_config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "adapters/config/settings.hpp"
#include "base/pin.hpp"
#include "core/model/similar_word.hpp"

namespace stint::config {
namespace {

const Setting* find_setting(std::string_view key) {
  for (const Setting& setting : all_settings())
    if (key_of(setting) == key) return &setting;
  return nullptr;
}

/// The names that may stand in `section`: settings, and the sections below it.
std::vector<std::string_view> names_in(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Setting& setting : all_settings()) {
    if (setting.section == section) names.push_back(setting.name);
    std::string_view below = setting.section;
    if (!section.empty() && !below.starts_with(section)) continue;
    if (!section.empty()) below.remove_prefix(section.size());
    if (!section.empty() && !below.starts_with('.')) continue;
    if (below.starts_with('.')) below.remove_prefix(1);
    below = below.substr(0, below.find('.'));
    if (std::find(names.begin(), names.end(), below) == names.end()) names.push_back(below);
  }
  return names;
}

bool is_section(std::string_view name) {
  return std::any_of(all_settings().begin(), all_settings().end(), [&](const Setting& setting) {
    return setting.section == name || (setting.section.starts_with(name) && setting.section.substr(name.size()).starts_with('.'));
  });
}

std::string join(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : std::string(section) + "." + std::string(name);
}

std::optional<Given> read_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return Given{text->get()};
  if (const auto* flag = node.as_boolean()) return Given{flag->get()};
  if (const auto* number = node.as_integer()) return Given{number->get()};
  return std::nullopt;
}

/// What is wrong with HOST:PORT; empty: nothing.
std::string find_listen_problem(std::string_view listen) {
  const std::size_t colon = listen.rfind(':');
  std::string expected = "expected HOST:PORT such as 127.0.0.1:7464, got \"" + std::string(listen) + "\"";
  if (colon == std::string_view::npos || colon == 0) return expected;
  const std::string_view port = listen.substr(colon + 1);
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return expected;
  return std::stoul(std::string(port)) > 65535 ? "port " + std::string(port) + " is over 65535" : std::string{};
}

}  // namespace

/// One file on its way through the settings.
struct ConfigReader::FileWalk {
  ConfigReader& reader;
  const std::string& file;

  void table(const toml::table& table, const std::string& section) {
    for (const auto& [key, node] : table) {
      const std::string name = join(section, key.str());
      if (const Setting* setting = find_setting(name)) {
        value(*setting, node);
      } else if (node.is_table() && is_section(name)) {
        this->table(*node.as_table(), name);
      } else if (is_section(name)) {
        const toml::source_position at = key.source().begin;
        reader.complain(at.line, at.column, name,
                        std::string("`").append(name).append("` is a section: write [").append(name).append("] above its settings"));
      } else {
        unknown(section, key, node.is_table());
      }
    }
  }

  void value(const Setting& setting, const toml::node& node) {
    const toml::source_position at = node.source().begin;
    const auto given = read_value(node);
    const Status assigned =
        given ? assign(setting, *given, reader.config_)
              : Status(fail(Errc::invalid_argument, "expected one plain value, got a list, a table, a fraction or a date"));
    if (!assigned) return reader.complain(at.line, at.column, key_of(setting), assigned.error().detail);
    reader.origins_[key_of(setting)] = file + ":" + std::to_string(at.line);
  }

  void unknown(const std::string& section, const toml::key& key, bool is_table) {
    const toml::source_position at = key.source().begin;
    const auto known = names_in(section);
    const std::string what = is_table ? "section [" + join(section, key.str()) + "]" : "key `" + std::string(key.str()) + "`";
    std::string where = section.empty() ? "" : " in [" + section + "]";
    std::string help = core::suggestion(key.str(), known);
    if (help.empty()) {
      help = "; known" + where + ":";
      for (const std::string_view name : known) help.append(" ").append(name);
      where.clear();
    }
    reader.complain(at.line, at.column, join(section, key.str()), "unknown " + what + where + help);
  }
};

void ConfigReader::complain(std::uint32_t line, std::uint32_t column, std::string key, std::string detail) {
  problems_.push_back({line, column, std::move(key), std::move(detail)});
}

void ConfigReader::read_file(std::string_view text, const std::string& name) {
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return complain(error.source().begin.line, error.source().begin.column, "", std::string(error.description()));
  }
  FileWalk{*this, name}.table(parsed.table(), "");
  const auto by_place = [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::tie(a.line, a.column, a.key, a.detail) < std::tie(b.line, b.column, b.key, b.detail);
  };
  std::sort(problems_.begin(), problems_.end(), by_place);
}

void ConfigReader::set(std::string_view key, std::string_view text, const std::string& origin) {
  const Setting* setting = find_setting(key);
  const Status assigned =
      setting != nullptr ? assign_text(*setting, text, config_) : Status(fail(Errc::invalid_argument, "no such setting"));
  if (!assigned) return complain(0, 0, std::string(key), origin + ": " + assigned.error().detail);
  origins_[std::string(key)] = origin;
}

void ConfigReader::check_together() {
  const auto origin_of = [this](std::string_view key) {
    const auto at = origins_.find(key);
    return at == origins_.end() ? std::string("default") : at->second;
  };
  if (auto problem = find_listen_problem(config_.listen); !problem.empty()) {
    complain(0, 0, "scheduler.listen", origin_of("scheduler.listen") + ": " + problem);
  }
  if (auto problem = config_.advertise.empty() ? std::string() : find_listen_problem(config_.advertise); !problem.empty())
    complain(0, 0, "scheduler.advertise", origin_of("scheduler.advertise") + ": " + problem);
  for (const auto& [one, other, key] : {std::tuple(&config_.tls_certificate, &config_.tls_key, "tls.key"),
                                        std::tuple(&config_.tls_key, &config_.tls_certificate, "tls.certificate")})
    if (!one->empty() && other->empty()) complain(0, 0, key, std::string(key) + " is missing: a certificate and its key belong together");
  if (const auto pins = parse_pins(config_.tls_next_pins); !pins)
    complain(0, 0, "tls.next_pins", origin_of("tls.next_pins") + ": " + pins.error().detail);
  if (!config_.state_dir.empty() && config_.state_dir.front() != '/')
    complain(0, 0, "scheduler.state_dir", origin_of("scheduler.state_dir") + ": \"" + config_.state_dir + "\" is not an absolute path");
}

std::vector<ConfigSetting> ConfigReader::settings() const {
  std::vector<ConfigSetting> all;
  for (const Setting& setting : all_settings()) {
    const auto at = origins_.find(key_of(setting));
    all.push_back({key_of(setting), show(setting, config_), at == origins_.end() ? "default" : at->second});
  }
  return all;
}

std::string default_config_file() {
  std::string out =
      "# Configuration of a Stint scheduler: every setting with its default. `stint scheduler check-config FILE` checks it.\n"
      "# Looked for: --config FILE, else STINT_CONFIG, else /etc/stint/stint.toml. Options of the command line win over it.\n"
      "# Durations: \"90s\", \"15m\", \"2h\", \"30d\". Sizes: \"512Mi\", \"10Gi\".\n";
  const SchedulerConfig config;
  std::string_view section;
  for (const Setting& setting : all_settings()) {
    if (setting.section != section) out.append("\n[").append(setting.section).append("]\n");
    section = setting.section;
    for (std::string_view about = setting.about; !about.empty();) {
      const std::size_t end = std::min(about.find('\n'), about.size());
      out.append("# ").append(about.substr(0, end)).append("\n");
      about.remove_prefix(std::min(end + 1, about.size()));
    }
    const bool is_found_elsewhere = setting.name == "state_dir";
    out.append(is_found_elsewhere ? "# state_dir = \"/var/lib/stint\"" : std::string(setting.name) + " = " + show(setting, config)) += '\n';
  }
  return out;
}

}  // namespace stint::config
