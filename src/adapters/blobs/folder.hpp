#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob_id.hpp"
#include "base/result.hpp"
#include "ports/blob_store.hpp"

/// The files of a blob store and the system calls on them; all of it may block.
///
///   blobs/ab/<64 hexadecimal digits>     whole, fsynced, verified; ab are its first two digits; changed when it was last in use
///   uploads/<64 hexadecimal digits>      unfinished: the first bytes of that blob, as far as they have come
///   uploads/new-<number>                 being made by the store itself; removed at the start
namespace stint::blobs {

/// An open file that closes with its owner.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  /// `flags` as of open(2). Errors: not_found, no_space, io.
  [[nodiscard]] static Result<File> open(const std::string& path, int flags);
  /// All of `bytes` at `offset`. Errors: no_space, io; the file then ends at `offset` again if it can.
  [[nodiscard]] Status write(std::uint64_t offset, std::string_view bytes);
  /// At most `max_bytes`; fewer only at the end.
  [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::size_t max_bytes) const;
  [[nodiscard]] Status truncate(std::uint64_t size);
  [[nodiscard]] Status sync();

 private:
  int fd_ = -1;
  std::string path_;
};

class Folder {
 public:
  /// `reserve_bytes` of the disk are left to others (the database has its room there).
  Folder(std::string root, std::uint64_t reserve_bytes, std::function<UnixMillis()> now)
      : root_(std::move(root)), reserve_bytes_(reserve_bytes), now_(std::move(now)) {}

  /// Makes what is not there and removes what a dead process was making.
  [[nodiscard]] Status open();
  [[nodiscard]] std::string blob_path(const BlobId& blob) const;
  [[nodiscard]] std::string upload_path(const BlobId& blob) const;
  [[nodiscard]] std::string new_path();

  [[nodiscard]] std::optional<ports::BlobStore::Entry> find(const BlobId& blob) const;
  /// The blob is in use now. False if it is not there.
  [[nodiscard]] bool renew(const BlobId& blob) const;
  [[nodiscard]] Status remove(const std::string& path) const;
  /// Syncs the file, gives it its blob's name, and syncs the directory: from here on the blob is present.
  [[nodiscard]] Status publish(File& file, const std::string& path, const BlobId& blob);

  [[nodiscard]] std::vector<ports::BlobStore::Entry> list(const std::optional<BlobId>& after, std::size_t limit) const;
  /// Unfinished uploads, with their bytes so far.
  [[nodiscard]] std::vector<ports::BlobStore::Entry> uploads() const;
  /// Errors: no_space if `bytes` more would leave less than the reserve.
  [[nodiscard]] Status check_room(std::uint64_t bytes) const;
  [[nodiscard]] UnixMillis now() const { return now_(); }

 private:
  std::string root_;
  std::uint64_t reserve_bytes_;
  std::function<UnixMillis()> now_;
  std::uint64_t last_new_ = 0;
};

}  // namespace stint::blobs
