#pragma once

#include <string>

#include "base/result.hpp"

namespace stint::agent_host {

/// One agent process per state directory: an flock on STATE/lock, which the kernel lets go when the process dies, however it dies.
class StateLock {
 public:
  /// Makes the directory (0700) if need be.
  /// Errors:  conflict  another process holds it;  io.
  [[nodiscard]] static Result<StateLock> acquire(const std::string& state_dir);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace stint::agent_host
