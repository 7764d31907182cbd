#include "agent/report.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

#include "agent/limits.hpp"
#include "protocol/limits.hpp"

namespace stint::agent {
namespace {

std::optional<double> find_number(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto number = value->to_number<double>();
  return std::isfinite(number) ? std::optional{number} : std::nullopt;
}

constexpr std::string_view kResultKey = "\"result\"";

/// Where the string that begins at `at` ends: behind its closing quote.
std::size_t skip_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  return at + 1;
}

/// Where the value that begins at `at`, a member of an object, ends: at the comma or brace behind it.
std::size_t skip_value(std::string_view json, std::size_t at) {
  for (int depth = 0; at < json.size();) {
    const char c = json[at];
    if (depth == 0 && (c == ',' || c == '}')) break;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    at = c == '"' ? skip_string(json, at) : at + 1;
  }
  return at;
}

/// The text of the member `result` of `object`, which is known to be a JSON object; its numbers stay as the task wrote them. The last one
/// counts, as for every JSON reader.
std::string_view find_result_text(std::string_view object) {
  std::string_view found;
  for (auto at = object.find('{') + 1; at < object.size();) {
    const auto key_at = object.find('"', at);
    if (key_at == std::string_view::npos) break;
    const auto key_end = skip_string(object, key_at);
    const auto value_at = object.find_first_not_of(" \t\r:", key_end);
    const auto value_end = skip_value(object, value_at);
    if (object.substr(key_at, key_end - key_at) == kResultKey) found = object.substr(value_at, value_end - value_at);
    at = value_end + 1;
  }
  return found.substr(0, found.find_last_not_of(" \t\r") + 1);
}

/// A line that the driver had to cut is no JSON any more; whether a result was meant can still be seen.
bool is_cut_result(std::string_view line) {
  return line.size() >= limits::kReportLineMax && line.find(kResultKey) != std::string_view::npos;
}

std::optional<FoundResult> find_result_in_line(std::string_view line) {
  if (line.find(kResultKey) == std::string_view::npos) return std::nullopt;
  if (is_cut_result(line)) return FoundResult{{}, true};
  boost::system::error_code error;
  const auto value = boost::json::parse(line, error);
  if (error || !value.is_object() || !value.get_object().contains("result")) return std::nullopt;
  const auto text = find_result_text(line);
  if (text.size() > protocol::limits::kResult) return FoundResult{{}, true};
  return FoundResult{std::string{text}, false};
}

}  // namespace

std::optional<FoundResult> find_result(std::string_view lines) {
  while (lines.find(kResultKey) != std::string_view::npos) {
    const auto end = lines.find_last_not_of('\n') + 1;
    const auto start = lines.substr(0, end).rfind('\n') + 1;  // npos + 1 is 0: the first line
    if (auto found = find_result_in_line(lines.substr(start, end - start))) return found;
    lines = lines.substr(0, start);
  }
  return std::nullopt;
}

std::size_t ReportMerge::add_lines(std::string_view lines) {
  std::size_t bad = 0;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (!add_line(line)) ++bad;
  }
  return bad;
}

bool ReportMerge::add_line(std::string_view line) {
  if (is_cut_result(line)) return true;  // find_result says what is wrong with it
  if (line.size() > limits::kReportLineMax) return false;
  boost::system::error_code error;
  const auto value = boost::json::parse(line, error);
  if (error || !value.is_object()) return false;
  const auto& object = value.get_object();

  if (const auto progress = find_number(object, "progress")) progress_ = static_cast<float>(std::clamp(*progress, 0.0, 1.0));
  if (const auto step = find_number(object, "step"); step && *step >= 0 && *step < 0x1p63) step_ = static_cast<std::uint64_t>(*step);
  if (const auto* message = object.if_contains("message"); message != nullptr && message->is_string())
    message_ = message->get_string().subview(0, limits::kDetailMax);
  if (const auto* metrics = object.if_contains("metrics"); metrics != nullptr && metrics->is_object()) {
    for (const auto& entry : metrics->get_object())
      if (const auto number = find_number(metrics->get_object(), entry.key())) set_metric(entry.key(), *number, step_);
  }
  is_new_ = true;
  return true;
}

void ReportMerge::set_metric(std::string_view name, double value, std::uint64_t step) {
  if (name.empty() || name.size() > limits::kMetricNameMax) return;
  const auto known = std::find_if(metrics_.begin(), metrics_.end(), [&](const auto& metric) { return metric.name == name; });
  if (known != metrics_.end()) {
    known->value = value;
    known->step = step;
  } else if (metrics_.size() < limits::kMetricsMax) {
    metrics_.push_back({std::string{name}, value, step});
  }
}

protocol::StatusUpdate ReportMerge::take_update(const AttemptRef& ref) {
  protocol::StatusUpdate update;
  update.ref = ref;
  update.status = TaskStatus::running;
  update.progress = progress_;
  update.metrics = std::exchange(metrics_, {});
  update.detail = std::exchange(message_, {});
  is_new_ = false;
  return update;
}

}  // namespace stint::agent
