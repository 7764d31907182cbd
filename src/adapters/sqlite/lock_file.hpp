#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/result.hpp"

namespace stint::sqlite {

/// Held as long as the file is open: the kernel gives it back when the process dies, however it dies.
class LockFile {
 public:
  LockFile() = default;
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  ~LockFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  /// Errors:  conflict  another process holds it (the detail names it);  no_space, io.
  [[nodiscard]] Status take(const std::string& path) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) return fail(errno == ENOSPC ? Errc::no_space : Errc::io, path + ": " + std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) return fail(Errc::conflict, holder(path));
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, pid.data(), pid.size(), 0) < 0) return {};  // the lock counts, the pid is for people
    return {};
  }

 private:
  [[nodiscard]] std::string holder(const std::string& path) const {
    char buffer[32] = {};
    const auto got = ::pread(fd_, buffer, sizeof buffer - 1, 0);
    const std::string pid = got > 0 ? std::string(buffer, std::strcspn(buffer, "\n")) : "unknown";
    return "another scheduler (process " + pid + ") runs on this database (lock " + path +
           "): stop it, or give this one another --state-dir";
  }

  int fd_ = -1;
};

}  // namespace stint::sqlite
