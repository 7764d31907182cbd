#include "scheduler/report_book.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

core::ReportRow row_of(const AttemptRef& ref, ReportBook::Latest& latest) {
  latest.stored = true;
  core::ReportRow row;
  row.ref = ref;
  row.seq = static_cast<std::uint32_t>(to_ms(latest.at) / 1000);  // unique over restarts; two within a second are one
  row.at = latest.at;
  row.progress = latest.progress;
  row.step = latest.step;
  row.metrics = metrics_json(latest.metrics);
  row.message = latest.message;
  return row;
}

}  // namespace

std::string metrics_json(const std::vector<std::pair<std::string, double>>& metrics) {
  boost::json::object object;
  for (const auto& [name, value] : metrics) object[name] = value;
  return boost::json::serialize(object);
}

ReportBook::Latest ReportBook::read(const core::ReportRow& row) {
  Latest latest{row.at, row.progress, row.step, {}, row.message, true};
  boost::system::error_code failed;
  const auto metrics = boost::json::parse(row.metrics, failed);
  if (failed || !metrics.is_object()) return latest;
  for (const auto& [name, value] : metrics.get_object())
    if (value.is_number()) latest.metrics.emplace_back(name, value.to_number<double>());
  return latest;
}

void ReportBook::on_report(const protocol::StatusUpdate& update, Now now) {
  Latest& latest = latest_[update.ref];
  latest.at = now.wall;
  latest.progress = update.progress;
  for (const auto& metric : update.metrics) {
    latest.step = std::max(latest.step, metric.step);
    auto it = std::lower_bound(latest.metrics.begin(), latest.metrics.end(), metric.name,
                               [](const auto& a, const std::string& b) { return a.first < b; });
    if (it != latest.metrics.end() && it->first == metric.name)
      it->second = metric.value;
    else
      latest.metrics.insert(it, {metric.name, metric.value});
  }
  if (!update.detail.empty()) latest.message = update.detail;
  if (!std::exchange(latest.stored, false)) return;
  if (changed_.empty() && next_store_ <= now.mono) next_store_ = now.mono + limits::kReportPeriod;
  changed_.push_back(update.ref);
}

const ReportBook::Latest* ReportBook::find(const AttemptRef& ref) const {
  auto it = latest_.find(ref);
  return it == latest_.end() ? nullptr : &it->second;
}

void ReportBook::store_changed(Now now, core::Effects& effects) {
  if (changed_.empty() || now.mono < next_store_) return;
  next_store_ = now.mono + limits::kReportPeriod;
  for (const auto& ref : std::exchange(changed_, {}))
    if (auto it = latest_.find(ref); it != latest_.end() && !it->second.stored) effects.rows.emplace_back(row_of(ref, it->second));
}

void ReportBook::finish(const AttemptRef& ref, core::Effects& effects) {
  auto it = latest_.find(ref);
  if (it == latest_.end()) return;
  if (!it->second.stored) effects.rows.emplace_back(row_of(ref, it->second));
  latest_.erase(it);
}

void ReportBook::clear() {
  latest_.clear();
  changed_.clear();
}

}  // namespace stint::scheduler
