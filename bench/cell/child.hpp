#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace stint::bench {

/// A program of others beside a benchmark: a peer's server, worker or client. It goes with this object, at the latest.
class Child {
 public:
  /// Looked for in PATH; nothing on stdin, its output appended to the file `log`.
  [[nodiscard]] static Result<Child> start(const std::vector<std::string>& command, const std::string& log);
  /// Starts and waits. Errors: io  it ended with another exit status than 0; the detail has the last of what it said.
  [[nodiscard]] static Status run(const std::vector<std::string>& command, const std::string& log);
  ~Child() { end(); }
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;

  /// Its exit status, 128 + signal as shells say it.
  int wait();
  /// SIGTERM, and SIGKILL if that is not enough.
  void end();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
};

}  // namespace stint::bench
