#include "sim/agenda.hpp"

#include <algorithm>

namespace stint::sim {
namespace {

constexpr std::int64_t kWallBaseMs = 1'800'000'000'000;  // some day in 2027

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

Instant MachineClock::to_world(Instant local) const {
  if (local == Instant::max()) return local;
  return local <= read(agenda_.now()) ? agenda_.now() : local - offset_;
}

}  // namespace stint::sim
