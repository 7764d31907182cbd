// The text of a cut, both ways.
#include <charconv>

#include "sim/plan.hpp"

namespace stint::sim {
namespace {

using Numbers = std::vector<std::size_t>;

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string_view take_part(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return trim(part);
}

bool parse_number(std::string_view text, std::size_t& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size() && number <= 1'000'000;
}

/// `1-3,7`, or `none`.
bool parse_numbers(std::string_view text, std::optional<Numbers>& out) {
  out.emplace();
  if (text == "none") return true;
  while (!text.empty()) {
    std::string_view range = take_part(text, ',');
    const auto first_word = take_part(range, '-');
    std::size_t first = 0;
    if (!parse_number(first_word, first)) return false;
    std::size_t last = first;
    if (!range.empty() && !parse_number(trim(range), last)) return false;
    for (std::size_t number = first; number <= last; ++number) out->push_back(number);
  }
  return !out->empty();
}

bool parse_count(std::string_view text, std::optional<std::uint32_t>& out) {
  std::size_t number = 0;
  if (!parse_number(text, number) || number == 0) return false;
  out = static_cast<std::uint32_t>(number);
  return true;
}

bool parse_part(std::string_view part, Cut& cut) {
  if (part == "calm network") return cut.is_network_calm = true;
  if (part == "no people") return cut.has_no_people = true;
  if (part == "no liar") return cut.has_no_liar = true;
  const auto name = take_part(part, ' ');
  const auto value = trim(part);
  if (name == "agents") return parse_numbers(value, cut.agents);
  if (name == "jobs") return parse_numbers(value, cut.jobs);
  if (name == "faults") return parse_numbers(value, cut.faults);
  if (name == "tasks") return parse_count(value, cut.tasks);
  if (name == "minutes") return parse_count(value, cut.minutes);
  return false;
}

std::string text_of(const Numbers& numbers) {
  if (numbers.empty()) return "none";
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(numbers[i]);
    if (last > i) text += '-' + std::to_string(numbers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

std::string Cut::text() const {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (agents) add("agents " + text_of(*agents));
  if (jobs) add("jobs " + text_of(*jobs));
  if (tasks) add("tasks " + std::to_string(*tasks));
  if (faults) add("faults " + text_of(*faults));
  if (minutes) add("minutes " + std::to_string(*minutes));
  if (is_network_calm) add("calm network");
  if (has_no_people) add("no people");
  if (has_no_liar) add("no liar");
  return text;
}

Result<Cut> parse_cut(std::string_view text) {
  Cut cut;
  while (!text.empty()) {
    const auto part = take_part(text, ';');
    if (!parse_part(part, cut))
      return fail(Errc::invalid_argument, '"' + std::string(part) +
                                              "\" is no part of a cut; parts are: agents 1-2; jobs 3; tasks 4; faults 2,7; minutes 3; calm "
                                              "network; no people; no liar");
  }
  return cut;
}

}  // namespace stint::sim
