#include "scheduler/prepare/preparer.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace stint::scheduler {
namespace {

constexpr int kStepsPerTurn = 8;
constexpr Duration kNoSpacePause = std::chrono::seconds{5};  ///< before what the full disk refused is begun again

}  // namespace

Work& Preparer::Job::work() const {
  if (preparation != nullptr) return *preparation;
  return *collection;
}

void Preparer::on_send(const core::Prepare& prepare) {
  if (core_.find_spec(prepare.job) == nullptr) return;
  jobs_.push_back({std::make_shared<Preparation>(sources(), prepare.job, prepare.group), nullptr, prepare.job, prepare.group, {}});
}

void Preparer::on_send(const core::Collect& collect) {
  if (core_.find_spec(collect.job) == nullptr) return;
  jobs_.push_back({nullptr, std::make_shared<Collection>(sources(), collect.job, collect.group), collect.job, collect.group, {}});
}

Instant Preparer::next_deadline(Instant now) const {
  Instant next = Instant::max();
  for (const Job& job : jobs_)
    if (!job.work().is_waiting()) next = std::min(next, std::max(job.not_before, now));
  return next;
}

/// Cancelled, or gone from memory, while it was worked on.
bool Preparer::is_wanted(const Job& job) const {
  const auto state = core_.find_group(job.job, job.group);
  return state && !state->has_ended;
}

void Preparer::pump(Now now, core::Effects& effects) {
  int steps = kStepsPerTurn;
  std::vector<Job> again;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    while (steps > 0 && at->not_before <= now.mono && !at->work().is_waiting() && !at->work().is_done() && is_wanted(*at)) {
      at->work().step();
      --steps;
    }
    if (!at->work().is_done() && is_wanted(*at)) {
      ++at;
      continue;
    }
    const Job done = std::move(*at);
    at = jobs_.erase(at);
    if (!is_wanted(done)) continue;
    const Status& outcome = done.work().outcome();
    if (!outcome && outcome.error().code == Errc::no_space) {
      again.push_back(begin_again(done, now));
    } else {
      tell(done, now, effects);
    }
  }
  for (Job& job : again) jobs_.push_back(std::move(job));
}

/// A full disk fails no job: somebody will free space.
Preparer::Job Preparer::begin_again(const Job& done, Now now) {
  log_.warn("job " + std::to_string(done.job.value) + ", entry " + std::to_string(done.group) + ": " + done.work().outcome().error().detail +
            "; tried again in a few seconds");
  Job job{nullptr, nullptr, done.job, done.group, now.mono + kNoSpacePause};
  if (done.preparation != nullptr) job.preparation = std::make_shared<Preparation>(sources(), done.job, done.group);
  if (done.collection != nullptr) job.collection = std::make_shared<Collection>(sources(), done.job, done.group);
  return job;
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
