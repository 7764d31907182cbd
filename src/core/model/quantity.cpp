#include "core/model/quantity.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace stint::core {
namespace {

using Wide = unsigned __int128;  // 18 digits times a unit never overflow it

/// A decimal number: `digits` / 10^`places`.
struct Decimal {
  std::uint64_t digits = 0;
  int places = 0;
};

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 13> kByteUnits{{{"", 1},
                                           {"k", 1'000},
                                           {"M", 1'000'000},
                                           {"G", 1'000'000'000},
                                           {"T", 1'000'000'000'000},
                                           {"P", 1'000'000'000'000'000},
                                           {"E", 1'000'000'000'000'000'000},
                                           {"Ki", 1ULL << 10},
                                           {"Mi", 1ULL << 20},
                                           {"Gi", 1ULL << 30},
                                           {"Ti", 1ULL << 40},
                                           {"Pi", 1ULL << 50},
                                           {"Ei", 1ULL << 60}}};
constexpr std::array<Unit, 2> kCpuUnits{{{"", 1000}, {"m", 1}}};
constexpr std::array<Unit, 5> kDurationUnits{
    {{"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}}};

/// Takes `12.5` off the front of `text`. At most 18 digits.
std::optional<Decimal> take_decimal(std::string_view& text) {
  constexpr std::size_t kDigitsMax = 18;
  Decimal number;
  std::size_t count = 0, at = 0;
  bool has_point = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !has_point && count > 0) {
      has_point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (++count > kDigitsMax) return std::nullopt;
    number.digits = number.digits * 10 + static_cast<std::uint64_t>(c - '0');
    if (has_point) ++number.places;
  }
  if (count == 0 || text[at - 1] == '.') return std::nullopt;
  text.remove_prefix(at);
  return number;
}

/// number * factor, rounded up; nothing if it does not fit.
std::optional<std::int64_t> scale(const Decimal& number, std::uint64_t factor) {
  Wide divisor = 1;
  for (int i = 0; i < number.places; ++i) divisor *= 10;
  const Wide value = (Wide{number.digits} * factor + divisor - 1) / divisor;
  if (value > static_cast<Wide>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

template <std::size_t N>
std::optional<std::int64_t> parse_amount(std::string_view text, const std::array<Unit, N>& units) {
  const auto number = take_decimal(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : units)
    if (unit.name == text) return scale(*number, unit.factor);
  return std::nullopt;
}

tl::unexpected<Error> expected(const char* forms, std::string_view text) {
  return fail(Errc::invalid_argument, std::string("expected ") + forms + ", got \"" + std::string(text) + "\"");
}

bool read_count(std::string_view text, std::uint32_t& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size();
}

/// What follows the last `mark` goes into `out`, and is cut off `text`. True if there is no mark.
bool take_suffix(std::string_view& text, char mark, std::uint32_t& out) {
  const std::size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return true;
  const bool is_number = read_count(text.substr(at + 1), out) && out > 0;
  text = text.substr(0, at);
  return is_number;
}

}  // namespace

Result<std::int64_t> parse_cpu(std::string_view text) {
  if (const auto millis = parse_amount(text, kCpuUnits)) return *millis;
  return expected("cores such as 4, 0.5 or 500m", text);
}

Result<std::int64_t> parse_bytes(std::string_view text) {
  if (const auto bytes = parse_amount(text, kByteUnits)) return *bytes;
  return expected("bytes such as 4Gi, 512Mi or 4G", text);
}

Result<Duration> parse_duration(std::string_view text) {
  constexpr const char* kForms = "a duration such as 500ms, 90s, 15m, 2h or 3d";
  if (text == "0") return Duration::zero();
  std::string_view rest = text;
  std::int64_t total = 0;
  while (!rest.empty()) {
    const auto number = take_decimal(rest);
    if (!number) return expected(kForms, text);
    const Unit* found = nullptr;
    for (const Unit& unit : kDurationUnits)
      if (rest.starts_with(unit.name) && (found == nullptr || unit.name.size() > found->name.size())) found = &unit;
    const auto part = found != nullptr ? scale(*number, found->factor) : std::nullopt;
    if (!part || *part > std::numeric_limits<std::int64_t>::max() - total) return expected(kForms, text);
    total += *part;
    rest.remove_prefix(found->name.size());
  }
  if (text.empty()) return expected(kForms, text);
  return Duration{total};
}

Result<ArrayRange> parse_array(std::string_view text) {
  constexpr const char* kForms = "an array such as 0-99, 0-99:2, 0-99%10 or 100";
  ArrayRange range;
  std::string_view rest = text;
  if (!take_suffix(rest, '%', range.max_parallel) || !take_suffix(rest, ':', range.step)) return expected(kForms, text);
  const std::size_t dash = rest.find('-');
  if (dash == std::string_view::npos) {
    const bool is_count = range.step == 1 && read_count(rest, range.count) && range.count > 0;
    if (!is_count) return expected(kForms, text);
    return range;
  }
  std::uint32_t last = 0;
  if (!read_count(rest.substr(0, dash), range.first) || !read_count(rest.substr(dash + 1), last) || last < range.first)
    return expected(kForms, text);
  const std::uint64_t count = std::uint64_t{last - range.first} / range.step + 1;
  if (count > std::numeric_limits<std::uint32_t>::max()) return expected(kForms, text);
  range.count = static_cast<std::uint32_t>(count);
  return range;
}

void set_array(TaskSpec& task, const ArrayRange& range) {
  task.is_array = true;
  task.array_first = range.first;
  task.array_step = range.step;
  task.array_count = range.count;
  task.max_parallel = range.max_parallel;
}

}  // namespace stint::core
