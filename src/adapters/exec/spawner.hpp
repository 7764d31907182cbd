#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "adapters/exec/fd.hpp"
#include "adapters/exec/ready_child.hpp"
#include "adapters/exec/spawn.hpp"
#include "base/result.hpp"

namespace stint::exec {

/// Starts processes on a few threads. A thread that starts a process waits until the kernel has loaded it, most of that time for the
/// child to be given a processor: several children are loaded while nobody waits for one.
///
/// One more thread keeps a child ready for the next order, see ReadyChild.
///
/// The threads come when they are needed and stay until the end: they are their children's parents, see spawn().
/// Thread:  all calls from one.
class Spawner {
 public:
  using Number = std::uint64_t;
  struct Outcome {
    Number number = 0;
    Result<Spawned> spawned;
  };

  Spawner() = default;
  ~Spawner() { end(); }
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  [[nodiscard]] Status open();
  /// Orders that are not begun are dropped. Waits for the others, and until the child that is ready has gone.
  void end();
  /// Readable when there are outcomes.
  [[nodiscard]] int event_fd() const { return event_.get(); }
  void order(Number number, SpawnSpec spec);

  /// No child waits for the next order, and none is being made; false where none can be.
  [[nodiscard]] bool lacks_ready();
  /// Has one made, which waits in `group`. For when there is time.
  void make_ready(ReservedCgroup group);
  /// A child waits for its order.
  [[nodiscard]] bool has_ready();
  /// A child waits, and may be given this. None is given a memory limit: the kernel counts the arguments to it while the child still has
  /// our memory, and whom it kills for that it kills with all who share their memory. (It spares a child in vfork.)
  [[nodiscard]] bool is_ready_for(const SpawnSpec& spec);
  /// Only if is_ready_for() it: has all done for this order but to execute it. Its outcome comes after proceed() or give_up(), or when it
  /// failed.
  void prepare(Number number, SpawnSpec spec);
  void proceed(Number number);
  void give_up(Number number);
  [[nodiscard]] std::vector<Outcome> take_outcomes();

 private:
  struct Order {
    Number number;
    SpawnSpec spec;
  };
  /// A child that waits, and what it is given.
  struct Ready {
    std::unique_ptr<ReadyChild> child;
    OutputPipes pipes;
    std::optional<Order> order;
    bool is_held = false;  ///< until proceed()
    Program program;
    std::int64_t started_ms = 0;
  };

  void work();
  void keep_ready();
  [[nodiscard]] static Result<Ready> make_child(ReservedCgroup group);
  [[nodiscard]] static Result<Spawned> outcome_of(Ready& ready, ReadyChild::End end);
  /// These with the lock.
  [[nodiscard]] bool may_take(const SpawnSpec& spec) const;
  [[nodiscard]] Ready* find_prepared(Number number);
  bool give_order(Ready& ready, Order order);
  static void let_proceed(Ready& ready);
  void report(Number number, Result<Spawned> spawned);

  UniqueFd event_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Order> orders_;
  std::vector<Outcome> outcomes_;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;

  std::optional<Ready> ready_;  ///< made and taken away by ready_thread_, with the lock
  std::optional<ReservedCgroup> wanted_;  ///< where the next one is to wait, until it does
  std::condition_variable ready_wake_;
  std::thread ready_thread_;
};

}  // namespace stint::exec
