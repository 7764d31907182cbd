#include "scheduler/prepare/preparer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

struct Place {
  JobId job;
  std::uint32_t group = 0;
};
template <class Order>
Place place_of(const Order& order) {
  return std::visit([](const auto& one) { return Place{one.job, one.group}; }, order);
}

/// Nothing is wrong with the entry.
bool may_pass(Errc code) { return code == Errc::no_space || code == Errc::unavailable; }

}  // namespace

Work& Preparer::Job::work() const {
  if (preparation != nullptr) return *preparation;
  return *collection;
}

/// Cancelled, or gone from memory, while it was worked on.
bool Preparer::is_wanted(const Order& order) const {
  const auto [job, group] = place_of(order);
  const auto state = core_.find_group(job, group);
  return state && !state->has_ended;
}

Preparer::Job Preparer::begin(const Order& order) {
  const auto [job, group] = place_of(order);
  if (std::holds_alternative<core::Prepare>(order)) return {order, std::make_shared<Preparation>(sources(), job, group), nullptr};
  return {order, nullptr, std::make_shared<Collection>(sources(), job, group)};
}

void Preparer::fill(Instant now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    waiting_.push_back(later_.begin()->second);
    later_.erase(later_.begin());
  }
  while (!waiting_.empty() && jobs_.size() < limits::kPreparationsAtOnce) {
    if (is_wanted(waiting_.front())) jobs_.push_back(begin(waiting_.front()));
    waiting_.pop_front();
  }
}

Instant Preparer::next_deadline(Instant now) const {
  const bool has_room = jobs_.size() < limits::kPreparationsAtOnce && !waiting_.empty();
  if (has_room || std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return !job.work().is_waiting(); })) return now;
  return later_.empty() ? Instant::max() : later_.begin()->first;
}

void Preparer::pump(Now now, core::Effects& effects) {
  fill(now.mono);
  int steps = limits::kPrepareSteps;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    while (steps > 0 && !at->work().is_waiting() && !at->work().is_done() && is_wanted(at->order)) {
      at->work().step();
      --steps;
    }
    if (!at->work().is_done() && is_wanted(at->order)) {
      ++at;
      continue;
    }
    const Job done = std::move(*at);
    at = jobs_.erase(at);
    if (is_wanted(done.order)) tell(done, now, effects);
  }
}

void Preparer::tell(const Job& done, Now now, core::Effects& effects) {
  const auto [job, group] = place_of(done.order);
  const Status& outcome = done.work().outcome();
  Status told;
  if (!outcome) {
    const bool again = may_pass(outcome.error().code);
    log_.warn("job " + std::to_string(job.value) + ", entry " + std::to_string(group) + ": " + outcome.error().detail +
              (again ? "; tried again" : ""));
    if (again) return static_cast<void>(later_.emplace(now.mono + limits::kPreparePause, done.order));
    told = core_.fail_group(job, group, outcome.error().detail, now, effects);
  } else if (done.preparation != nullptr) {
    told = core_.prepare_group(done.preparation->result(), now, effects);
    if (!told && told.error().code == Errc::out_of_range) told = core_.fail_group(job, group, told.error().detail, now, effects);
  } else {
    told = core_.finish_collect(job, group, done.collection->result(), now, effects);
  }
  if (!told) log_.debug("job " + std::to_string(job.value) + ": " + told.error().detail);
}

void Preparer::restart() {
  waiting_.clear();
  later_.clear();
  jobs_.clear();
  items_.clear();
}

}  // namespace stint::scheduler
