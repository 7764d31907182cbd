#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/time.hpp"

namespace stint::sim {

/// Virtual time, and what happens next: the simulation's only loop. What is planned for one moment happens in the order in which it was
/// planned, so a run is a function of its seed.
class Agenda {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] bool empty() const { return actions_.empty(); }
  /// A moment that has passed counts as now.
  void at(Instant when, Action action);
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }
  /// Moves time to the next action and carries it out.  False: nothing is planned.
  bool run_next();

 private:
  using Key = std::pair<Instant, std::uint64_t>;
  Instant now_{std::chrono::seconds{1}};
  std::uint64_t planned_ = 0;
  std::map<Key, Action> actions_;
};

/// One machine's clocks. They were set differently and run at different speeds: nothing may compare two machines' readings.
class MachineClock {
 public:
  /// `drift_ppm`: by how many millionths it is fast. Quartz is within 100, a bad virtual machine within 500.
  MachineClock(const Agenda& agenda, Duration since_boot, std::int64_t wall_error_ms, std::int64_t drift_ppm)
      : agenda_(agenda), local_(Instant{since_boot}), wall_error_ms_(wall_error_ms), drift_ppm_(drift_ppm) {}

  [[nodiscard]] Now now() const;
  /// This machine's reading at a moment of the world.
  [[nodiscard]] Instant read(Instant world) const;
  /// When the world's time is what this machine calls `local`; never before now, Instant::max() stays.
  [[nodiscard]] Instant to_world(Instant local) const;
  /// Somebody sets the wall clock; CLOCK_BOOTTIME does not care.
  void step_wall(std::int64_t ms) { wall_error_ms_ += ms; }
  /// From now on it runs at this speed.
  void set_drift(std::int64_t drift_ppm);

 private:
  const Agenda& agenda_;
  Instant world_{};  ///< when it last changed its speed
  Instant local_;    ///< its reading then
  std::int64_t wall_error_ms_;
  std::int64_t drift_ppm_;
};

}  // namespace stint::sim
