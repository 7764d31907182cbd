#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "adapters/blobs/folder.hpp"
#include "hash/sha256.hpp"
#include "ports/blob_store.hpp"

namespace stint::blobs {

/// Blobs of which some bytes are there. The digest is taken along as bytes come; after a restart it is taken anew from the file, in
/// slices. A file that lost bytes to a power cut shows at the end, by its digest.
class Uploads {
 public:
  Uploads(Folder& folder, std::uint64_t blob_bytes_max, std::size_t uploads_max)
      : folder_(folder), blob_bytes_max_(blob_bytes_max), uploads_max_(uploads_max) {}

  void load();
  /// ports::BlobStore::put_piece; nullopt: a slice of it is done, call again.
  [[nodiscard]] Result<std::optional<ports::BlobStore::Upload>> put(const ports::BlobStore::Piece& piece);
  [[nodiscard]] ports::BlobStore::Upload find(const BlobId& blob) const;
  [[nodiscard]] Result<std::size_t> drop(UnixMillis before, std::size_t limit);

 private:
  struct Upload {
    std::optional<std::uint64_t> size;  ///< of the whole; unknown after a restart until the next piece tells
    std::uint64_t have = 0;  ///< bytes in the file
    std::uint64_t hashed = 0;  ///< of them, bytes in `hash`
    std::uint64_t synced = 0;
    Sha256 hash;
    UnixMillis used_at{};
  };
  [[nodiscard]] Status check(const ports::BlobStore::Piece& piece) const;
  [[nodiscard]] Result<Upload*> begin(const ports::BlobStore::Piece& piece);
  [[nodiscard]] Status agree_on_size(Upload& upload, const ports::BlobStore::Piece& piece);
  [[nodiscard]] Status hash_slice(Upload& upload, const BlobId& blob);
  [[nodiscard]] Status append(Upload& upload, const ports::BlobStore::Piece& piece);
  [[nodiscard]] Status finish(Upload& upload, const BlobId& blob);

  Folder& folder_;
  std::uint64_t blob_bytes_max_;
  std::size_t uploads_max_;
  std::map<BlobId, Upload> uploads_;
};

}  // namespace stint::blobs
