#include "client/selector.hpp"

#include <algorithm>
#include <charconv>

namespace stint::client {
namespace {

constexpr std::uint64_t kRangeMax = 10'000;

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool is_task_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

bool read_jobs(std::string_view text, Selector& selector) {
  selector.is_last = text == "last";
  if (selector.is_last) return true;
  const std::size_t dash = text.find('-');
  if (!read_number(text.substr(0, dash), selector.first_job)) return false;
  selector.last_job = selector.first_job;
  if (dash != std::string_view::npos && !read_number(text.substr(dash + 1), selector.last_job)) return false;
  return selector.first_job > 0 && selector.last_job >= selector.first_job;
}

bool read_index(std::string_view text, Selector& selector) {
  if (text == "*") return true;  // the whole array, as without it
  std::uint32_t index = 0;
  if (!read_number(text, index)) return false;
  selector.index = index;
  return true;
}

bool read_attempt(std::string_view text, Selector& selector) {
  std::uint32_t attempt = 0;
  if (!read_number(text, attempt) || attempt == 0) return false;
  selector.attempt = attempt;
  return true;
}

bool read_selector(std::string_view text, Selector& selector) {
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos && !read_attempt(text.substr(at + 1), selector)) return false;
  text = text.substr(0, at);
  const std::size_t dot = text.find('.');
  if (!read_jobs(text.substr(0, dot), selector)) return false;
  if (dot == std::string_view::npos) return !selector.attempt;
  text.remove_prefix(dot + 1);
  const std::size_t second = text.find('.');
  selector.task = text.substr(0, second);
  if (selector.is_range() || !is_task_name(selector.task)) return false;
  return second == std::string_view::npos || read_index(text.substr(second + 1), selector);
}

}  // namespace

std::string Selector::task_path() const { return index ? task + "." + std::to_string(*index) : task; }

Result<Selector> parse_selector(std::string_view text) {
  Selector selector;
  if (!read_selector(text, selector))
    return fail(Errc::invalid_argument,
                "\"" + std::string(text) + "\" names no job or task; the forms are: last, 12, 12-15, 12.train, 12.train.3, 12.train.3@2");
  if (selector.last_job - selector.first_job >= kRangeMax)
    return fail(Errc::out_of_range, "\"" + std::string(text) + "\" is a range of more than 10,000 jobs");
  return selector;
}

}  // namespace stint::client
