#include "adapters/staging/workers.hpp"

#include <utility>

namespace stint::staging {

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::post(Job job, Duration delay) {
  {
    const std::lock_guard lock(mutex_);
    if (is_ending_) return;  // by a job that runs: nobody would do it, and the threads are being joined
    waiting_.emplace(Clock::now() + delay, std::move(job));
    if (idle_ < waiting_.size() && threads_.size() < threads_max_) threads_.emplace_back([this] { run(); });
  }
  changed_.notify_one();
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    const auto due = waiting_.empty() ? Clock::time_point::max() : waiting_.begin()->first;
    if (due > Clock::now()) {
      ++idle_;
      if (due == Clock::time_point::max()) changed_.wait(lock);
      if (due != Clock::time_point::max()) changed_.wait_until(lock, due);
      --idle_;
      continue;
    }
    auto job = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    lock.unlock();
    job();
    job = nullptr;  // what it holds goes without the lock
    lock.lock();
  }
}

}  // namespace stint::staging
