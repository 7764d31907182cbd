#pragma once

#include <deque>
#include <map>
#include <memory>
#include <variant>

#include "base/log.hpp"
#include "core/effects.hpp"
#include "core/scheduler.hpp"
#include "scheduler/prepare/preparation.hpp"

namespace stint::scheduler {

/// Carries out Prepare and Collect: a few at once and a few steps a turn, so that large entries neither fill the memory nor keep anybody
/// waiting. What the disk refuses for lack of room is tried again; what cannot be had fails the entry.
class Preparer {
 public:
  Preparer(core::Scheduler& core, ports::StoreReader& reader, ports::BlobStore& blobs, Log& log)
      : core_(core), reader_(reader), blobs_(blobs), log_(log) {}

  void on_send(const core::Prepare& prepare) { waiting_.emplace_back(prepare); }
  void on_send(const core::Collect& collect) { waiting_.emplace_back(collect); }
  /// Goes on with what does not wait, and tells the core what is done.
  void pump(Now now, core::Effects& effects);
  /// When pump has something to do: `now` if at once.
  [[nodiscard]] Instant next_deadline(Instant now) const;
  /// The core's memory was made anew: it asks again.
  void restart();
  /// The job has ended.
  void forget(JobId job) { items_.forget(job); }
  [[nodiscard]] const ItemBook& items() const { return items_; }

 private:
  using Order = std::variant<core::Prepare, core::Collect>;
  struct Job {
    Order order;
    std::shared_ptr<Preparation> preparation;  ///< one of the two
    std::shared_ptr<Collection> collection;
    [[nodiscard]] Work& work() const;
  };
  [[nodiscard]] PrepareSources sources() { return {core_, reader_, blobs_, items_}; }
  [[nodiscard]] bool is_wanted(const Order& order) const;
  [[nodiscard]] Job begin(const Order& order);
  void fill(Instant now);
  void tell(const Job& job, Now now, core::Effects& effects);

  core::Scheduler& core_;
  ports::StoreReader& reader_;
  ports::BlobStore& blobs_;
  Log& log_;
  ItemBook items_;
  std::deque<Order> waiting_;
  std::multimap<Instant, Order> later_;  ///< tried in vain: not before this time
  std::deque<Job> jobs_;                 ///< at work, at most limits::kPreparationsAtOnce
};

}  // namespace stint::scheduler
