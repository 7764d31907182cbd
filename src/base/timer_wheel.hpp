#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace stint {

/// Deadlines of many things, most of which are put off before they come: a session's lease, by every heartbeat.
///
/// A deadline waits in the slot of its second; once that second has begun, it lies in an ordered set. To put one off is only written down:
/// when the slot is opened, what is not due moves on. So a refresh costs O(1) however many there are, and for all of them together the loop
/// is woken about once a second at most, while a deadline that does come is met exactly.
///
/// Memory:  one entry and about one place in a slot for each key.
template <class Key>
class TimerWheel {
 public:
  /// The key's only deadline from now on; Instant::max(): it has none.
  void set(const Key& key, Instant at) {
    if (at == Instant::max()) return erase(key);
    const auto [found, is_new] = entries_.try_emplace(key);
    Entry& entry = found->second;
    if (!is_new) {
      if (entry.tick != kOpened && tick_of(at) >= entry.tick) {
        entry.at = at;
        return;
      }
      if (entry.tick == kOpened) soon_.erase({entry.at, key});
    }
    entry.at = at;
    place(key, entry);
  }
  void erase(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    if (found->second.tick == kOpened) soon_.erase({found->second.at, key});
    entries_.erase(found);  // its place in a slot is dropped when that is opened
  }

  /// When take_due is to be called: never after the earliest deadline, perhaps before it; Instant::max() if there is none.
  [[nodiscard]] Instant next() const {
    if (!soon_.empty()) return soon_.begin()->first;
    return first_ == kNone ? Instant::max() : Instant{kTick * first_};
  }
  /// Appends the keys that are due, the earliest deadline first, and forgets them.
  void take_due(Instant now, std::vector<Key>& due) {
    if (const std::int64_t tick = tick_of(now); tick > opened_) open_until(tick);
    for (; !soon_.empty() && soon_.begin()->first <= now; soon_.erase(soon_.begin())) {
      due.push_back(soon_.begin()->second);
      entries_.erase(due.back());
    }
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  static constexpr Duration kTick = std::chrono::seconds{1};
  static constexpr std::int64_t kSlots = 128;  ///< a later deadline waits in the last one first; a lease has 90 s
  static constexpr std::int64_t kOpened = INT64_MIN;  ///< in `soon_`
  static constexpr std::int64_t kNone = INT64_MAX;

  struct Entry {
    Instant at{};
    std::int64_t tick = kOpened;  ///< of the slot it waits in: other places of its key are left over
  };

  static std::int64_t tick_of(Instant at) { return at.time_since_epoch() / kTick; }
  std::vector<Key>& slot_of(std::int64_t tick) { return slots_[static_cast<std::size_t>(tick % kSlots)]; }

  void place(const Key& key, Entry& entry) {
    const std::int64_t tick = std::min(tick_of(entry.at), opened_ + kSlots);
    if (tick <= opened_) {
      entry.tick = kOpened;
      soon_.emplace(entry.at, key);
      return;
    }
    entry.tick = tick;
    slot_of(tick).push_back(key);
    first_ = std::min(first_, tick);
  }

  void open_until(std::int64_t now) {
    const std::int64_t last = std::min(now, opened_ + kSlots);
    std::vector<std::pair<std::int64_t, std::vector<Key>>> opened;
    for (std::int64_t tick = std::max(first_, opened_ + 1); tick <= last && first_ != kNone; ++tick)
      if (auto keys = std::exchange(slot_of(tick), {}); !keys.empty()) opened.emplace_back(tick, std::move(keys));
    opened_ = now;
    first_ = find_first();
    for (const auto& [tick, keys] : opened)
      for (const Key& key : keys)
        if (const auto found = entries_.find(key); found != entries_.end() && found->second.tick == tick) place(key, found->second);
  }

  [[nodiscard]] std::int64_t find_first() const {
    for (std::int64_t tick = opened_ + 1; tick <= opened_ + kSlots; ++tick)
      if (!slots_[static_cast<std::size_t>(tick % kSlots)].empty()) return tick;
    return kNone;
  }

  std::unordered_map<Key, Entry> entries_;
  std::array<std::vector<Key>, static_cast<std::size_t>(kSlots)> slots_;
  std::set<std::pair<Instant, Key>> soon_;
  std::int64_t opened_ = 0;  ///< the second up to which slots are opened
  std::int64_t first_ = kNone;  ///< the first slot that holds something
};

}  // namespace stint
