#include "scheduler/event_ring.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {

void EventRing::push(core::EventRow event) {
  last_ = event.seq;
  ring_.push_back(std::move(event));
  if (ring_.size() > limits::kEventRingMax) ring_.pop_front();
}

void EventRing::restart(std::uint64_t last) {
  ring_.clear();
  last_ = last;
}

Result<std::vector<core::EventRow>> EventRing::after(std::uint64_t seq, JobId job, std::size_t limit) {
  if (seq >= last_) return std::vector<core::EventRow>{};
  if (ring_.empty() || ring_.front().seq > seq + 1) return reader_.events(seq, job, limit);
  std::vector<core::EventRow> found;
  auto it = std::upper_bound(ring_.begin(), ring_.end(), seq, [](std::uint64_t s, const core::EventRow& event) { return s < event.seq; });
  for (; it != ring_.end() && found.size() < limit; ++it)
    if (!job || it->job == job) found.push_back(*it);
  return found;
}

}  // namespace stint::scheduler
