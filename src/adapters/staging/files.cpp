#include "adapters/staging/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "hash/sha256.hpp"

namespace stint::staging {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

Result<std::vector<std::string>> list_names(int dir, const std::string& path) {
  struct Close {
    void operator()(DIR* stream) const { closedir(stream); }
  };
  Fd own{openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const std::unique_ptr<DIR, Close> stream(own ? fdopendir(own.get()) : nullptr);
  if (!stream) return fail_errno(path);
  static_cast<void>(own.release());  // the stream's from now on
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string_view name{entry->d_name};
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

/// True if `name` was no directory, and is gone.
Result<bool> unlink_entry(int dir, const std::string& name, const std::string& path) {
  if (unlinkat(dir, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) return fail_errno(path);
  fchmodat(dir, name.c_str(), 0700, 0);  // a task may have taken its own rights away
  return false;
}

Status move_up(int dir, const std::string& name, int top, std::uint64_t& moved, const std::string& path) {
  for (;;) {
    const auto target = ".moved-" + std::to_string(moved++);
    if (renameat(dir, name.c_str(), top, target.c_str()) == 0) return {};
    const bool is_taken = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;  // the task knew that name too
    if (!is_taken) return fail_errno(path);
  }
}

/// Removes a directory in `top`; those in it move up to `top` under new names. So however deep a task has nested them, two are open at
/// once.
Status remove_one_level(int top, const std::string& name, std::uint64_t& moved, const std::string& path) {
  STINT_TRY(const bool is_gone, unlink_entry(top, name, path));
  if (is_gone) return {};
  const Fd dir{openat(top, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!dir) return fail_errno(path);
  STINT_TRY(const auto names, list_names(dir.get(), path));
  for (const auto& below : names) {
    STINT_TRY(const bool is_unlinked, unlink_entry(dir.get(), below, path));
    if (is_unlinked) continue;
    STINT_TRY_VOID(move_up(dir.get(), below, top, moved, path));
  }
  if (unlinkat(top, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return fail_errno(path);
  return {};
}

Status copy_bytes(const Fd& from, const std::string& from_path, const Fd& to, const std::string& to_path) {
  for (std::uint64_t offset = 0;;) {
    STINT_TRY(const auto bytes, read_at(from, offset, kReadBytes, from_path));
    if (bytes.empty()) return {};
    STINT_TRY_VOID(write_at(to, offset, bytes, to_path));
    offset += bytes.size();
  }
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

tl::unexpected<Error> fail_errno(const std::string& what) {
  const int error = errno;
  const auto code = error == ENOSPC || error == EDQUOT || error == EFBIG ? Errc::no_space : Errc::io;
  char text[128];
  return fail(code, what + ": " + strerror_r(error, text, sizeof text));
}

Result<Fd> open_file(const std::string& path, int flags, mode_t mode) {
  Fd file{::open(path.c_str(), flags | O_CLOEXEC, mode)};
  if (!file) return fail_errno(path);
  return file;
}

Result<Fd> open_regular(const std::string& path) {
  STINT_TRY(auto file, open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid_argument, path + ": no regular file");
  return file;
}

Result<std::uint64_t> size_of(const Fd& file, const std::string& path) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail_errno(path);
  return static_cast<std::uint64_t>(status.st_size);
}

bool exists(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0;
}

Status make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) return {};
  const int error = errno;
  struct stat status{};
  if (error == EEXIST && lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
  const auto slash = path.rfind('/');
  if (error != ENOENT || slash == std::string::npos || slash == 0) {
    errno = error == EEXIST ? ENOTDIR : error;
    return fail_errno(path);
  }
  STINT_TRY_VOID(make_directory(path.substr(0, slash)));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(path);
  return {};
}

Status remove_tree(const std::string& path) {
  STINT_TRY(const bool is_gone, unlink_entry(AT_FDCWD, path, path));
  if (is_gone) return {};
  {
    STINT_TRY(const auto top, open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    std::uint64_t moved = 0;
    for (;;) {
      STINT_TRY(const auto names, list_names(top.get(), path));
      if (names.empty()) break;
      for (const auto& name : names) STINT_TRY_VOID(remove_one_level(top.get(), name, moved, path));
    }
  }
  if (rmdir(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
  return {};
}

Status write_at(const Fd& file, std::uint64_t offset, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto written = pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<std::string> read_at(const Fd& file, std::uint64_t offset, std::size_t size, const std::string& path) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const auto got = pread(file.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  STINT_TRY(const auto file, open_file(path, O_RDONLY | O_NOFOLLOW));
  STINT_TRY(const auto size, size_of(file, path));
  if (size > limit) return fail(Errc::out_of_range, path + ": " + std::to_string(size) + " bytes, limit " + std::to_string(limit));
  return read_at(file, 0, static_cast<std::size_t>(size), path);
}

Status replace_file(const std::string& path, std::string_view bytes) {
  const auto temporary = path + ".new";
  {
    STINT_TRY(const auto file, open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW));
    STINT_TRY_VOID(write_at(file, 0, bytes, temporary));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail_errno(path);
  return {};
}

Status copy_file(const std::string& from, const std::string& to, mode_t mode) {
  STINT_TRY(const auto source, open_file(from, O_RDONLY | O_NOFOLLOW));
  STINT_TRY(const auto target, open_file(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW));
  if (ioctl(target.get(), FICLONE, source.get()) != 0) STINT_TRY_VOID(copy_bytes(source, from, target, to));
  if (fchmod(target.get(), mode) != 0) return fail_errno(to);
  return {};
}

Result<Hashed> hash_file(const Fd& file, const std::string& path) {
  Sha256 digest;
  std::uint64_t size = 0;
  for (;;) {
    STINT_TRY(const auto bytes, read_at(file, size, kReadBytes, path));
    if (bytes.empty()) return Hashed{digest.finish(), size};
    digest.update(as_bytes(bytes));
    size += bytes.size();
  }
}

}  // namespace stint::staging
