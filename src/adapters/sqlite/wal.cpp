#include "adapters/sqlite/wal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace stint::sqlite {
namespace {

constexpr int kPagesToCopy = 4096;                       ///< 16 MiB
constexpr std::int64_t kFrameBytes = 4096 + 24;          ///< a page and its header (sqlite.org/fileformat2.html, "WAL File Format")
constexpr std::int64_t kHeaderBytes = 32;
constexpr std::int64_t kAheadBytes = 64 * kFrameBytes;   ///< some ten commits of an idle cell
constexpr std::int64_t kStepBytes = 256 * kFrameBytes;
constexpr std::uint64_t kRoomToLengthen = 64U << 20;     ///< a disk with less has better uses for it

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

bool has_room(int fd) {
  struct statvfs disk{};
  return ::fstatvfs(fd, &disk) == 0 && std::uint64_t{disk.f_bavail} * disk.f_frsize >= kRoomToLengthen;
}

std::int64_t bytes_wanted(int pages) { return kHeaderBytes + pages * kFrameBytes + kAheadBytes; }

}  // namespace

void WriteAheadLog::watch(Database& database, std::string path) {
  database_ = &database;
  path_ = std::move(path);
  pages_ = 0;
  bytes_ = 0;
  database.watch_log(&pages_);
}

bool WriteAheadLog::is_due() const { return pages_ >= kPagesToCopy || bytes_ < bytes_wanted(pages_); }

void WriteAheadLog::tend() {
  if (!is_due()) return;
  if (pages_ >= kPagesToCopy) database_->copy_log();
  if (pages_ < kPagesToCopy) lengthen();
}

/// A frame of zeros has not the log's salt, so a reader stops there as it does at what an earlier round left.
void WriteAheadLog::lengthen() {
  const File file(path_);
  struct stat info{};
  if (file.fd() < 0 || ::fstat(file.fd(), &info) != 0) return;
  bytes_ = info.st_size;
  if (bytes_ >= bytes_wanted(pages_) || !has_room(file.fd())) return;
  const std::vector<char> zeros(static_cast<std::size_t>(kStepBytes));
  const auto written = ::pwrite(file.fd(), zeros.data(), zeros.size(), bytes_);
  if (written < kStepBytes && ::ftruncate(file.fd(), bytes_) != 0) return;
  if (::fdatasync(file.fd()) == 0 && written == kStepBytes) bytes_ += kStepBytes;
}

}  // namespace stint::sqlite
