#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/blob_id.hpp"
#include "base/result.hpp"

/// Files as this folder needs them. Errors everywhere: io, or no_space for a full disk; the detail names the path.
namespace stint::staging {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

[[nodiscard]] tl::unexpected<Error> fail_errno(const std::string& what);
[[nodiscard]] Result<Fd> open_file(const std::string& path, int flags, mode_t mode = 0600);
/// A regular file, for reading; a FIFO or a device is refused, never waited for.
[[nodiscard]] Result<Fd> open_regular(const std::string& path);
[[nodiscard]] Result<std::uint64_t> size_of(const Fd& file, const std::string& path);
[[nodiscard]] bool exists(const std::string& path);

/// With its parents, 0700. One that is there is fine.
[[nodiscard]] Status make_directory(const std::string& path);
/// Gone afterwards, whatever modes a task has left below it; symbolic links are not followed. One that is not there is fine.
[[nodiscard]] Status remove_tree(const std::string& path);

[[nodiscard]] Status write_at(const Fd& file, std::uint64_t offset, std::string_view bytes, const std::string& path);
/// At most `size` bytes; fewer only at the end of the file.
[[nodiscard]] Result<std::string> read_at(const Fd& file, std::uint64_t offset, std::size_t size, const std::string& path);
/// Errors:  out_of_range  more than `limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit);
/// Through a temporary file beside it and rename(2): whoever reads finds the old or the new whole.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view bytes);
/// A new file of the same bytes: shares them with the old one until either is written, where the file system can (reflink), else a copy.
[[nodiscard]] Status copy_file(const std::string& from, const std::string& to, mode_t mode);

struct Hashed {
  BlobId blob;
  std::uint64_t size = 0;
};
[[nodiscard]] Result<Hashed> hash_file(const Fd& file, const std::string& path);

}  // namespace stint::staging
