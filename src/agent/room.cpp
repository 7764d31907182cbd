#include "agent/room.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stint::agent {
namespace {

/// Less than one unit of the wire is taken away: what was a whole number of units stays above the next lower one.
std::int64_t before_rounding(std::int64_t amount, std::int64_t unit) { return std::max<std::int64_t>(amount - unit + 1, 0); }

}  // namespace

Resources Room::of_task(const Resources& on_wire) {
  Resources room = on_wire;
  room.memory_bytes = before_rounding(room.memory_bytes, kMiB);
  room.storage_bytes = before_rounding(room.storage_bytes, kGiB);
  room.gpus = 0;
  return room;
}

bool Room::has(const Resources& wanted) const {
  if (!is_kept_ || takers_ == 0) return true;
  return (offered_ - taken_).covers(wanted);
}

void Room::take(const Resources& room) {
  taken_ += room;
  ++takers_;
}

void Room::give_back(const Resources& room) {
  STINT_ASSERT(takers_ > 0);
  taken_ -= room;
  --takers_;
}

}  // namespace stint::agent
