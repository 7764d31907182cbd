#pragma once

#include <string>

#include "base/log.hpp"

namespace stint::agent_host {

/// One line per message on stderr, `2026-11-22T08:40:00.123Z warn text`, written at once: what a service manager or a terminal collects.
class StderrLog final : public Log {
 public:
  explicit StderrLog(LogLevel least) : least_(least) {}
  void write(LogLevel level, std::string message) override;

 private:
  LogLevel least_;
};

}  // namespace stint::agent_host
