#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::conform {

void fill_random(std::span<std::uint8_t> out);

/// {name} in `text` becomes its value.
[[nodiscard]] std::string replace_names(std::string text, const std::vector<std::pair<std::string, std::string>>& values);

/// What a shell command wrote to stdout. Its stderr goes where ours goes.
/// Errors:  io  it did not start, or ended with another status than 0; the detail has both.
[[nodiscard]] Result<std::string> run_command(const std::string& command);

/// A folder below TMPDIR, removed with its content at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] Status make();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

[[nodiscard]] Status write_file(const std::string& path, const std::string& text);
/// Empty if there is none.
[[nodiscard]] std::string read_file(const std::string& path);

/// A shell command in the background, in a process group of its own; ended with the object.
class Background {
 public:
  Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() { end(); }

  /// stdout and stderr go to the end of `log`.
  [[nodiscard]] Status start(const std::string& command, const std::string& log);
  [[nodiscard]] bool is_running();
  void signal(int number) const;
  /// Of the process that ran last, once it has ended; -1: a signal ended it, or none has run.
  [[nodiscard]] int exit_status() const { return exit_status_; }
  /// True if it has ended by itself.
  [[nodiscard]] bool wait(Duration patience);
  /// SIGTERM, then SIGKILL.
  void end();

 private:
  pid_t pid_ = 0;
  int exit_status_ = -1;
};

}  // namespace stint::conform
