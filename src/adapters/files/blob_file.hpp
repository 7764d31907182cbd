#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/blob_id.hpp"
#include "base/result.hpp"
#include "hash/sha256.hpp"

/// Files as blobs: hashed, read in pieces, and written whole or not at all.
namespace stint::adapters {

struct HashedFile {
  BlobId blob;
  std::uint64_t size = 0;
};
/// Errors: not_found, invalid_argument (no file), io.
[[nodiscard]] Result<std::uint64_t> size_of_file(const std::string& path);
/// Reads the file once, a piece at a time. `on_bytes` is told how many are hashed; false stops.
/// Errors: not_found, unavailable (stopped), io.
[[nodiscard]] Result<HashedFile> hash_file(const std::string& path, const std::function<bool(std::uint64_t bytes)>& on_bytes);

/// A file that is read at any place. Errors: not_found, io; corrupt if it has become shorter.
class SourceFile {
 public:
  SourceFile() = default;
  SourceFile(const SourceFile&) = delete;
  SourceFile& operator=(const SourceFile&) = delete;
  ~SourceFile();
  [[nodiscard]] Status open(const std::string& path);
  /// Exactly `size` bytes.
  [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::size_t size) const;
  /// Fewer at the end.
  [[nodiscard]] Result<std::string> read_some(std::uint64_t offset, std::size_t size) const;

 private:
  int fd_ = -1;
  std::string path_;
};

/// A file that comes over a network that breaks: it lies beside its place under the name of its blob until it is whole,
/// verified and synced.
/// What is there of it from before is gone on with.
class IncomingFile {
 public:
  IncomingFile() = default;
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;
  ~IncomingFile();
  /// Errors: io, no_space.
  [[nodiscard]] Status open(const std::string& path, const BlobId& blob);
  /// Bytes that are there.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Status append(std::string_view bytes);
  /// Checks the digest and puts the file in its place. Errors: corrupt (what came is removed), io, no_space.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] Status take_what_is_there();
  int fd_ = -1;
  std::string path_, partial_;
  BlobId blob_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

}  // namespace stint::adapters
