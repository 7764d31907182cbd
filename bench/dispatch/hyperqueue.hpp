#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/cell/child.hpp"
#include "bench/cell/folder.hpp"

namespace stint::bench {

/// A HyperQueue server with its journal on, and one worker, as its documentation starts them. With few declared CPUs it is far slower.
class HyperQueue {
 public:
  /// The program that an environment variable names; nullopt if it is not set.
  [[nodiscard]] static std::optional<std::string> find_program(const char* variable);
  /// What the program says of itself: its name and version.
  [[nodiscard]] static Result<std::string> version(const std::string& program);
  [[nodiscard]] static Result<std::unique_ptr<HyperQueue>> start(const std::string& program, std::uint32_t cpus);

  struct Timed {
    double seconds = 0;
    bool is_confirmed = false;   ///< its server says the same as its client; false: the server has ended meanwhile
  };
  /// From the start of the submission of one array of that command until its own client says that all tasks have ended.
  /// Errors: io  its client says that they have not, or its server that not all have finished.
  [[nodiscard]] Result<Timed> time_array(std::uint32_t tasks, const std::vector<std::string>& command);

 private:
  HyperQueue(std::string program, Folder folder) : program_(std::move(program)), folder_(std::move(folder)) {}
  [[nodiscard]] std::vector<std::string> call(std::vector<std::string> arguments) const;
  [[nodiscard]] std::string log() const { return folder_.path() / "log"; }
  [[nodiscard]] Result<std::optional<std::uint64_t>> count_finished() const;

  std::string program_;
  Folder folder_;
  std::optional<Child> server_;
  std::optional<Child> worker_;
};

}  // namespace stint::bench
