#pragma once

#include <atomic>
#include <chrono>

#include "base/time.hpp"

namespace stint::staging {

/// Tells a job on another thread to give up, now or when it has had some more time.
class StopFlag {
 public:
  void raise() { at_ = 0; }
  void raise_in(Duration delay) { at_ = (Clock::now() + delay).time_since_epoch().count(); }
  [[nodiscard]] bool is_raised() const { return Clock::now().time_since_epoch().count() >= at_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::atomic<Clock::rep> at_ = Clock::time_point::max().time_since_epoch().count();
};

}  // namespace stint::staging
