#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "base/ids.hpp"
#include "scheduler/prepare/item_list.hpp"

namespace stint::scheduler {

/// The lists of items of entries that are at work, in memory: an assignment needs its item at once.
class ItemBook {
 public:
  [[nodiscard]] std::shared_ptr<const ItemList> find(JobId job, std::uint32_t group) const {
    const auto at = lists_.find({job, group});
    return at == lists_.end() ? nullptr : at->second;
  }
  void put(JobId job, std::uint32_t group, std::shared_ptr<const ItemList> list) { lists_[{job, group}] = std::move(list); }
  /// The job has ended.
  void forget(JobId job) { lists_.erase(lists_.lower_bound({job, 0}), lists_.upper_bound({job, UINT32_MAX})); }
  void clear() { lists_.clear(); }

 private:
  std::map<std::pair<JobId, std::uint32_t>, std::shared_ptr<const ItemList>> lists_;
};

}  // namespace stint::scheduler
