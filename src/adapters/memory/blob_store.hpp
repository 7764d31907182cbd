#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/blob_store.hpp"

namespace stint::memory {

/// What a disk holds of blobs: it outlives the stores that open it, as files do.
struct BlobFiles {
  struct Whole {
    std::string bytes;
    UnixMillis renewed_at{};
  };
  struct Partial {
    std::string bytes;
    std::optional<std::uint64_t> size;
    UnixMillis used_at{};
  };
  std::map<BlobId, Whole> blobs;
  std::map<BlobId, Partial> uploads;
  std::uint64_t room = UINT64_MAX;               ///< bytes that still fit
};

/// Blobs in memory, for unit tests and the simulation: calls queue, and are done when the test says so, in order.
class MemoryBlobStore final : public ports::BlobStore {
 public:
  struct Limits {
    std::uint64_t blob_bytes_max = ports::limits::kBlobBytesMax;
    std::size_t uploads_max = ports::limits::kBlobUploadsMax;
  };
  MemoryBlobStore(std::shared_ptr<BlobFiles> files, std::function<UnixMillis()> now, Limits limits);

  [[nodiscard]] bool busy() const { return !queue_.empty(); }
  void finish_one();
  void finish_all() {
    while (busy()) finish_one();
  }

  void put_piece(Piece piece, Done<Upload> done) override;
  void find_upload(BlobId blob, Done<Upload> done) override;
  void find_missing(std::vector<BlobId> blobs, Done<std::vector<BlobId>> done) override;
  void find_blob(BlobId blob, Done<std::uint64_t> done) override;
  void read(BlobId blob, std::uint64_t offset, std::size_t max_bytes, Done<std::string> done) override;
  void put(std::string bytes, Done<Stored> done) override;
  void concatenate(std::vector<Part> parts, Done<Stored> done) override;
  void list(std::optional<BlobId> after, std::size_t limit, Done<std::vector<Entry>> done) override;
  void remove(BlobId blob, UnixMillis renewed_before, Done<bool> done) override;
  void drop_uploads(UnixMillis before, Done<std::size_t> done) override;

 private:
  template <class T, class Work>
  void add(Done<T> done, Work work) {
    queue_.push_back([done = std::move(done), work = std::move(work)]() mutable { done(Result<T>(work())); });
  }
  Result<BlobFiles::Partial*> begin(const Piece& piece);
  Result<Upload> take(const Piece& piece);
  Result<Upload> finish(const BlobId& blob);
  Result<std::string> join(const std::vector<Part>& parts);
  Result<Stored> keep(std::string bytes);
  BlobFiles::Whole* renew(const BlobId& blob);

  std::shared_ptr<BlobFiles> files_;
  std::function<UnixMillis()> now_;
  Limits limits_;
  std::deque<std::function<void()>> queue_;
};

}  // namespace stint::memory
