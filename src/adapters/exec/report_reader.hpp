#pragma once

#include <cstdint>
#include <string>

namespace stint::exec {

struct ReportLines {
  std::string lines;  ///< whole lines, each with its end; empty: none that are new
  std::uint64_t end = 0;
  std::uint32_t cut_lines = 0;  ///< lines that were longer than limits::kReportLineMax, and end there
};

/// Follows one attempt's report file: a file that the task makes when it has something to say, appends to, and never needs to read.
/// What was read is given again to the next agent until it was seen.
class ReportReader {
 public:
  enum class Until { last_line_end, end_of_file };

  /// The next whole lines of `name` in `dir`, at most limits::kReportChunk bytes of the file. With end_of_file a last line without its end
  /// counts as well: the task has ended.
  [[nodiscard]] ReportLines read(int dir, const char* name, Until until);
  /// Lines up to `end` need not be given again.
  void seen(std::uint64_t end);
  /// What was not seen is given again.
  void rewind() { next_ = scanned_ = seen_; }
  /// False while limits::kReportWindow bytes are unseen.
  [[nodiscard]] bool may_read() const;

 private:
  void take_long_line(int file, const std::string& beginning, Until until, ReportLines& out);

  std::uint64_t seen_ = 0;
  std::uint64_t next_ = 0;  ///< where the next line begins
  std::uint64_t scanned_ = 0;  ///< no line end between next_ and here
};

}  // namespace stint::exec
