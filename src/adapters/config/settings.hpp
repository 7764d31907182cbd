#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "adapters/config/scheduler_config.hpp"
#include "base/result.hpp"

/// The table that everything about stint.toml follows from: reading, limits, printing, the default file.
namespace stint::config {

enum class Unit : std::uint8_t { none, bytes, count };

using Member =
    std::variant<std::string SchedulerConfig::*, bool SchedulerConfig::*, Duration SchedulerConfig::*, std::uint64_t SchedulerConfig::*>;

struct Setting {
  std::string_view section;  ///< `retention.jobs`
  std::string_view name;     ///< `age`
  Member member;
  Unit unit = Unit::none;            ///< of a number
  std::uint64_t low = 0, high = 0;   ///< of a number, or of a duration in milliseconds; high 0: no limit
  bool may_be_zero = false;          ///< zero switches the limit off, whatever `low` says
  std::span<const std::string_view> words;  ///< what a text may be; empty: anything
  std::string_view about;            ///< lines of the comment in the default file
};

/// Sections stand together, in the order of the default file.
[[nodiscard]] std::span<const Setting> all_settings();
[[nodiscard]] std::string key_of(const Setting& setting);

/// A number, a switch or a text as the file has it.
using Given = std::variant<std::string, bool, std::int64_t>;
/// Errors:  invalid_argument (another kind, a form that is not understood), out_of_range; the detail says what is expected.
[[nodiscard]] Status assign(const Setting& setting, const Given& given, SchedulerConfig& config);
/// The same from a command line, where everything is text.
[[nodiscard]] Status assign_text(const Setting& setting, std::string_view text, SchedulerConfig& config);
/// In TOML's notation.
[[nodiscard]] std::string show(const Setting& setting, const SchedulerConfig& config);

}  // namespace stint::config
