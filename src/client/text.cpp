#include "client/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "base/assert.hpp"
#include "base/utc.hpp"
#include "client/glyphs.hpp"

namespace stint::client {
namespace {

/// Like printf, into a string; every use here is short.
template <class... Args>
std::string format(const char* form, Args... args) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), form, args...);
  return buffer.data();
}

std::string without_zeros(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return number;
}

std::string pad(std::string_view cell, std::size_t width, Align align) {
  const std::string spaces(width - std::min(width, display_width(cell)), ' ');
  return align == Align::right ? spaces + std::string(cell) : std::string(cell) + spaces;
}

}  // namespace

std::string show_duration(Duration duration) {
  const std::int64_t ms = std::max<std::int64_t>(0, to_ms(duration));
  const long long seconds = ms / 1000;
  if (seconds < 10) return format("%lld.%llds", seconds, static_cast<long long>(ms % 1000 / 100));
  if (seconds < 60) return format("%llds", seconds);
  if (seconds < 3600) return format("%lldm%02llds", seconds / 60, seconds % 60);
  if (seconds < 86'400) return format("%lldh%02lldm", seconds / 3600, seconds % 3600 / 60);
  return format("%lldd%02lldh", seconds / 86'400, seconds % 86'400 / 3600);
}

std::string show_bytes(std::int64_t bytes) {
  constexpr std::array<const char*, 7> kUnits{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return without_zeros(format("%.1f", amount)) + kUnits[unit];
}

std::string show_cpu(std::int64_t millis) { return without_zeros(format("%.3f", static_cast<double>(millis) / 1000)); }

std::string show_resources(const Resources& resources) {
  std::string text;
  const auto add = [&](bool is_there, const std::string& part) {
    if (is_there) text += (text.empty() ? "" : ", ") + part;
  };
  add(resources.cpu_millis != 0, show_cpu(resources.cpu_millis) + " CPU");
  add(resources.memory_bytes != 0, show_bytes(resources.memory_bytes));
  add(resources.gpus != 0, std::to_string(resources.gpus) + " GPU");
  add(resources.storage_bytes != 0, show_bytes(resources.storage_bytes) + " storage");
  return text;
}

std::string show_time(std::string_view rfc3339) {
  if (rfc3339.size() < 19) return "-";
  return std::string(rfc3339.substr(0, 10)) + " " + std::string(rfc3339.substr(11, 8));
}

std::string show_end(const Outcome& outcome) {
  if (outcome.state == TaskStatus::completed || !has_ended(outcome.state)) return {};
  if (outcome.reason == EndReason::exit) return "exit " + std::to_string(outcome.exit_code);
  if (outcome.reason == EndReason::signal) return "signal " + std::to_string(outcome.signal);
  return std::string(outcome.reason == EndReason::none ? to_string(outcome.state) : to_string(outcome.reason));
}

std::string show_failure(const TaskView& task) {
  if (task.detail.empty()) return show_end(task.outcome);
  // Its detail says so itself, and after how long.
  if (task.outcome.reason == EndReason::timeout) return task.detail;
  return show_end(task.outcome) + ": " + task.detail;
}

std::string show_counts(const TaskCounts& tasks) {
  std::string text = std::to_string(tasks.completed) + "/" + std::to_string(tasks.total());
  if (tasks.running > 0) text += ", " + std::to_string(tasks.running) + " running";
  if (tasks.failed > 0) text += ", " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += ", " + std::to_string(tasks.cancelled) + " cancelled";
  return text;
}

std::string show_bar(double fraction, std::size_t width) {
  if (width < 3) return {};
  const std::size_t inner = width - 2;
  const auto full = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(inner));
  std::string bar(inner, ' ');
  std::fill_n(bar.begin(), full, '=');
  if (full < inner && full > 0) bar[full] = '>';
  return "[" + bar + "]";
}

std::string show_ago(std::string_view rfc3339, UnixMillis now) {
  const auto at = parse_utc(rfc3339);
  if (!at) return "-";
  constexpr Duration kJustNow = std::chrono::seconds{1};
  const Duration age = now - *at;
  return age < kJustNow ? "just now" : show_duration(age) + " ago";
}

Style style_of_state(std::string_view word) {
  if (word == "running") return Style::cyan;
  if (word == "completed" || word == "connected") return Style::green;
  if (word == "failed" || word == "revoked") return Style::red;
  return word == "cancelled" || word == "draining" || word == "disconnected" ? Style::yellow : Style::plain;
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    columns += columns_of(character.code);
    at += character.length;
  }
  return columns;
}

std::string shorten(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t columns = 0; end < text.size();) {
    const Character character = character_at(text, end);
    columns += columns_of(character.code);
    if (columns > width - 1) break;
    end += character.length;
  }
  return std::string(text.substr(0, end)) + "…";
}

void Table::add(std::vector<std::string> cells) {
  STINT_ASSERT(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render() const { return render({false, Charset::utf8}); }

std::vector<std::size_t> Table::shown_columns() const {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (!columns_[i].is_optional || std::any_of(rows_.begin(), rows_.end(), [i](const auto& row) { return !row[i].empty(); }))
      shown.push_back(i);
  return shown;
}

std::string Table::render(const Paint& paint) const {
  const std::vector<std::size_t> shown = shown_columns();
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(display_width(column.title));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));

  std::string text;
  const auto add_line = [&](auto cell_of, auto style) {
    std::size_t last = 0;
    for (const std::size_t i : shown)
      if (!cell_of(i).empty()) last = i;
    StyledLine line;
    for (const std::size_t i : shown) {
      if (i > last) break;
      const bool is_end = i == last && columns_[i].align == Align::left;
      line.add(i == 0 ? "" : "  ").add(is_end ? std::string(cell_of(i)) : pad(cell_of(i), widths[i], columns_[i].align), style(i));
    }
    text += line.paint(paint, line.width()) + "\n";
  };
  add_line([&](std::size_t i) { return std::string_view(columns_[i].title); }, [](std::size_t) { return Style::dim; });
  for (const auto& row : rows_)
    add_line([&](std::size_t i) { return std::string_view(row[i]); },
             [&](std::size_t i) { return columns_[i].style_of != nullptr ? columns_[i].style_of(row[i]) : Style::plain; });
  return text;
}

}  // namespace stint::client
