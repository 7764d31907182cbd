#include "sim/agenda.hpp"

#include <algorithm>

namespace stint::sim {
namespace {

constexpr std::int64_t kWallBaseMs = 1'800'000'000'000;  // some day in 2027

constexpr std::int64_t kMillion = 1'000'000;

std::int64_t floor_div(std::int64_t of, std::int64_t by) { return of / by - (of % by < 0 ? 1 : 0); }

}  // namespace

void Agenda::at(Instant when, Action action) { actions_.emplace(Key{std::max(when, now_), planned_++}, std::move(action)); }

bool Agenda::run_next() {
  if (actions_.empty()) return false;
  auto next = actions_.extract(actions_.begin());
  now_ = next.key().first;
  next.mapped()();
  return true;
}

Now MachineClock::now() const {
  const Instant world = agenda_.now();
  return {read(world), unix_millis(kWallBaseMs + to_ms(world.time_since_epoch()) + wall_error_ms_)};
}

Instant MachineClock::read(Instant world) const {
  const Duration since = world - world_;
  return local_ + since + Duration{floor_div(since.count() * drift_ppm_, kMillion)};
}

Instant MachineClock::to_world(Instant local) const {
  if (local == Instant::max()) return local;
  if (local <= read(agenda_.now())) return agenda_.now();
  const std::int64_t since = (local - local_).count();
  const std::int64_t speed = kMillion + drift_ppm_;  // local time in a million of the world's
  const std::int64_t rest = (since % speed * kMillion + speed - 1) / speed;  // rounded up: an alarm is never early
  return world_ + Duration{since / speed * kMillion + rest};
}

void MachineClock::set_drift(std::int64_t drift_ppm) {
  local_ = read(agenda_.now());
  world_ = agenda_.now();
  drift_ppm_ = drift_ppm;
}

}  // namespace stint::sim
