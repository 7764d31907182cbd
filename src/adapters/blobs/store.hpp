#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ports/blob_store.hpp"

namespace stint::blobs {

struct FileBlobStoreOptions {
  std::string folder;                                               ///< must be there; `blobs` and `uploads` are made in it
  std::function<void(std::function<void()>)> post;  ///< runs its argument on the owner's loop; called from the store's thread
  std::function<UnixMillis()> now;                                  ///< from both threads
  std::uint64_t blob_bytes_max = ports::limits::kBlobBytesMax;
  std::size_t uploads_max = ports::limits::kBlobUploadsMax;
  std::uint64_t reserve_bytes = std::uint64_t{16} << 20;  ///< of the disk, left to the database beside it
};

/// Blobs as files (adapters/blobs/folder.hpp). One thread of its own does what may block, long work in slices; what is still to do when the
/// store is destroyed is dropped, uploads go on from what is in their files.
///
/// Errors:  io, no_space.
[[nodiscard]] Result<std::unique_ptr<ports::BlobStore>> open_store(FileBlobStoreOptions options);

}  // namespace stint::blobs
