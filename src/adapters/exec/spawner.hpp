#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "adapters/exec/fd.hpp"
#include "adapters/exec/spawn.hpp"
#include "base/result.hpp"

namespace stint::exec {

/// Starts processes on a few threads. A thread that starts a process waits until the kernel has loaded it, most of that time for the
/// child to be given a processor: several children are loaded while nobody waits for one.
///
/// The threads come with the first order and stay until the end: they are their children's parents, see spawn().
/// Thread:  all calls from one.
class Spawner {
 public:
  using Number = std::uint64_t;
  struct Outcome {
    Number number = 0;
    Result<Spawned> spawned;
  };

  Spawner() = default;
  /// Orders that are not begun are dropped, the others are waited for.
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  [[nodiscard]] Status open();
  /// Readable when there are outcomes.
  [[nodiscard]] int event_fd() const { return event_.get(); }
  void order(Number number, SpawnSpec spec);
  [[nodiscard]] std::vector<Outcome> take_outcomes();

 private:
  struct Order {
    Number number;
    SpawnSpec spec;
  };
  void work();

  UniqueFd event_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Order> orders_;
  std::vector<Outcome> outcomes_;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stint::exec
