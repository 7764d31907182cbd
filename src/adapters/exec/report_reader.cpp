#include "adapters/exec/report_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
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

  std::string text = read_at(file.get(), next_, limits::kReportChunk);
  std::size_t begin = 0;
  for (std::size_t line_end = text.find('\n'); line_end != std::string::npos; line_end = text.find('\n', begin)) {
    append_line(std::string_view{text}.substr(begin, line_end - begin), out);
    begin = line_end + 1;
  }
  next_ += begin;
  scanned_ = std::max(scanned_, next_);
  const bool at_end = next_ + (text.size() - begin) >= size;
  if (at_end && until == Until::end_of_file && begin < text.size()) {
    append_line(std::string_view{text}.substr(begin), out);
    next_ = size;
  } else if (begin == 0 && text.size() == limits::kReportChunk) {  // one line longer than a chunk: look for its end, keep its beginning
    std::uint64_t at = std::max(scanned_, next_ + text.size());
    std::size_t found = std::string::npos;
    for (std::string more = read_at(file.get(), at, limits::kReportChunk); !more.empty();
         more = read_at(file.get(), at, limits::kReportChunk)) {
      found = more.find('\n');
      if (found != std::string::npos) break;
      at += more.size();
    }
    scanned_ = at;
    if (found != std::string::npos || until == Until::end_of_file) {
      append_line(text, out);
      next_ = found != std::string::npos ? at + found + 1 : at;
    }
  }
  out.end = next_;
  return out;
}

void ReportReader::seen(std::uint64_t end) {
  if (end <= next_) seen_ = std::max(seen_, end);
}

bool ReportReader::may_read() const { return next_ - seen_ < limits::kReportWindow; }

}  // namespace stint::exec
