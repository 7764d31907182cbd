#include "apps/stint-conform/process.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "apps/stint-conform/limits.hpp"
#include "apps/stint-conform/socket.hpp"
#include "base/assert.hpp"

namespace stint::conform {
namespace {

constexpr Duration kLook = std::chrono::milliseconds{10};  // between two looks at a process
constexpr int kRemoveTries = 100;

std::string system_words() { return std::strerror(errno); }  // NOLINT(concurrency-mt-unsafe): glibc's is per thread

}  // namespace

void fill_random(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const auto got = ::getrandom(out.data(), out.size(), 0);
    STINT_ASSERT(got > 0 || errno == EINTR);
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::string replace_names(std::string text, const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, value] : values) {
    const std::string wanted = "{" + name + "}";
    for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + value.size()))
      text.replace(at, wanted.size(), value);
  }
  return text;
}

Result<std::string> run_command(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "re");  // NOLINT(cert-env33-c): the user's own command line
  if (pipe == nullptr) return fail(Errc::io, "'" + command + "' does not start: " + system_words());
  std::string output;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    if (output.size() < limits::kOutputBytes) output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  if (status == 0) return output;
  return fail(Errc::io, "'" + command + "' ended with status " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1));
}

namespace {

/// What an implementation has started beside itself, and left: every process whose command line names the folder.
void kill_strays(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (pid != ::getpid() && read_file("/proc/" + name + "/cmdline").find(folder + "/") != std::string::npos) ::kill(pid, SIGKILL);
  }
}

}  // namespace

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  kill_strays(path_);
  std::error_code error;
  for (int tries = 0; std::filesystem::exists(path_, error) && tries < kRemoveTries; ++tries) {  // the killed may still be writing
    std::filesystem::remove_all(path_, error);
    if (error) sleep_for(kLook);
  }
}

Status TemporaryFolder::make() {
  std::error_code error;
  std::string text = (std::filesystem::temp_directory_path(error) / "stint-conform-XXXXXX").string();
  if (error || ::mkdtemp(text.data()) == nullptr) return fail(Errc::io, "no temporary folder: " + system_words());
  path_ = text;
  return {};
}

Status write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool is_written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const std::string why = system_words();
  if (fd >= 0) ::close(fd);
  return is_written ? Status{} : Status{fail(Errc::io, path + ": " + why)};
}

std::string read_file(const std::string& path) {
  std::string text;
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), file)) > 0;) text.append(buffer.data(), got);
  std::fclose(file);
  return text;
}

Status Background::start(const std::string& command, const std::string& log) {
  end();
  const std::string line = "exec " + command;
  const pid_t child = ::fork();
  if (child < 0) return fail(Errc::io, "cannot fork: " + system_words());
  if (child == 0) {
    ::setpgid(0, 0);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  ::setpgid(child, child);
  pid_ = child;
  return {};
}

bool Background::is_running() {
  if (pid_ == 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == 0) return true;
  exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  pid_ = 0;
  return false;
}

void Background::signal(int number) const {
  if (pid_ != 0) ::kill(-pid_, number);
}

bool Background::wait(Duration patience) {
  for (const Instant deadline = now() + patience; now() < deadline; sleep_for(kLook))
    if (!is_running()) return true;
  return !is_running();
}

void Background::end() {
  if (!is_running()) return;
  signal(SIGTERM);
  if (wait(limits::kEndPatience)) return;
  signal(SIGKILL);
  (void)wait(limits::kEndPatience);
}

}  // namespace stint::conform
