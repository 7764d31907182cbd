#pragma once

#include <string>

namespace stint {

enum class LogLevel : int { debug, info, warn, error };

/// Where the pure folders say what an operator should read. Handed in by main(); spdlog stands behind it in the daemons, a buffer in tests.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string message) = 0;
  void debug(std::string message) { write(LogLevel::debug, std::move(message)); }
  void info(std::string message) { write(LogLevel::info, std::move(message)); }
  void warn(std::string message) { write(LogLevel::warn, std::move(message)); }
  void error(std::string message) { write(LogLevel::error, std::move(message)); }
};

}  // namespace stint
