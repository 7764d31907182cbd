#include "client/log_tail.hpp"

#include <algorithm>
#include <utility>

namespace stint::client {
namespace {

constexpr std::size_t kTailMost = std::size_t{1} << 20;  // the API's limit
constexpr std::size_t kBytesPerLine = 160;
constexpr std::size_t kTailLeast = std::size_t{8} << 10;
constexpr std::size_t kTailGrowth = 8;

struct Read {
  LogTail tail;
  bool is_cut = false;  ///< something lies before it
};

Result<Read> read_once(Api& api, const std::string& task, const Api::LogOptions& options, std::size_t lines_max) {
  Read read;
  LineCutter cutter;
  bool has_begun[2] = {false, false};
  const auto on_log = [&](const LogEntry& entry, std::string_view) {
    if (!entry.line) return true;
    const LogLine& chunk = *entry.line;
    if (!std::exchange(has_begun[chunk.is_stderr ? 1 : 0], true) && chunk.offset > 0) read.is_cut = true;
    read.tail.last_seq = std::max(read.tail.last_seq, chunk.seq);
    cutter.add(chunk, read.tail.lines);
    auto& lines = read.tail.lines;
    const std::size_t kept = lines_max + 1;  // one more shows that there are more
    if (lines_max > 0 && lines.size() > 2 * kept) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kept));
    return true;
  };
  STINT_TRY_VOID(api.read_logs(task, options, on_log, [] { return true; }));
  cutter.finish(read.tail.lines);
  return read;
}

}  // namespace

void LineCutter::add(const LogLine& chunk, std::vector<LogTail::Line>& lines) {
  std::string& partial = partial_[chunk.is_stderr ? 1 : 0];
  partial += chunk.bytes;
  std::size_t begin = 0;
  for (std::size_t end; (end = partial.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back({partial.substr(begin, end - begin), chunk.is_stderr, true});
  partial.erase(0, begin);
}

void LineCutter::finish(std::vector<LogTail::Line>& lines) {
  for (const bool is_stderr : {false, true})
    if (!partial_[is_stderr ? 1 : 0].empty()) lines.push_back({std::exchange(partial_[is_stderr ? 1 : 0], {}), is_stderr, false});
}

Result<LogTail> read_tail(Api& api, const std::string& task, std::optional<std::uint32_t> attempt, std::size_t lines, bool is_followed) {
  Api::LogOptions options;
  options.attempt = attempt;
  if (lines > 0 && !is_followed) options.tail_bytes = std::clamp(lines * kBytesPerLine, kTailLeast, kTailMost);
  while (true) {
    STINT_TRY(Read read, read_once(api, task, options, lines));
    auto& found = read.tail.lines;
    // The first line of what was cut is a part of one: it does not count.
    const bool is_enough = !read.is_cut || found.size() > lines || options.tail_bytes >= kTailMost;
    if (!is_enough) {
      options.tail_bytes = std::min(options.tail_bytes * kTailGrowth, kTailMost);
      continue;
    }
    if (lines > 0 && found.size() > lines) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(lines));
    return std::move(read.tail);
  }
}

}  // namespace stint::client
