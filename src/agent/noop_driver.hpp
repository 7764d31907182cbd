#pragma once

#include <utility>
#include <vector>

#include "ports/driver.hpp"

namespace stint::agent {

/// Runs nothing: every attempt completes at once with exit status 0. It measures Stint without the cost of processes.
/// It has no clock: its times are 0, which the agent reads as "now".
class NoopDriver final : public ports::Driver {
 public:
  NoopDriver() { events_.emplace_back(ports::DriverReady{}); }
  void start(ports::LaunchSpec spec) override;
  /// Too late for all of them.
  void stop(const AttemptRef& /*ref*/, StopMode /*mode*/) override {}
  void request_output(const AttemptRef& /*ref*/, std::uint8_t /*stream*/, std::uint64_t /*offset*/, std::size_t /*max_bytes*/) override {}
  void release(const AttemptRef& /*ref*/) override {}
  std::vector<ports::DriverEvent> take_events() override { return std::exchange(events_, {}); }

 private:
  std::vector<ports::DriverEvent> events_;
};

}  // namespace stint::agent
