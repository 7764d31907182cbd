#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.hpp"

namespace stint::staging {

/// A few threads for work that blocks, started when there is first something to do. Jobs start in the order of the time they are due.
/// The end of this object waits for the jobs that run; those that wait are dropped.
class Workers {
 public:
  explicit Workers(std::size_t threads_max) : threads_max_(threads_max) {}
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  using Job = std::function<void()>;
  void post(Job job, Duration delay = Duration{0});

 private:
  using Clock = std::chrono::steady_clock;
  void run();

  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, Job> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool is_ending_ = false;
};

}  // namespace stint::staging
