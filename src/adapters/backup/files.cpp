#include "adapters/backup/files.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace stint::backup {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

tl::unexpected<Error> system_error(const std::string& path) {
  const int error = errno;
  const Errc code = error == ENOSPC || error == EDQUOT ? Errc::no_space
                    : error == ENOENT                  ? Errc::not_found
                    : error == EEXIST                  ? Errc::already_exists
                                                       : Errc::io;
  return fail(code, path + ": " + std::strerror(error));
}

class File {
 public:
  File(const std::string& path, int flags) : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  /// Bytes read; 0 at the end.
  Result<std::size_t> read(std::vector<std::uint8_t>& piece) {
    ssize_t got = 0;
    do got = ::read(fd_, piece.data(), piece.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return system_error(path_);
    return static_cast<std::size_t>(got);
  }
  Status write(const std::uint8_t* bytes, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(fd_, bytes, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return system_error(path_);
      bytes += written, size -= static_cast<std::size_t>(written);
    }
    return {};
  }
  Status sync() { return ::fsync(fd_) == 0 ? Status{} : Status(system_error(path_)); }

 private:
  std::string path_;
  int fd_;
};

class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { STINT_ASSERT(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1); }
  void add(const std::uint8_t* bytes, std::size_t size) { STINT_ASSERT(EVP_DigestUpdate(context_.get(), bytes, size) == 1); }
  std::string end() {
    std::array<std::uint8_t, 32> digest{};
    STINT_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    return to_hex(digest);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

Result<Copied> pass_through(const std::string& from, File* target, const Progress& progress) {
  File source(from, O_RDONLY);
  if (!source.is_open()) return system_error(from);
  Hash hash;
  Copied copied;
  std::vector<std::uint8_t> piece(kPiece);
  for (;;) {
    STINT_TRY(const std::size_t size, source.read(piece));
    if (size == 0) break;
    hash.add(piece.data(), size);
    if (target != nullptr) STINT_TRY_VOID(target->write(piece.data(), size));
    copied.size += size;
    if (!progress(size)) return fail(Errc::unavailable, "stopped");
  }
  copied.sha256 = hash.end();
  return copied;
}

}  // namespace

Result<Copied> copy_file(const std::string& from, const std::string& to, const Progress& progress) {
  File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!target.is_open()) return system_error(to);
  STINT_TRY(auto copied, pass_through(from, &target, progress));
  STINT_TRY_VOID(target.sync());
  return copied;
}

Result<Copied> hash_file(const std::string& path, const Progress& progress) { return pass_through(path, nullptr, progress); }

Result<bool> link_file(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return true;
  if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP) return false;
  return system_error(from);
}

Status write_file(const std::string& path, std::string_view text) {
  File file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!file.is_open()) return system_error(path);
  STINT_TRY_VOID(file.write(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  return file.sync();
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return system_error(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Status make_dir(const std::string& path) {
  const mode_t before = ::umask(0077);
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  ::umask(before);
  if (problem) return fail(problem.value() == ENOSPC ? Errc::no_space : Errc::io, path + ": " + problem.message());
  return {};
}

Status sync_dir(const std::string& path) {
  File dir(path, O_RDONLY | O_DIRECTORY);
  return dir.is_open() ? dir.sync() : Status(system_error(path));
}

}  // namespace stint::backup
