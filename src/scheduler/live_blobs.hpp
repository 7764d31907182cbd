#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/scheduler.hpp"
#include "ports/store.hpp"
#include "scheduler/blob_sweep.hpp"

namespace stint::scheduler {

/// What jobs name directly and through manifests: inputs, items, what was prepared, checkpoints. What rows name by themselves is not among
/// it: the store is asked for those that are about to go.
///
/// The walk goes on while jobs come and go: what comes meanwhile was asked for or stored meanwhile, so its age keeps it.
///
/// Units:   32 bytes of memory a blob, up to limits::kLiveBlobsMax.
/// Errors:  of the stores;  out_of_range  more blobs than that.
class LiveBlobs final : public Marking {
 public:
  /// All outlive it.
  LiveBlobs(const core::Scheduler& core, ports::StoreReader& reader, ports::BlobStore& blobs)
      : core_(core), reader_(reader), blobs_(blobs) {}

  void step() override;
  [[nodiscard]] std::vector<BlobId> take_live() override;

 private:
  void look_at_entry();
  void look_at_checkpoints();
  void begin_next_entry();
  void note(BlobId blob);
  void note_manifest(BlobId manifest);
  void read_manifest();
  void on_piece(Result<std::string> piece);
  [[nodiscard]] bool take_lines(std::string_view text);
  void end_manifest();

  const core::Scheduler& core_;
  ports::StoreReader& reader_;
  ports::BlobStore& blobs_;
  JobId job_{1};
  std::uint32_t group_ = 0;
  std::uint32_t task_ = 0;             // the first whose checkpoint was not asked for
  std::set<BlobId> manifests_;         // found: each is read once
  std::vector<BlobId> unread_;         // of them
  std::uint64_t offset_ = 0;           // in the last of them
  std::string rest_;                   // a line of it that has not come whole
  std::vector<BlobId> live_;
};

}  // namespace stint::scheduler
