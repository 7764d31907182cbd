#include "scheduler/retention.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {

Retention::Retention(RetentionLimits limits, ports::Store& store, Log& log)
    : limits_(limits), store_(store), log_(log), next_(limits.is_anything() ? Instant{} : Instant::max()) {}

/// Often enough that what shall stay for a minute does not stay for two.
Duration Retention::period() const {
  Duration shortest = limits::kSweepPeriod;
  for (const Duration age : {limits_.jobs.age, limits_.store.log_age, limits_.store.event_age})
    if (age > Duration{0}) shortest = std::min(shortest, std::max(age / 4, limits::kSweepPause));
  return shortest;
}

void Retention::on_timer(core::Scheduler& core, Now now, core::Effects& effects, const std::function<void(JobId)>& forget) {
  if (now.mono < next_) return;
  last_ = now.mono;
  const auto rows_before = effects.rows.size();
  const std::size_t removed = core.remove_ended_jobs(limits_.jobs, limits::kJobsRemovedAtOnce, now, effects);
  for (auto i = rows_before; i < effects.rows.size(); ++i)
    if (const auto* removal = std::get_if<core::JobRemovalRow>(&effects.rows[i])) forget(removal->job);
  const bool are_more_jobs = removed == limits::kJobsRemovedAtOnce;
  next_ = now.mono + (are_more_jobs || is_more_ ? limits::kSweepPause : period());
  if (std::exchange(is_sweeping_, true)) return;
  is_more_ = false;
  store_.sweep(limits_.store, now.wall, [this](const Result<ports::Swept>& swept) { on_swept(swept); });
}

void Retention::on_swept(const Result<ports::Swept>& swept) {
  is_sweeping_ = false;
  if (!swept) {
    log_.warn("retention: " + swept.error().detail);
    return;
  }
  if (swept->rows > 0)
    log_.debug("retention: " + std::to_string(swept->rows) + " rows taken away, more: " + (swept->is_more ? "yes" : "no"));
  is_more_ = swept->is_more;
  if (is_more_) next_ = std::min(next_, last_ + limits::kSweepPause);
}

}  // namespace stint::scheduler
