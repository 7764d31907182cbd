#include "sim/scenario/text.hpp"

#include <algorithm>
#include <charconv>

#include "base/resources.hpp"
#include "core/model/similar_word.hpp"

namespace stint::sim::scenario {
namespace {

/// The number at the beginning, and what follows it.
std::pair<std::int64_t, std::string> read_unit(const Word& word, const char* what) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(word.text.data(), word.text.data() + word.text.size(), value);
  if (problem == std::errc::result_out_of_range) throw BadText(word, "is too large");
  if (problem != std::errc{}) throw BadText(word, std::string("is no ") + what);
  return {value, std::string(end, word.text.data() + word.text.size())};
}

std::int64_t times(const Word& word, std::int64_t value, std::int64_t unit) {
  if (value > INT64_MAX / unit || value < -(INT64_MAX / unit)) throw BadText(word, "is too large");
  return value * unit;
}

Duration check_length(const Word& word, std::int64_t value, Duration unit) {
  if (value < 0 || value > kLongest / unit) throw BadText(word, "is negative, or longer than a scenario may last: ten years");
  return value * unit;
}

}  // namespace

std::vector<Word> split_at(const Word& word, char separator) {
  std::vector<Word> pieces;
  for (std::size_t at = 0; at <= word.text.size();) {
    const std::size_t end = std::min(word.text.find(separator, at), word.text.size());
    if (end > at) pieces.push_back({word.text.substr(at, end - at), word.column + at});
    at = end + 1;
  }
  return pieces;
}

std::vector<Word> split_words(std::string_view line) { return split_at({std::string(line), 1}, ' '); }

std::uint64_t read_number(const Word& word) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(word.text.data(), word.text.data() + word.text.size(), value);
  if (problem != std::errc{} || end != word.text.data() + word.text.size()) throw BadText(word, "is no number");
  return value;
}

std::uint32_t read_count(const Word& word) {
  const std::uint64_t value = read_number(word);
  if (value > 100'000'000) throw BadText(word, "is too large; the limit is 100000000");
  return static_cast<std::uint32_t>(value);
}

std::int32_t read_integer(const Word& word) {
  std::int32_t value = 0;
  const auto [end, problem] = std::from_chars(word.text.data(), word.text.data() + word.text.size(), value);
  if (problem != std::errc{} || end != word.text.data() + word.text.size()) throw BadText(word, "is no number");
  return value;
}

std::int64_t read_quantity(const Word& word, std::int64_t unit) {
  const auto [value, suffix] = read_unit(word, "quantity, such as 4, 500m or 8Gi");
  if (suffix.empty()) return times(word, value, unit);
  if (suffix == "m") return times(word, value, unit) / 1000;
  if (suffix == "Ki") return times(word, value, 1024);
  if (suffix == "Mi") return times(word, value, kMiB);
  if (suffix == "Gi") return times(word, value, kGiB);
  if (suffix == "Ti") return times(word, value, 1024 * kGiB);
  if (suffix == "G") return times(word, value, 1'000'000'000);
  throw BadText(word, "has an unknown unit; known: m Ki Mi Gi Ti G");
}

Duration read_duration(const Word& word) {
  const auto [value, suffix] = read_unit(word, "duration, such as 90s, 15m or 2h");
  if (suffix == "ms") return check_length(word, value, std::chrono::milliseconds{1});
  if (suffix == "s") return check_length(word, value, std::chrono::seconds{1});
  if (suffix == "m") return check_length(word, value, std::chrono::minutes{1});
  if (suffix == "h") return check_length(word, value, std::chrono::hours{1});
  if (suffix == "d") return check_length(word, value, std::chrono::hours{24});
  throw BadText(word, "has no unit that is known: ms s m h d");
}

Options::Options(std::span<const Word> words, std::vector<std::string_view> known) {
  for (const Word& word : words) {
    const std::size_t equals = std::min(word.text.find('='), word.text.size());
    const std::string name = word.text.substr(0, equals);
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw BadText({name, word.column}, "is not known here" + core::suggestion(name, known));
    const std::size_t value_at = std::min(equals + 1, word.text.size());
    options_.emplace_back(name, Word{word.text.substr(value_at), word.column + value_at});
  }
}

const Word* Options::find(std::string_view name) const {
  const auto at = std::find_if(options_.begin(), options_.end(), [&](const auto& option) { return option.first == name; });
  return at == options_.end() ? nullptr : &at->second;
}

std::vector<Word> Options::list(std::string_view name) const {
  const Word* value = find(name);
  return value == nullptr ? std::vector<Word>{} : split_at(*value, ',');
}

}  // namespace stint::sim::scenario
