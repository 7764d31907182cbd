#include "adapters/exec/report_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "adapters/exec/fd.hpp"
#include "adapters/exec/limits.hpp"

namespace stint::exec {
namespace {

/// Appends `line`, cut at the limit, with its end.
void append_line(std::string_view line, ReportLines& out) {
  if (line.size() > limits::kReportLineMax) ++out.cut_lines;
  out.lines.append(line.substr(0, limits::kReportLineMax));
  out.lines.push_back('\n');
}

std::string read_at(int file, std::uint64_t offset, std::size_t size) {
  std::string text(size, '\0');
  const ssize_t n = ::pread(file, text.data(), size, static_cast<off_t>(offset));
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

}  // namespace

ReportLines ReportReader::read(int dir, const char* name, Until until) {
  ReportLines out;
  out.end = next_;
  const UniqueFd file{::openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return out;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < next_) seen_ = next_ = scanned_ = 0;  // the program opened it anew instead of appending

  const std::string text = read_at(file.get(), next_, limits::kReportChunk);
  std::string_view rest = text;
  for (std::size_t line_end = rest.find('\n'); line_end != std::string_view::npos; line_end = rest.find('\n')) {
    append_line(rest.substr(0, line_end), out);
    rest.remove_prefix(line_end + 1);
  }
  next_ += text.size() - rest.size();
  const bool is_at_end = next_ + rest.size() >= size;
  if (rest.size() == limits::kReportChunk) {
    take_long_line(file.get(), text, until, out);
  } else if (is_at_end && until == Until::end_of_file && !rest.empty()) {
    append_line(rest, out);
    next_ += rest.size();
  }
  out.end = next_;
  return out;
}

/// One line longer than a chunk, which `beginning` is: looks for its end, but not twice in the same bytes.
void ReportReader::take_long_line(int file, const std::string& beginning, Until until, ReportLines& out) {
  scanned_ = std::max(scanned_, next_ + beginning.size());
  std::optional<std::uint64_t> line_end;
  while (!line_end) {
    const std::string more = read_at(file, scanned_, limits::kReportChunk);
    if (more.empty()) break;
    if (const std::size_t at = more.find('\n'); at != std::string::npos) line_end = scanned_ + at + 1;
    scanned_ += more.size();
  }
  if (!line_end && until == Until::last_line_end) return;
  append_line(beginning, out);
  next_ = scanned_ = line_end.value_or(scanned_);
}

void ReportReader::seen(std::uint64_t end) {
  if (end <= next_) seen_ = std::max(seen_, end);
}

bool ReportReader::may_read() const { return next_ - seen_ < limits::kReportWindow; }

}  // namespace stint::exec
