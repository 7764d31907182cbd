#include "adapters/agent_host/state_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace stint::agent_host {

Result<StateLock> StateLock::acquire(const std::string& state_dir) {
  std::error_code error;
  const auto parent = std::filesystem::path{state_dir}.parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (!error && mkdir(state_dir.c_str(), 0700) != 0 && errno != EEXIST) error = {errno, std::generic_category()};
  if (error) return fail(Errc::io, "state directory " + state_dir + ": " + error.message());

  const auto path = state_dir + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  StateLock lock{fd};
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> holder{};
    const auto got = pread(fd, holder.data(), holder.size() - 1, 0);
    const std::string who = got > 0 ? "process " + std::string{holder.data(), static_cast<std::size_t>(got)} : "another process";
    return fail(Errc::conflict, "state directory " + state_dir + " is in use by " + who + "; give this agent its own --state-dir");
  }
  const auto pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace stint::agent_host
