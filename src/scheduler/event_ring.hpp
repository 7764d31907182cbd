#pragma once

#include <deque>
#include <vector>

#include "core/model/rows.hpp"
#include "ports/store.hpp"

namespace stint::scheduler {

/// The newest durable events in memory, so that followers cost no read of the store each.
class EventRing {
 public:
  explicit EventRing(ports::StoreReader& reader) : reader_(reader) {}
  void push(core::EventRow event);
  /// Events after `seq`, of one job or (zero) of all.
  [[nodiscard]] Result<std::vector<core::EventRow>> after(std::uint64_t seq, JobId job, std::size_t limit);
  /// The newest durable event; 0 if there is none.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  void restart(std::uint64_t last);

 private:
  ports::StoreReader& reader_;
  std::deque<core::EventRow> ring_;
  std::uint64_t last_ = 0;
};

}  // namespace stint::scheduler
