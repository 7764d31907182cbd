#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/blob_id.hpp"
#include "base/result.hpp"
#include "ports/blob_client.hpp"

namespace stint::staging {

/// Blobs that were fetched, by name, for the next attempt that wants them: DIR/ab/<hex>, verified and flushed before they get their name,
/// and DIR/partial/<hex> for those on their way, which go on where they stopped.
///
/// What an attempt gets is a copy (a reflink where the file system can): a hard link would let a task that writes to its input change what
/// the next task reads, and a read-only one would make programs fail that work on their files in place.
///
/// Limit:   `limit` bytes; the least recently used go first. What is in use stays, so it may be exceeded by what running transfers hold.
/// Thread:  any.
class Cache {
 public:
  Cache(std::string directory, std::uint64_t limit) : directory_(std::move(directory)), limit_(limit) {}
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /// A blob in use: it is not removed while this lives.
  class Pin {
   public:
    Pin(Cache& cache, const BlobId& blob, std::string path) : cache_(&cache), blob_(blob), path_(std::move(path)) {}
    Pin(Pin&& other) noexcept : cache_(std::exchange(other.cache_, nullptr)), blob_(other.blob_), path_(std::move(other.path_)) {}
    Pin& operator=(Pin&&) = delete;
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() {
      if (cache_ != nullptr) cache_->unpin(blob_);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

   private:
    Cache* cache_;
    BlobId blob_;
    std::string path_;
  };

  /// The blob, fetched if it is not here. Two attempts that want the same at the same time fetch it once.
  /// `size`: of the blob; nullopt if it is not known.
  /// Errors:  those of ports::BlobClient;  corrupt  what came has another digest or size, several times;  io, no_space.
  [[nodiscard]] Result<Pin> get(const BlobId& blob, std::optional<std::uint64_t> size, ports::BlobClient& client);

  [[nodiscard]] std::uint64_t size_bytes() const;

 private:
  struct Entry {
    std::uint64_t size = 0;
    std::size_t pins = 0;
    std::list<BlobId>::iterator used;
  };
  using Lock = std::unique_lock<std::mutex>;

  Status load(const Lock& lock);
  std::optional<Pin> find(const BlobId& blob, std::optional<std::uint64_t> size, const Lock& lock);
  void insert(const BlobId& blob, std::uint64_t size, const Lock& lock);
  void evict(const Lock& lock);
  void unpin(const BlobId& blob);
  Result<std::uint64_t> fetch(const BlobId& blob, std::optional<std::uint64_t> size, ports::BlobClient& client);
  [[nodiscard]] std::string path_of(const BlobId& blob) const;

  const std::string directory_;
  const std::uint64_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable fetched_;
  bool is_loaded_ = false;
  std::unordered_map<BlobId, Entry> entries_;
  std::list<BlobId> by_use_;  ///< least recently used first
  std::unordered_set<BlobId> on_their_way_;
  std::uint64_t bytes_ = 0;
};

}  // namespace stint::staging
