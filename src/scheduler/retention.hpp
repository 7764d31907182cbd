#pragma once

#include <functional>

#include "base/log.hpp"
#include "base/time.hpp"
#include "core/scheduler.hpp"
#include "ports/store.hpp"

namespace stint::scheduler {

/// What is kept, of jobs and of what the store holds beside them.
struct RetentionLimits {
  core::JobRetention jobs;
  ports::StoreRetention store;
  bool operator==(const RetentionLimits&) const = default;
  [[nodiscard]] bool is_anything() const { return *this != RetentionLimits{}; }
};

/// Takes away what is beyond the limits, from time to time and then a little in each turn, until nothing is left to take.
class Retention {
 public:
  Retention(RetentionLimits limits, ports::Store& store, Log& log);

  /// Removes ended jobs from memory, with rows for the turn, and has the store sweep. Call when next_deadline() has come.
  void on_timer(core::Scheduler& core, Now now, core::Effects& effects, const std::function<void(JobId)>& forget);
  [[nodiscard]] Instant next_deadline() const { return next_; }

 private:
  void on_swept(const Result<ports::Swept>& swept);
  [[nodiscard]] Duration period() const;

  RetentionLimits limits_;
  ports::Store& store_;
  Log& log_;
  Instant next_{};
  Instant last_{};
  bool is_sweeping_ = false;
  bool is_more_ = false;
};

}  // namespace stint::scheduler
