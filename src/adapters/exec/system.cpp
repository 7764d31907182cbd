#include "adapters/exec/system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <string_view>
#include <system_error>

#include "adapters/exec/fd.hpp"

namespace stint::exec {
namespace {

/// Field `number` (counted from 1, as in proc(5)) of /proc/PID/stat. The second field, the program's name, may hold blanks and brackets,
/// so counting starts behind its last closing bracket.
std::uint64_t stat_field(pid_t pid, int number) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const std::string stat = read_small_file(AT_FDCWD, path.c_str());
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < number; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return 0;
  }
  std::uint64_t value = 0;
  std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), value);
  return value;
}

}  // namespace

Instant now_boottime() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
}

std::int64_t now_unix_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

const std::string& boot_id() {
  static const std::string id = [] {
    std::string text = read_small_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }();
  return id;
}

ProcessId identify(pid_t pid) { return {pid, stat_field(pid, 22), boot_id()}; }

bool is_alive(const ProcessId& process) {
  if (process.start_ticks == 0 || process.boot_id != boot_id()) return false;
  return stat_field(static_cast<pid_t>(process.pid), 22) == process.start_ticks;
}

pid_t parent_of(pid_t pid) { return static_cast<pid_t>(stat_field(pid, 4)); }

std::string errno_text(int error) { return std::generic_category().message(error); }

tl::unexpected<Error> fail_errno(const std::string& what, int error) {
  const Errc code = error == ENOSPC || error == EDQUOT ? Errc::no_space : Errc::io;
  return fail(code, what + ": " + errno_text(error));
}

std::string read_small_file(int dir, const char* path) {
  const UniqueFd fd{::openat(dir, path, O_RDONLY | O_CLOEXEC)};
  std::string text;
  std::array<char, 4096> buffer;
  while (fd) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace stint::exec
