#include "adapters/agent_host/file_journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/agent_host/crc32c.hpp"
#include "adapters/agent_host/limits.hpp"

namespace stint::agent_host {
namespace {

constexpr std::size_t kHeaderSize = 8;

std::uint32_t checksum(const std::uint8_t* length, ByteView bytes) { return crc32c(bytes, crc32c({length, 4})); }

void put_record(Bytes& out, ByteView record) {
  const auto at = out.size();
  out.resize(at + kHeaderSize);
  store_le(out.data() + at, static_cast<std::uint32_t>(record.size()));
  store_le(out.data() + at + 4, checksum(out.data() + at, record));
  out.insert(out.end(), record.begin(), record.end());
}

/// The record at the front of `bytes`, or an empty view if there is no whole one. A record is never empty.
ByteView front_record(ByteView bytes) {
  if (bytes.size() < kHeaderSize) return {};
  const auto length = load_le<std::uint32_t>(bytes.data());
  if (length == 0 || length > limits::kJournalRecordMax || length > bytes.size() - kHeaderSize) return {};
  const auto record = bytes.subspan(kHeaderSize, length);
  return checksum(bytes.data(), record) == load_le<std::uint32_t>(bytes.data() + 4) ? record : ByteView{};
}

Status system_error(const std::string& what) {
  const auto code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? Errc::no_space : Errc::io;
  return fail(code, what + ": " + std::strerror(errno));
}

Status write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<Bytes> read_all(int fd, const std::string& path) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return tl::unexpected{system_error(path).error()};
  Bytes bytes(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto got = pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected{system_error(path).error()};
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

Result<FileJournal> FileJournal::open(std::string path, Log& log) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  return FileJournal{std::move(path), fd, log};
}

FileJournal::FileJournal(FileJournal&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      log_(other.log_),
      size_(other.size_),
      is_ragged_(other.is_ragged_) {}

FileJournal::~FileJournal() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileJournal::load(const std::function<void(ByteView record)>& record) {
  STINT_TRY(const Bytes bytes, read_all(fd_, path_));
  ByteView rest{bytes};
  for (auto front = front_record(rest); !front.empty(); front = front_record(rest)) {
    record(front);
    rest = rest.subspan(kHeaderSize + front.size());
  }
  size_ = bytes.size() - rest.size();
  if (rest.empty()) return {};
  log_.warn(path_ + ": the last " + std::to_string(rest.size()) + " bytes hold no whole record and were cut off");
  return cut_back();
}

Status FileJournal::cut_back() {
  is_ragged_ = true;
  if (ftruncate(fd_, static_cast<off_t>(size_)) != 0) return system_error(path_);
  is_ragged_ = false;
  return {};
}

Status FileJournal::append(ByteView record) {
  if (record.empty() || record.size() > limits::kJournalRecordMax)
    return fail(Errc::out_of_range,
                path_ + ": record of " + std::to_string(record.size()) + " bytes, limit " + std::to_string(limits::kJournalRecordMax));
  if (is_ragged_) STINT_TRY_VOID(cut_back());
  buffer_.clear();
  put_record(buffer_, record);
  if (auto status = write_all(fd_, buffer_, path_); !status) {
    (void)cut_back();  // if that fails too, the next append tries again before it writes
    return status;
  }
  size_ += buffer_.size();
  return {};
}

Status FileJournal::rewrite(const std::vector<Bytes>& records) {
  Bytes all;
  for (const auto& record : records) put_record(all, record);
  const auto temporary = path_ + ".new";
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(temporary);
  auto status = write_all(fd, all, temporary);
  if (status && fdatasync(fd) != 0) status = system_error(temporary);
  if (status && ::rename(temporary.c_str(), path_.c_str()) != 0) status = system_error(path_);
  if (!status) {
    ::close(fd);
    ::unlink(temporary.c_str());
    return status;
  }
  ::close(std::exchange(fd_, fd));
  size_ = all.size();
  is_ragged_ = false;
  return {};
}

}  // namespace stint::agent_host
