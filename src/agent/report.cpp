#include "agent/report.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

#include "agent/limits.hpp"

namespace stint::agent {
namespace {

std::optional<double> find_number(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto number = value->to_number<double>();
  return std::isfinite(number) ? std::optional{number} : std::nullopt;
}

}  // namespace

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
