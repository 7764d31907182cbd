#include "adapters/files/blob_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.hpp"

namespace stint::adapters {
namespace {

constexpr std::size_t kReadSize = std::size_t{1} << 20;

tl::unexpected<Error> failed(const std::string& path, int error) {
  const auto code = error == ENOENT ? Errc::not_found : error == ENOSPC || error == EDQUOT ? Errc::no_space : Errc::io;
  return fail(code, path + ": " + std::strerror(error));
}

Result<std::string> read_at(int fd, const std::string& path, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const auto count = ::pread(fd, bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, errno);
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

SourceFile::~SourceFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status SourceFile::open(const std::string& path) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) return failed(path, errno);
  struct stat info{};
  if (::fstat(fd_, &info) != 0) return failed(path, errno);
  if (!S_ISREG(info.st_mode)) return fail(Errc::invalid_argument, path + ": not a file");
  return {};
}

Result<std::string> SourceFile::read(std::uint64_t offset, std::size_t size) const {
  STINT_TRY(auto bytes, read_at(fd_, path_, offset, size));
  if (bytes.size() < size)
    return fail(Errc::corrupt, path_ + ": it has become shorter while it was read: let whoever writes it finish first");
  return bytes;
}

Result<std::string> SourceFile::read_some(std::uint64_t offset, std::size_t size) const { return read_at(fd_, path_, offset, size); }

Result<std::uint64_t> size_of_file(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return failed(path, errno);
  if (!S_ISREG(info.st_mode)) return fail(Errc::invalid_argument, path + ": not a file");
  return static_cast<std::uint64_t>(info.st_size);
}

Result<HashedFile> hash_file(const std::string& path, const std::function<bool(std::uint64_t bytes)>& on_bytes) {
  SourceFile file;
  STINT_TRY_VOID(file.open(path));
  Sha256 hash;
  std::uint64_t size = 0;
  while (true) {
    STINT_TRY(const auto bytes, file.read_some(size, kReadSize));
    if (bytes.empty()) return HashedFile{hash.finish(), size};
    hash.update(as_bytes(bytes));
    size += bytes.size();
    if (!on_bytes(size)) return fail(Errc::unavailable, path + ": stopped");
  }
}

IncomingFile::~IncomingFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status IncomingFile::open(const std::string& path, const BlobId& blob) {
  path_ = path;
  blob_ = blob;
  partial_ = directory_of(path) + "/." + to_hex(blob) + ".stint-part";
  fd_ = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd_ < 0) return failed(partial_, errno);
  return take_what_is_there();
}

Status IncomingFile::take_what_is_there() {
  while (true) {
    STINT_TRY(const auto bytes, read_at(fd_, partial_, size_, kReadSize));
    if (bytes.empty()) return {};
    hash_.update(as_bytes(bytes));
    size_ += bytes.size();
  }
}

Status IncomingFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(partial_, errno);
    hash_.update(as_bytes(bytes.substr(0, static_cast<std::size_t>(count))));
    size_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Status IncomingFile::finish() {
  const auto found = hash_.finish();
  if (found != blob_) {
    ::unlink(partial_.c_str());
    return fail(Errc::corrupt, "blob " + to_hex(blob_) + ": the " + std::to_string(size_) + " bytes that came have the digest " +
                                   to_hex(found) + "; they were removed: try again");
  }
  if (::fsync(fd_) != 0) return failed(partial_, errno);
  if (::rename(partial_.c_str(), path_.c_str()) != 0) return failed(path_, errno);
  const int directory = ::open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return failed(directory_of(path_), errno);
  const bool is_synced = ::fsync(directory) == 0;
  const int error = errno;
  ::close(directory);
  if (!is_synced) return failed(directory_of(path_), error);
  return {};
}

}  // namespace stint::adapters
