#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ports/driver.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

/// A driver of one life of an agent, and what the agent may ask of it: nothing is started before the scheduler has it on its disk, and
/// what was prepared is what is started.
class WatchedDriver final : public ports::Driver {
 public:
  using IsWritten = std::function<bool(const ports::LaunchSpec&)>;
  WatchedDriver(ports::Driver& inner, Findings& findings, std::string agent, IsWritten is_written)
      : inner_(inner), findings_(findings), agent_(std::move(agent)), is_written_(std::move(is_written)) {}

  void start(ports::LaunchSpec spec) override;
  void prepare(const ports::LaunchSpec& spec) override;
  void stop(const AttemptRef& ref, StopMode mode) override { inner_.stop(ref, mode); }
  void request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override {
    inner_.request_output(ref, stream, offset, max_bytes);
  }
  void release(const AttemptRef& ref) override;
  void set_alone_since(Instant since) override { inner_.set_alone_since(since); }
  std::vector<ports::DriverEvent> take_events() override { return inner_.take_events(); }
  [[nodiscard]] std::vector<std::string> notes() const override { return inner_.notes(); }

 private:
  ports::Driver& inner_;
  Findings& findings_;
  std::string agent_;
  IsWritten is_written_;
  std::map<AttemptRef, ports::LaunchSpec> prepared_;  ///< and neither started nor released
};

}  // namespace stint::sim
