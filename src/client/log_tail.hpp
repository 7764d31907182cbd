#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/api.hpp"

namespace stint::client {

/// The last lines that a task wrote, both streams in the order in which they came.
struct LogTail {
  struct Line {
    std::string text;  ///< without its end
    bool is_stderr = false;
    bool is_whole = true;  ///< false: the log ends without a line break here
  };
  std::vector<Line> lines;
  std::uint64_t last_seq = 0;
};

/// Cuts chunks of both streams into lines: a line that came in pieces is one, though the other stream spoke in between.
class LineCutter {
 public:
  void add(const LogLine& chunk, std::vector<LogTail::Line>& lines);
  void finish(std::vector<LogTail::Line>& lines);

 private:
  std::string partial_[2];
};

/// At most `lines` last lines of the newest attempt (or of `attempt`); 0: all of all attempts. Asks for a few kilobytes at first and for
/// more, up to 1 MiB a stream, only when lines are long. `is_followed`: everything is read, so that `last_seq` says where to go on.
[[nodiscard]] Result<LogTail> read_tail(Api& api, const std::string& task, std::optional<std::uint32_t> attempt, std::size_t lines,
                                        bool is_followed);

}  // namespace stint::client
