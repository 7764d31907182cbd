#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/blobs/folder.hpp"
#include "hash/sha256.hpp"
#include "ports/blob_store.hpp"

namespace stint::blobs {

/// A blob that the store makes of parts, a slice at a time.
class Joining {
 public:
  Joining(Folder& folder, std::vector<ports::BlobStore::Part> parts)
      : folder_(folder), parts_(std::move(parts)), path_(folder.new_path()) {}
  Joining(const Joining&) = delete;
  Joining& operator=(const Joining&) = delete;
  ~Joining();

  /// nullopt: call again.
  [[nodiscard]] Result<std::optional<ports::BlobStore::Stored>> step();

 private:
  [[nodiscard]] Status start();
  [[nodiscard]] Result<std::size_t> take_some();
  [[nodiscard]] Status append(std::string_view bytes);
  [[nodiscard]] Result<ports::BlobStore::Stored> finish();

  Folder& folder_;
  std::vector<ports::BlobStore::Part> parts_;
  std::string path_;
  std::optional<File> file_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  std::size_t next_ = 0;                          ///< part
  std::uint64_t offset_ = 0;                      ///< within it
};

}  // namespace stint::blobs
