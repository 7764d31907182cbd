#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::cli {

/// One process of `stint dev`, started again when it dies. It is in a process group of its own, so that Ctrl-C reaches only the parent, and
/// gets
/// SIGTERM when the parent dies.
class DevChild {
 public:
  /// `arguments`: the program's path first. Output goes to the end of `log_path`.
  DevChild(std::string name, std::vector<std::string> arguments, std::string log_path);

  /// `inherited_fd` stays open in the child; -1: none. Errors: io.
  [[nodiscard]] Status start(int inherited_fd = -1);
  /// Collects the child if it has died and sets the time of its next start: 0.1 s later, doubled up to 5 s while it keeps dying young.
  /// True if it has just died.
  bool reap();
  /// Starts it if its time has come.
  void restart_if_due();
  /// Nothing while it runs.
  [[nodiscard]] std::optional<Instant> restart_at() const { return restart_at_; }
  [[nodiscard]] bool is_running() const { return pid_ > 0; }
  /// How it died: `exit status 125`, `signal 9`.
  [[nodiscard]] const std::string& last_end() const { return last_end_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& log_path() const { return log_path_; }

  /// Of the next start.
  void set_arguments(std::vector<std::string> arguments) { arguments_ = std::move(arguments); }
  /// SIGTERM, and SIGKILL at the deadline; returns when it is gone. It is not started again.
  void stop(Instant deadline);

 private:
  std::string name_;
  std::vector<std::string> arguments_;
  std::string log_path_;
  pid_t pid_ = 0;
  Instant started_at_{};
  Duration pause_;
  std::optional<Instant> restart_at_;
  std::string last_end_;
};

}  // namespace stint::cli
