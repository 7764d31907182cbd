#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/exec/system.hpp"
#include "base/result.hpp"

namespace stint::cli {

/// The files of `stint dev` below its state directory (0700):
///
///   dev.lock        flock held while it runs: a second one is refused
///   dev.json        which process that is; there only while it runs
///   context.json    link to the scheduler's: where the commands find address and token
///   dev.log         its own notices, when detached
///   scheduler/      the scheduler's state, and its log
///   agents/N/       an agent's state and key file, and its log
class DevState {
 public:
  explicit DevState(std::string dir) : dir_(std::move(dir)) {}

  [[nodiscard]] const std::string& dir() const { return dir_; }
  [[nodiscard]] std::string scheduler_dir() const { return dir_ + "/scheduler"; }
  [[nodiscard]] std::string agent_dir(std::size_t number) const { return dir_ + "/agents/" + std::to_string(number); }
  [[nodiscard]] std::string key_file(std::size_t number) const { return agent_dir(number) + "/key.json"; }
  [[nodiscard]] std::string log_path() const { return dir_ + "/dev.log"; }
  /// Of every agent there ever was here.
  [[nodiscard]] std::vector<std::string> find_agent_dirs() const;
  /// Those beyond the first `count`: of an earlier start with more agents.
  [[nodiscard]] std::vector<std::size_t> find_agents_beyond(std::size_t count) const;

  /// Makes the directory and takes the lock for as long as this process lives. Errors: already_exists (one runs), io.
  [[nodiscard]] Status lock();
  /// Says which process holds the lock.
  [[nodiscard]] Status write_record() const;
  /// The process that runs here; nothing if none does.
  /// Errors:  corrupt  a record of another version: the detail says what to do.
  [[nodiscard]] Result<std::optional<exec::ProcessId>> find_process() const;
  /// Removes the record and the context link.
  void clean_up() const;

  [[nodiscard]] Status link_context() const;

 private:
  std::string dir_;
  int lock_ = -1;
};

}  // namespace stint::cli
