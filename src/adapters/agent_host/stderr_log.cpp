#include "adapters/agent_host/stderr_log.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace stint::agent_host {

void StderrLog::write(LogLevel level, std::string message) {
  static constexpr std::array kNames{"debug", "info", "warn", "error"};
  if (level < least_) return;
  for (auto& c : message)
    if (c == '\n') c = ' ';  // one message, one line: what a task or a peer says cannot pass for a message of ours
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 64> head{};
  std::snprintf(head.data(), head.size(), "%s.%03ldZ %s ", date.data(), now.tv_nsec / 1'000'000, kNames[static_cast<std::size_t>(level)]);
  const auto line = head.data() + message + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());  // nobody to tell if it fails
}

}  // namespace stint::agent_host
