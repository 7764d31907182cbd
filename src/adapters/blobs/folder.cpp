#include "adapters/blobs/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace stint::blobs {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

tl::unexpected<Error> failed(const std::string& path, int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  const bool is_missing = error == ENOENT;
  return fail(is_full ? Errc::no_space : is_missing ? Errc::not_found : Errc::io, path + ": " + std::strerror(error));
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0 || errno == EEXIST) return {};
  return failed(path, errno);
}

Status sync_directory(const std::string& path) {
  STINT_TRY(auto directory, File::open(path, O_RDONLY | O_DIRECTORY));
  return directory.sync();
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::int64_t to_millis(const timespec& time) { return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000; }

timespec to_timespec(UnixMillis time) { return {to_ms(time) / 1000, (to_ms(time) % 1000) * 1'000'000}; }

std::optional<ports::BlobStore::Entry> find_file(const std::string& path, const BlobId& blob) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return ports::BlobStore::Entry{blob, static_cast<std::uint64_t>(info.st_size), unix_millis(to_millis(info.st_mtim))};
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (!directory) return names;
  while (const auto* entry = ::readdir(directory.get())) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}
File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::string& path, int flags) {
  File file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  if (file.fd_ < 0) return failed(path, errno);
  return file;
}

Status File::write(std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t start = offset;
  while (!bytes.empty()) {
    const auto written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      static_cast<void>(::ftruncate(fd_, static_cast<off_t>(start)) == 0);  // what is beyond is hashed and offered to no one
      return failed(path_, error);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<std::string> File::read(std::uint64_t offset, std::size_t max_bytes) const {
  std::string bytes(max_bytes, '\0');
  std::size_t size = 0;
  while (size < max_bytes) {
    const auto got = ::pread(fd_, bytes.data() + size, max_bytes - size, static_cast<off_t>(offset + size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path_, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

Status File::truncate(std::uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed(path_, errno);
  return {};
}

Status File::sync() {
  if (::fsync(fd_) != 0) return failed(path_, errno);
  return {};
}

Status Folder::open() {
  for (const auto& path : {root_ + "/blobs", root_ + "/uploads"}) STINT_TRY_VOID(make_directory(path));
  STINT_TRY_VOID(sync_directory(root_));
  for (const auto& name : names_in(root_ + "/uploads"))
    if (name.starts_with("new-")) STINT_TRY_VOID(remove(root_ + "/uploads/" + name));
  return {};
}

std::string Folder::blob_path(const BlobId& blob) const {
  const auto hex = to_hex(blob);
  return root_ + "/blobs/" + hex.substr(0, 2) + "/" + hex;
}

std::string Folder::upload_path(const BlobId& blob) const { return root_ + "/uploads/" + to_hex(blob); }

std::string Folder::new_path() { return root_ + "/uploads/new-" + std::to_string(++last_new_); }

std::optional<ports::BlobStore::Entry> Folder::find(const BlobId& blob) const { return find_file(blob_path(blob), blob); }

bool Folder::renew(const BlobId& blob) const {
  const auto now = to_timespec(now_());
  const std::array<timespec, 2> times{now, now};
  return ::utimensat(AT_FDCWD, blob_path(blob).c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0;
}

Status Folder::remove(const std::string& path) const {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return failed(path, errno);
}

Status Folder::publish(File& file, const std::string& path, const BlobId& blob) {
  STINT_TRY_VOID(file.sync());
  const auto target = blob_path(blob);
  const auto directory = parent_of(target);
  if (::mkdir(directory.c_str(), kDirectoryMode) == 0) {
    STINT_TRY_VOID(sync_directory(root_ + "/blobs"));
  } else if (errno != EEXIST) {
    return failed(directory, errno);
  }
  if (::rename(path.c_str(), target.c_str()) != 0) return failed(target, errno);
  static_cast<void>(renew(blob));
  return sync_directory(directory);
}

std::vector<ports::BlobStore::Entry> Folder::list(const std::optional<BlobId>& after, std::size_t limit) const {
  std::vector<ports::BlobStore::Entry> entries;
  const auto start = after ? to_hex(*after) : std::string();
  for (const auto& directory : names_in(root_ + "/blobs")) {
    if (directory < start.substr(0, 2) || directory.size() != 2 || directory.front() == '.') continue;
    for (const auto& name : names_in(root_ + "/blobs/" + directory)) {
      if (entries.size() == limit) return entries;
      const auto blob = name > start ? parse_blob_id(name) : std::nullopt;
      if (!blob) continue;
      if (auto entry = find(*blob)) entries.push_back(*entry);
    }
  }
  return entries;
}

std::vector<ports::BlobStore::Entry> Folder::uploads() const {
  std::vector<ports::BlobStore::Entry> entries;
  for (const auto& name : names_in(root_ + "/uploads")) {
    const auto blob = parse_blob_id(name);
    if (!blob) continue;
    if (auto entry = find_file(upload_path(*blob), *blob)) entries.push_back(*entry);
  }
  return entries;
}

Status Folder::check_room(std::uint64_t bytes) const {
  struct statvfs disk{};
  if (::statvfs(root_.c_str(), &disk) != 0) return {};  // the write will tell
  const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (room >= reserve_bytes_ && room - reserve_bytes_ >= bytes) return {};
  return fail(Errc::no_space, root_ + ": " + std::to_string(room) + " bytes free on its disk; " + std::to_string(bytes) + " more and " +
                                  std::to_string(reserve_bytes_) + " in reserve are needed");
}

}  // namespace stint::blobs
