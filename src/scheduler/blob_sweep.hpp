#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/blob_id.hpp"
#include "base/log.hpp"
#include "base/time.hpp"
#include "ports/blob_store.hpp"
#include "scheduler/prepare/work.hpp"

namespace stint::scheduler {

/// Finds out once which blobs are wanted.
class Marking : public Work {
 public:
  /// Sorted; when it is done.
  [[nodiscard]] virtual std::vector<BlobId> take_live() = 0;
};
/// Who knows what refers to blobs.
struct BlobReferences {
  std::function<std::shared_ptr<Marking>()> mark;
  /// Those of the blobs that rows name; at most limits::kBlobSweepEntries are asked for.
  std::function<Result<std::vector<BlobId>>(const std::vector<BlobId>&)> find_in_rows;
};

/// Removes what nobody wants from the blob store: unfinished uploads that got nothing for limits::kBlobUploadAge, and blobs that no row
/// refers to and that nobody used for `grace`.
///
/// A blob that becomes wanted while a sweep goes on stays, since whoever refers to a blob has asked for it first, which renews its age, and
/// the store itself compares the age when it removes.
///
/// Errors:  none: what fails is logged, and tried again by the next sweep.
class BlobSweep {
 public:
  struct Counts {
    std::uint64_t sweeps = 0;  ///< finished
    std::uint64_t uploads = 0;  ///< dropped
    std::uint64_t blobs = 0;  ///< removed
    std::uint64_t bytes = 0;
  };

  BlobSweep(ports::BlobStore& store, Log& log, Duration grace, BlobReferences references);

  void start(Now now);
  /// Does one slice of the work when it is time.
  void on_timer(Now now);
  [[nodiscard]] Instant next_deadline() const { return next_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void begin(Now now);
  void mark(Now now);
  void drop_uploads(UnixMillis before);
  void list();
  void on_list(Result<std::vector<ports::BlobStore::Entry>> entries);
  Status remove_unwanted(const std::vector<ports::BlobStore::Entry>& entries);
  void remove(const ports::BlobStore::Entry& entry);
  void on_failed(const char* what, const Error& error);
  void end();

  ports::BlobStore& store_;
  Log& log_;
  Duration grace_;
  BlobReferences references_;
  Counts counts_;
  Instant next_ = Instant::max();
  std::shared_ptr<Marking> marking_;
  bool is_sweeping_ = false;  ///< the list of blobs is being walked
  bool is_waiting_ = false;  ///< for a part of it
  UnixMillis renewed_before_{};  ///< of this sweep: younger ones stay
  std::vector<BlobId> live_;
  std::optional<BlobId> after_;
};

}  // namespace stint::scheduler
