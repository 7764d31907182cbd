#include "scheduler/prepare/preparer.hpp"

#include <algorithm>
#include <utility>

namespace stint::scheduler {
namespace {

constexpr int kStepsPerTurn = 8;

}  // namespace

Work& Preparer::Job::work() const {
  if (preparation != nullptr) return *preparation;
  return *collection;
}

void Preparer::on_send(const core::Prepare& prepare) {
  if (core_.find_spec(prepare.job) == nullptr) return;
  jobs_.push_back({std::make_shared<Preparation>(sources(), prepare.job, prepare.group), nullptr, prepare.job, prepare.group});
}

void Preparer::on_send(const core::Collect& collect) {
  if (core_.find_spec(collect.job) == nullptr) return;
  jobs_.push_back({nullptr, std::make_shared<Collection>(sources(), collect.job, collect.group), collect.job, collect.group});
}

bool Preparer::has_steps() const {
  return std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return !job.work().is_waiting(); });
}

/// Cancelled, or gone from memory, while it was worked on.
bool Preparer::is_wanted(const Job& job) const {
  const auto state = core_.find_group(job.job, job.group);
  return state && !state->has_ended;
}

void Preparer::pump(Now now, core::Effects& effects) {
  int steps = kStepsPerTurn;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    while (steps > 0 && !at->work().is_waiting() && !at->work().is_done() && is_wanted(*at)) {
      at->work().step();
      --steps;
    }
    if (!at->work().is_done() && is_wanted(*at)) {
      ++at;
      continue;
    }
    const Job done = std::move(*at);
    at = jobs_.erase(at);
    if (is_wanted(done)) tell(done, now, effects);
  }
}

void Preparer::tell(const Job& done, Now now, core::Effects& effects) {
  const Status& outcome = done.work().outcome();
  Status told;
  if (!outcome) {
    log_.warn("job " + std::to_string(done.job.value) + ", entry " + std::to_string(done.group) + ": " + outcome.error().detail);
    told = core_.fail_group(done.job, done.group, outcome.error().detail, now, effects);
  } else if (done.preparation != nullptr) {
    told = core_.prepare_group(done.preparation->result(), now, effects);
    if (!told && told.error().code == Errc::out_of_range) told = core_.fail_group(done.job, done.group, told.error().detail, now, effects);
  } else {
    told = core_.finish_collect(done.job, done.group, done.collection->result(), now, effects);
  }
  if (!told) log_.debug("job " + std::to_string(done.job.value) + ": " + told.error().detail);
}

void Preparer::restart() {
  jobs_.clear();
  items_.clear();
}

}  // namespace stint::scheduler
