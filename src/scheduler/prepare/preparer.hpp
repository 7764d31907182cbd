#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "core/effects.hpp"
#include "core/scheduler.hpp"
#include "scheduler/prepare/preparation.hpp"

namespace stint::scheduler {

/// Carries out Prepare and Collect: a few steps a turn, so that a large entry keeps nobody waiting.
class Preparer {
 public:
  Preparer(core::Scheduler& core, ports::StoreReader& reader, ports::BlobStore& blobs, Log& log)
      : core_(core), reader_(reader), blobs_(blobs), log_(log) {}

  void on_send(const core::Prepare& prepare);
  void on_send(const core::Collect& collect);
  /// Goes on with what does not wait, and tells the core what is done.
  void pump(Now now, core::Effects& effects);
  /// When pump has something to do: `now`, later, or Instant::max() while all wait.
  [[nodiscard]] Instant next_deadline(Instant now) const;
  /// The core's memory was made anew: it asks again.
  void restart();
  void forget(JobId job) { items_.forget(job); }
  [[nodiscard]] const ItemBook& items() const { return items_; }

 private:
  struct Job {
    std::shared_ptr<Preparation> preparation;  ///< one of the two
    std::shared_ptr<Collection> collection;
    JobId job;
    std::uint32_t group = 0;
    Instant not_before{};  ///< the disk was full
    [[nodiscard]] Work& work() const;
  };
  [[nodiscard]] PrepareSources sources() { return {core_, reader_, blobs_, items_}; }
  [[nodiscard]] bool is_wanted(const Job& job) const;
  [[nodiscard]] Job begin_again(const Job& job, Now now);
  void tell(const Job& job, Now now, core::Effects& effects);

  core::Scheduler& core_;
  ports::StoreReader& reader_;
  ports::BlobStore& blobs_;
  Log& log_;
  ItemBook items_;
  std::deque<Job> jobs_;
};

}  // namespace stint::scheduler
