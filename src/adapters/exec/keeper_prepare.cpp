#include "adapters/exec/keeper.hpp"

namespace stint::exec {

// What an agent expects to be told to start: one attempt, of which everything is done but to execute its program. It is not held.

void Keeper::prepare(ports::LaunchSpec spec) {
  forget_prepared();
  if (by_ref_.contains(spec.ref)) return;
  const Number number = next_number_++;
  prepared_ = Prepared{number, make_attempt(std::move(spec))};
  const SpawnSpec* const order = prepared_->attempt->order();
  if (order == nullptr || !spawner_.is_ready_for(*order)) return;  // it is seen to when it proceeds
  spawning_.insert(number);
  spawner_.prepare(number, *prepared_->attempt->take_order(host_));
}

void Keeper::proceed(const AttemptRef& ref) {
  if (by_ref_.contains(ref)) return;
  if (!prepared_ || prepared_->attempt->ref() != ref) {
    return hold(next_number_++, std::make_unique<Attempt>(ref, EndReason::refused, "it was not prepared"));
  }
  Prepared prepared = std::move(*prepared_);
  prepared_.reset();
  spawner_.proceed(prepared.number);
  hold(prepared.number, std::move(prepared.attempt));
}

/// The child may still be about to enter its cgroup: that stays open until the spawner says what became of it.
void Keeper::forget_prepared() {
  if (!prepared_) return;
  Prepared prepared = std::move(*prepared_);
  prepared_.reset();
  if (spawning_.contains(prepared.number)) {
    spawner_.give_up(prepared.number);
    given_up_.emplace(prepared.number, std::move(prepared.attempt));
  } else {
    prepared.attempt->give_up(host_);
  }
}

/// It could not be prepared, or was given up.
void Keeper::on_unprepared(Number number, Result<Spawned> spawned, Instant now) {
  if (prepared_ && prepared_->number == number) return prepared_->attempt->on_spawned(std::move(spawned), now, host_);
  if (const auto at = given_up_.find(number); at != given_up_.end()) {
    at->second->on_spawned(std::move(spawned), now, host_);
    given_up_.erase(at);
  }
}

}  // namespace stint::exec
