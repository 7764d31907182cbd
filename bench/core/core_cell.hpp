#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "core/scheduler.hpp"

namespace stint::bench {

/// The scheduler's brain alone, with agents that take what they are given: no store, no network, no clock.
class CoreCell {
 public:
  struct Shape {
    std::uint32_t agents = 1;
    std::uint32_t window = 1;      ///< attempts that each holds at once
    std::uint32_t tasks = 1;       ///< in all
    std::uint32_t jobs = 1;        ///< of equal size, each with tasks of another shape
  };
  explicit CoreCell(const Shape& shape);

  /// Real time that a turn took.
  struct Turn {
    Duration place{};
    Duration report{};
    std::uint32_t placed = 0;
  };
  /// So many attempts, drawn from all that agents hold, complete; then one place(), as the daemon makes it.
  Turn turn(std::uint32_t completed);
  [[nodiscard]] std::size_t held() const { return held_.size(); }

 private:
  void connect(std::uint32_t number);
  void submit(std::uint32_t job, std::uint32_t tasks);
  void report(const core::Assign& assign);
  std::uint32_t take_effects();

  Shape shape_;
  Prng draw_{1};
  core::Scheduler scheduler_;
  Now now_{Instant{std::chrono::hours{1}}, unix_millis(1'790'000'000'000)};
  core::Effects effects_;
  std::vector<core::Assign> held_;
};

}  // namespace stint::bench
