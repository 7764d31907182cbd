#include "adapters/sqlite/ahead_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "adapters/sqlite/bind.hpp"
#include "adapters/sqlite/recording.hpp"
#include "base/assert.hpp"

namespace stint::sqlite {
namespace {

// Header, little-endian:  0 "stintahd"   8 version u32   12 bytes of statements u32   16 token u64   24 batch u64   32 SHA-256 of what
// stands before it and of the statements.  What follows them is of no meaning. A version speaks of the statements alone.
constexpr std::array<std::uint8_t, 8> kMagic{'s', 't', 'i', 'n', 't', 'a', 'h', 'd'};
constexpr std::uint32_t kVersion = 1;
constexpr std::ptrdiff_t kDigestAt = 32;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kFileBytes = std::size_t{64} << 10;
static_assert(kHeaderBytes + AheadFile::kBytesMax <= kFileBytes);

std::string path_beside(const std::string& database_path) { return database_path + "-ahead"; }

Status system_error(const std::string& path) {
  return fail(errno == ENOSPC || errno == EDQUOT ? Errc::no_space : Errc::io, path + ": " + std::strerror(errno));
}

BlobId digest_of(Sha256& sha, ByteView header, ByteView statements) {
  sha.update(header.first(static_cast<std::size_t>(kDigestAt)));
  sha.update(statements);
  return sha.finish();
}

/// Of whole pages: past the kernel's cache, where the disk can. To copy, and to look for what to flush, takes a tenth of a flush.
Status write_pages(int fd, std::size_t at, ByteView bytes, const std::string& path) {
  const auto written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
  if (written >= 0 && written != static_cast<ssize_t>(bytes.size())) errno = ENOSPC;
  if (written != static_cast<ssize_t>(bytes.size())) return system_error(path);
  return {};
}

int open_durable(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_DSYNC;
  const int fd = ::open(path.c_str(), kFlags | O_DIRECT, 0600);
  return fd < 0 && errno == EINVAL ? ::open(path.c_str(), kFlags, 0600) : fd;  // some file systems know no other way than their cache
}

/// The name of a new file is as durable as what will be written in it.
Status sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error(folder);
  const bool synced = ::fsync(fd) == 0;
  const Status status = synced ? Status{} : system_error(folder);
  ::close(fd);
  return status;
}

struct Ahead {
  std::uint32_t version = 0;
  FencingToken token;
  BatchNumber number;
  Bytes statements;
};

/// Nothing: no file, or no whole batch in it; the write that was cut off was not told of.
Result<std::optional<Ahead>> read(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return tl::unexpected(system_error(path).error());
  Bytes bytes(kFileBytes);
  const auto got = ::pread(fd, bytes.data(), bytes.size(), 0);
  ::close(fd);
  if (got < 0) return tl::unexpected(system_error(path).error());
  bytes.resize(static_cast<std::size_t>(got));
  if (bytes.size() < kHeaderBytes || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) return std::nullopt;
  const auto length = load_le<std::uint32_t>(&bytes[12]);
  if (length > bytes.size() - kHeaderBytes) return std::nullopt;
  const ByteView statements = ByteView(bytes).subspan(kHeaderBytes, length);
  Sha256 sha;
  const auto digest = digest_of(sha, bytes, statements).bytes;
  if (!std::equal(digest.begin(), digest.end(), bytes.begin() + kDigestAt)) return std::nullopt;
  return Ahead{load_le<std::uint32_t>(&bytes[8]), FencingToken{load_le<std::uint64_t>(&bytes[16])},
               BatchNumber{load_le<std::uint64_t>(&bytes[24])}, Bytes(statements.begin(), statements.end())};
}

/// Whether `ahead` is what this database has to get next.
Result<bool> comes_next(Database& database, const Ahead& ahead) {
  STINT_TRY(const auto tables, database.number("SELECT count(*) FROM sqlite_master WHERE name = 'fence'"));
  if (tables == 0) return false;
  STINT_TRY(const auto token, database.number("SELECT token FROM fence"));
  STINT_TRY(const auto batch, database.number("SELECT batch FROM fence"));
  return as_number(ahead.token.value) == token && as_number(ahead.number.value) == batch + 1;
}

}  // namespace

struct alignas(kPage) AheadFile::Block {
  std::array<std::uint8_t, kFileBytes> bytes{};
};

AheadFile::AheadFile() = default;
AheadFile::~AheadFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status AheadFile::open(const std::string& database_path) {
  path_ = path_beside(database_path);
  block_ = std::make_unique<Block>();
  fd_ = open_durable(path_);
  if (fd_ < 0) return system_error(path_);
  auto ready = lock();
  if (ready) ready = lengthen();
  if (!ready) ::close(std::exchange(fd_, -1));
  return ready;
}

Status AheadFile::lock() const {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_error(path_);
  return fail(Errc::conflict, path_ + ": another scheduler has it open: stop it, or give this one another --state-dir");
}

Status AheadFile::lengthen() {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) return system_error(path_);
  if (info.st_size >= static_cast<off_t>(kFileBytes)) return {};
  const std::size_t whole = static_cast<std::size_t>(info.st_size) / kPage * kPage;
  STINT_TRY_VOID(write_pages(fd_, whole, ByteView(block_->bytes).subspan(whole), path_));
  return sync_folder_of(path_);
}

Status AheadFile::write(FencingToken token, BatchNumber number, ByteView statements) {
  STINT_ASSERT(is_open() && statements.size() <= kBytesMax);
  auto& block = block_->bytes;
  std::copy(kMagic.begin(), kMagic.end(), block.begin());
  store_le(&block[8], kVersion);
  store_le(&block[12], static_cast<std::uint32_t>(statements.size()));
  store_le(&block[16], token.value);
  store_le(&block[24], number.value);
  const auto digest = digest_of(sha_, block, statements);
  std::copy(digest.bytes.begin(), digest.bytes.end(), block.begin() + kDigestAt);
  std::copy(statements.begin(), statements.end(), &block[kHeaderBytes]);
  const std::size_t bytes = (kHeaderBytes + statements.size() + kPage - 1) / kPage * kPage;
  return write_pages(fd_, 0, ByteView(block).first(bytes), path_);
}

void AheadFile::give_up() {
  ::unlink(path_.c_str());
  ::close(std::exchange(fd_, -1));
}

Status carry_over_ahead(Database& database, const std::string& database_path) {
  STINT_TRY(const auto ahead, read(path_beside(database_path)));
  if (!ahead) return {};
  STINT_TRY(const bool is_next, comes_next(database, *ahead));
  if (!is_next) return {};
  if (ahead->version != kVersion)
    return fail(Errc::unsupported, path_beside(database_path) + ": version " + std::to_string(ahead->version) + ", this program knows " +
                                       std::to_string(kVersion) + ": start the scheduler that wrote it once, and stop it");
  STINT_TRY_VOID(database.run("BEGIN IMMEDIATE"));
  auto replayed = replay(database, ahead->statements);
  if (replayed) replayed = database.run("UPDATE fence SET batch = batch + 1; COMMIT");
  if (!replayed) static_cast<void>(database.run("ROLLBACK"));  // fails if SQLite has rolled back by itself
  return replayed;
}

}  // namespace stint::sqlite
