#include "base/utc.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace stint {
namespace {

/// -1 if they are not all digits.
int digits(std::string_view text, std::size_t at, std::size_t length) {
  int value = 0;
  for (const char c : text.substr(at, length)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// The last `length` digits of `value`, which is not negative.
void put_digits(std::string& text, std::int64_t value, std::size_t length) {
  const std::size_t end = text.size() + length;
  text.resize(end);
  for (std::size_t i = 1; i <= length; ++i, value /= 10) text[end - i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string format_utc(UnixMillis at) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{at.time_since_epoch()};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  // Digit by digit, since printf takes ten times as long: a moment stands in every event.
  const int year = static_cast<int>(date.year());
  std::string text = year < 0 ? "-" : "";
  put_digits(text, std::abs(year), std::abs(year) > 9999 ? 5 : 4);  // the calendar ends with 32767
  for (const auto& [before, value] : {std::pair{'-', std::int64_t{static_cast<unsigned>(date.month())}},
                                      {'-', std::int64_t{static_cast<unsigned>(date.day())}},
                                      {'T', clock.hours().count()},
                                      {':', clock.minutes().count()},
                                      {':', clock.seconds().count()}}) {
    text += before;
    put_digits(text, value, 2);
  }
  text += '.';
  put_digits(text, clock.subseconds().count(), 3);
  return text += 'Z';
}

std::optional<UnixMillis> parse_utc(std::string_view text) {
  const bool has_fraction = text.size() == 24;
  if (text.size() != 20 && !has_fraction) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text.back() != 'Z' ||
      (has_fraction && text[19] != '.'))
    return std::nullopt;
  const std::array<int, 7> parts{digits(text, 0, 4),
                                 digits(text, 5, 2),
                                 digits(text, 8, 2),
                                 digits(text, 11, 2),
                                 digits(text, 14, 2),
                                 digits(text, 17, 2),
                                 has_fraction ? digits(text, 20, 3) : 0};
  if (std::any_of(parts.begin(), parts.end(), [](int part) { return part < 0; })) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(parts[0]), std::chrono::month(static_cast<unsigned>(parts[1])),
                                         std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!date.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return unix_millis((((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]) * 1000 + parts[6]);
}

}  // namespace stint
