#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/blob_id.hpp"
#include "base/log.hpp"
#include "base/time.hpp"
#include "ports/blob_store.hpp"

namespace stint::scheduler {

/// Removes what nobody wants from the blob store: unfinished uploads that got nothing for limits::kBlobUploadAge, and blobs that no row
/// refers to and that nobody used for `grace`.
///
/// A blob that becomes wanted while a sweep goes on stays, since whoever refers to a blob has asked for it first, which renews its age, and
/// the store itself compares the age when it removes.
///
/// Errors:  none: what fails is logged, and tried again by the next sweep.
class BlobSweep {
 public:
  /// Sorted; nullopt: not known, keep all.
  using CollectLive = std::function<std::optional<std::vector<BlobId>>()>;
  struct Counts {
    std::uint64_t sweeps = 0;  ///< finished
    std::uint64_t uploads = 0;  ///< dropped
    std::uint64_t blobs = 0;  ///< removed
    std::uint64_t bytes = 0;
  };

  BlobSweep(ports::BlobStore& store, Log& log, Duration grace, CollectLive collect_live);

  void start(Now now);
  /// Does one slice of the work when it is time.
  void on_timer(Now now);
  [[nodiscard]] Instant next_deadline() const { return next_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void drop_uploads(UnixMillis before);
  void list();
  void on_list(Result<std::vector<ports::BlobStore::Entry>> entries);
  void remove(const ports::BlobStore::Entry& entry);
  void on_failed(const char* what, const Error& error);
  void end();

  ports::BlobStore& store_;
  Log& log_;
  Duration grace_;
  CollectLive collect_live_;
  Counts counts_;
  Instant next_ = Instant::max();
  bool is_sweeping_ = false;  ///< the list of blobs is being walked
  bool is_waiting_ = false;  ///< for a part of it
  UnixMillis renewed_before_{};  ///< of this sweep: younger ones stay
  std::vector<BlobId> live_;
  std::optional<BlobId> after_;
};

}  // namespace stint::scheduler
