#include "adapters/config/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/model/quantity.hpp"
#include "core/model/similar_word.hpp"

namespace stint::config {
namespace {

using Config = SchedulerConfig;

constexpr std::array<std::string_view, 4> kLogLevels{"debug", "info", "warn", "error"};
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kCentury = kSecond * 3600 * 24 * 365 * 100;
constexpr std::uint64_t kMany = std::uint64_t{1} << 60;

// The core reckons leases of three heartbeats of 30 s (core::limits::kLease), so a heartbeat may be shorter and not longer.
constexpr std::array kSettings{
    Setting{"scheduler",
            "listen",
            &Config::listen,
            {},
            0,
            0,
            false,
            {},
            "HOST:PORT for agents, the command line and the API. Port 0 lets the system choose.\n"
            "Beyond this machine only TLS is served."},
    Setting{"scheduler",
            "advertise",
            &Config::advertise,
            {},
            0,
            0,
            false,
            {},
            "HOST:PORT that agents on other machines are told. Empty: what is listened on, or this machine's name."},
    Setting{"scheduler",
            "fixed_port",
            &Config::fixed_port,
            {},
            0,
            0,
            false,
            {},
            "Fail if the port is taken; false: take the next free one and say so."},
    Setting{"scheduler",
            "insecure_plaintext",
            &Config::insecure_plaintext,
            {},
            0,
            0,
            false,
            {},
            "Beyond this machine, serve what comes without TLS too: everybody on the way can read tokens,\n"
            "commands and output."},
    Setting{"scheduler",
            "state_dir",
            &Config::state_dir,
            {},
            0,
            0,
            false,
            {},
            "An absolute path. Without it: --state-dir, STINT_STATE_DIR, $XDG_STATE_HOME/stint or ~/.local/state/stint."},
    Setting{"scheduler",
            "heartbeat",
            &Config::heartbeat,
            {},
            kSecond,
            30 * kSecond,
            false,
            {},
            "How often agents say that they are there, 1s to 30s. Three missed ones end a session."},
    Setting{"keys",
            "rotate_every",
            &Config::keys_rotate_every,
            {},
            60 * kSecond,
            kCentury,
            true,
            {},
            "A new key epoch is installed that long after the last one, and agents get their new keys by themselves.\n"
            "0: only with `stint keys rotate`."},
    Setting{"keys",
            "grace",
            &Config::keys_grace,
            {},
            kSecond,
            kSecond * 3600 * 24 * 90,
            false,
            {},
            "How long the older epoch is still accepted for work, 1s to 90d. After that it only gets a newer key, for 90 days."},
    Setting{"tls",
            "certificate",
            &Config::tls_certificate,
            {},
            0,
            0,
            false,
            {},
            "A certificate (PEM, with the chain below it) to show instead of the cell's own."},
    Setting{"tls", "key", &Config::tls_key, {}, 0, 0, false, {}, "Its private key (PEM)."},
    Setting{"tls",
            "client_ca",
            &Config::tls_client_ca,
            {},
            0,
            0,
            false,
            {},
            "Who connects with TLS must show a certificate that one of these authorities (PEM) signed. Empty: need not."},
    Setting{"tls",
            "next_pins",
            &Config::tls_next_pins,
            {},
            0,
            0,
            false,
            {},
            "Keys that this cell may show later, announced to agents already: sha256:HEX, with commas. For a certificate of your own."},
    Setting{"log", "level", &Config::log_level, {}, 0, 0, false, kLogLevels, "debug, info, warn or error; the log goes to stderr."},
    Setting{"retention.jobs",
            "age",
            &Config::jobs_age,
            {},
            kSecond,
            kCentury,
            true,
            {},
            "Ended jobs leave with all their rows when they ended longer ago than `age`, or when there are more\n"
            "than `count` of them, the longest ended first. Jobs that have not ended stay. 0: without limit."},
    Setting{"retention.jobs", "count", &Config::jobs_count, Unit::count, 1, kMany, true, {}, ""},
    Setting{"retention.logs",
            "age",
            &Config::logs_age,
            {},
            kSecond,
            kCentury,
            true,
            {},
            "What tasks printed leaves when the attempt ended longer ago than `age`, or when all output together\n"
            "is more than `size`, the oldest first. Output of attempts that have not ended stays. 0: without limit."},
    Setting{"retention.logs", "size", &Config::logs_size, Unit::bytes, std::uint64_t{1} << 20, kMany, true, {}, ""},
    Setting{"retention.events",
            "age",
            &Config::events_age,
            {},
            kSecond,
            kCentury,
            true,
            {},
            "The audit trail (`GET /v1/events`) by age and number. 0: without limit."},
    Setting{"retention.events", "count", &Config::events_count, Unit::count, 1000, kMany, true, {}, ""},
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string show_duration(Duration duration) {
  const std::int64_t ms = to_ms(duration);
  constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits{{{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}}};
  if (ms == 0) return "0";
  for (const auto& [size, unit] : kUnits)
    if (ms % size == 0) return std::to_string(ms / size) + unit;
  return std::to_string(ms) + "ms";
}

std::string show_number(std::uint64_t number, Unit unit) {
  if (unit != Unit::bytes || number == 0) return std::to_string(number);
  constexpr std::array<std::pair<int, const char*>, 4> kUnits{{{40, "Ti"}, {30, "Gi"}, {20, "Mi"}, {10, "Ki"}}};
  for (const auto& [shift, name] : kUnits)
    if ((number & ((std::uint64_t{1} << shift) - 1)) == 0) return quoted(std::to_string(number >> shift) + name);
  return std::to_string(number);
}

std::string show_limit(const Setting& setting, std::uint64_t value) {
  return std::holds_alternative<Duration Config::*>(setting.member) ? show_duration(from_ms(static_cast<std::int64_t>(value)))
                                                                    : show_number(value, setting.unit);
}

Status check_range(const Setting& setting, std::uint64_t value) {
  if (setting.high == 0 || (value == 0 && setting.may_be_zero) || (value >= setting.low && value <= setting.high)) return {};
  std::string allowed = "from " + show_limit(setting, setting.low);
  if (setting.high < kMany) allowed += " to " + show_limit(setting, setting.high);
  if (setting.may_be_zero) allowed += ", or 0 for no limit";
  return fail(Errc::out_of_range, show_limit(setting, value) + " is out of range: " + allowed);
}

Status wrong_kind(const std::string& expected, const Given& given) {
  const char* kind = given.index() == 0 ? "a text" : given.index() == 1 ? "true or false" : "a number";
  return fail(Errc::invalid_argument, "expected " + expected + ", got " + kind);
}

Status assign_string(const Setting& setting, const Given& given, std::string& target) {
  const auto* text = std::get_if<std::string>(&given);
  if (text == nullptr) return wrong_kind("a text in quotes", given);
  if (!setting.words.empty() && std::find(setting.words.begin(), setting.words.end(), *text) == setting.words.end()) {
    std::string known;
    for (const std::string_view word : setting.words) known.append(known.empty() ? "" : ", ").append(word);
    return fail(Errc::invalid_argument, quoted(*text) + " is none of " + known + core::suggestion(*text, setting.words));
  }
  target = *text;
  return {};
}

Status assign_duration(const Setting& setting, const Given& given, Duration& target) {
  const auto* text = std::get_if<std::string>(&given);
  const auto* number = std::get_if<std::int64_t>(&given);
  if (text == nullptr && (number == nullptr || *number != 0))
    return wrong_kind("a duration in quotes such as \"90s\", \"2h\" or \"30d\"", given);
  Duration duration{};
  if (text != nullptr) {
    STINT_TRY(duration, core::parse_duration(*text));
  }
  STINT_TRY_VOID(check_range(setting, static_cast<std::uint64_t>(to_ms(duration))));
  target = duration;
  return {};
}

Status assign_number(const Setting& setting, const Given& given, std::uint64_t& target) {
  const bool is_size = setting.unit == Unit::bytes;
  std::int64_t value = 0;
  if (const auto* number = std::get_if<std::int64_t>(&given)) {
    value = *number;
  } else if (const auto* text = std::get_if<std::string>(&given); text != nullptr && is_size) {
    STINT_TRY(value, core::parse_bytes(*text));
  } else {
    return wrong_kind(is_size ? "bytes such as \"10Gi\" or 1000000" : "a whole number", given);
  }
  if (value < 0) return fail(Errc::out_of_range, std::to_string(value) + " is out of range: it may not be negative");
  STINT_TRY_VOID(check_range(setting, static_cast<std::uint64_t>(value)));
  target = static_cast<std::uint64_t>(value);
  return {};
}

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

std::string key_of(const Setting& setting) { return std::string(setting.section) + "." + std::string(setting.name); }

Status assign(const Setting& setting, const Given& given, SchedulerConfig& config) {
  if (const auto* member = std::get_if<std::string Config::*>(&setting.member)) return assign_string(setting, given, config.**member);
  if (const auto* member = std::get_if<Duration Config::*>(&setting.member)) return assign_duration(setting, given, config.**member);
  if (const auto* member = std::get_if<std::uint64_t Config::*>(&setting.member)) return assign_number(setting, given, config.**member);
  const auto* is_on = std::get_if<bool>(&given);
  if (is_on == nullptr) return wrong_kind("true or false", given);
  config.*std::get<bool Config::*>(setting.member) = *is_on;
  return {};
}

Status assign_text(const Setting& setting, std::string_view text, SchedulerConfig& config) {
  if (std::holds_alternative<bool Config::*>(setting.member) && (text == "true" || text == "false"))
    return assign(setting, text == "true", config);
  if (setting.unit == Unit::count) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem == std::errc{} && end == text.data() + text.size()) return assign(setting, number, config);
  }
  return assign(setting, std::string(text), config);
}

std::string show(const Setting& setting, const SchedulerConfig& config) {
  if (const auto* member = std::get_if<std::string Config::*>(&setting.member)) return quoted(config.**member);
  if (const auto* member = std::get_if<bool Config::*>(&setting.member)) return config.**member ? "true" : "false";
  if (const auto* member = std::get_if<std::uint64_t Config::*>(&setting.member)) return show_number(config.**member, setting.unit);
  const Duration duration = config.*std::get<Duration Config::*>(setting.member);
  return duration == Duration{} ? "0" : quoted(show_duration(duration));
}

}  // namespace stint::config
