#include "agent/attempts.hpp"

#include <algorithm>
#include <utility>

#include "agent/limits.hpp"

namespace stint::agent {

namespace {

constexpr std::size_t kFileBytes = 144;  // of its tables and digest in a frame, about

/// Bytes that the update of an end carries beside what every update does.
std::size_t size_of_left(const AttemptState& state) {
  std::size_t size = state.result.size();
  for (const auto& file : state.outputs) size += kFileBytes + file.path.size();
  return size;
}

}  // namespace

Attempt* Attempts::find(const AttemptRef& ref) {
  const auto found = by_ref_.find(ref);
  return found == by_ref_.end() ? nullptr : &found->second;
}

std::vector<Attempt*> Attempts::in_order() {
  std::vector<Attempt*> all;
  all.reserve(by_ref_.size());
  for (auto& [ref, attempt] : by_ref_) all.push_back(&attempt);
  std::sort(all.begin(), all.end(), [](const Attempt* a, const Attempt* b) { return a->state.ref < b->state.ref; });
  return all;
}

Attempt& Attempts::restore(AttemptState state) {
  auto& attempt = by_ref_[state.ref];
  attempt.phase = has_ended(state.status) ? Attempt::Phase::ended : Attempt::Phase::launched;
  attempt.persisted = state.number;
  attempt.number_step = limits::kNumberStepRestored;
  attempt.accept_is_due = true;
  attempt.state = std::move(state);
  if (!attempt.has_ended()) ++active_;
  return attempt;
}

Attempt& Attempts::add(AttemptState state) {
  const auto ref = state.ref;
  auto& attempt = by_ref_[ref];
  attempt.state = std::move(state);
  ++active_;
  change(attempt);
  return attempt;
}

void Attempts::change(Attempt& attempt) {
  attempt.state.number += attempt.number_step;
  touch(attempt);
}

void Attempts::touch(Attempt& attempt) {
  if (!std::exchange(attempt.is_dirty, true)) dirty_.push_back(&attempt);
}

void Attempts::resend(Attempt& attempt) {
  if (!std::exchange(attempt.is_unsent, true)) unsent_.push_back(&attempt);
}

void Attempts::on_started(Attempt& attempt, std::int64_t started_ms) {
  if (attempt.state.status != TaskStatus::pending) return;  // a keeper tells its story anew to every agent that connects
  attempt.state.status = TaskStatus::running;
  attempt.state.started_ms = started_ms;
  change(attempt);
}

void Attempts::on_ended(Attempt& attempt, const AttemptState& outcome) {
  if (attempt.has_ended()) return;
  auto& state = attempt.state;
  state.status = outcome.status;
  state.reason = outcome.reason;
  state.exit_code = outcome.exit_code;
  state.signal = outcome.signal;
  if (outcome.started_ms != 0) state.started_ms = outcome.started_ms;
  state.ended_ms = outcome.ended_ms;
  state.output_bytes = outcome.output_bytes;
  state.detail = outcome.detail.substr(0, limits::kDetailMax);
  state.outputs = outcome.outputs;
  state.gpus.clear();
  attempt.phase = Attempt::Phase::ended;
  attempt.launch.reset();
  --active_;
  change(attempt);
  settle(attempt);
}

void Attempts::on_acked(Attempt& attempt, std::uint32_t number) {
  attempt.acked = std::max(attempt.acked, number);
  if (attempt.acked >= attempt.sent) land(attempt);
  if (attempt.acked > attempt.state.number) {
    // The journal lost its last records (power failure): the scheduler knows numbers that we have forgotten. Ours go on above them.
    attempt.state.number = attempt.acked;
    change(attempt);
  }
  settle(attempt);
}

void Attempts::on_reconciled(Attempt& attempt, std::uint32_t number) {
  attempt.acked = number;
  on_acked(attempt, number);
}

void Attempts::land(Attempt& attempt) { left_in_flight_ -= std::exchange(attempt.left_in_flight, 0); }

void Attempts::settle(Attempt& attempt) {
  if (!attempt.has_ended()) return;
  if (attempt.is_unwanted || (attempt.acked >= attempt.state.number && attempt.logs_are_done())) forget(attempt);
}

void Attempts::forget(Attempt& attempt) {
  land(attempt);
  if (!std::exchange(attempt.is_forgotten, true)) forgotten_.push_back(&attempt);
}

Status Attempts::persist() {
  for (const Attempt* attempt : dirty_)
    if (!attempt->is_forgotten) journal_.stage_attempt(attempt->state);
  for (const Attempt* attempt : forgotten_)
    if (attempt->persisted > 0 && !attempt->is_unrecorded) journal_.stage_forget(attempt->state.ref);
  STINT_TRY_VOID(journal_.commit());

  for (Attempt* attempt : std::exchange(dirty_, {})) {
    attempt->is_dirty = false;
    attempt->persisted = attempt->state.number;
    if (!attempt->is_forgotten) resend(*attempt);
  }
  for (Attempt* attempt : std::exchange(forgotten_, {})) drop(*attempt);
  return {};
}

void Attempts::drop(Attempt& attempt) {
  if (attempt.is_unsent) std::erase(unsent_, &attempt);
  const AttemptRef ref = attempt.state.ref;
  dropped_.push_back({ref, std::move(attempt.state.driver)});
  by_ref_.erase(ref);
}

std::vector<std::uint32_t> Attempts::refuse_unpersisted(std::int64_t now_ms, const std::string& why) {
  std::vector<std::uint32_t> gpus;
  std::erase_if(dirty_, [&](Attempt* attempt) {
    const bool is_refused = attempt->has_ended() && attempt->state.reason == EndReason::refused;
    if (attempt->persisted != 0 || (attempt->phase != Attempt::Phase::waiting && !is_refused)) return false;
    if (!attempt->has_ended()) gpus.insert(gpus.end(), attempt->state.gpus.begin(), attempt->state.gpus.end());
    AttemptState outcome;
    outcome.status = TaskStatus::failed;
    outcome.reason = EndReason::refused;
    outcome.ended_ms = now_ms;
    outcome.detail = why;
    on_ended(*attempt, outcome);
    attempt->is_dirty = false;
    attempt->is_unrecorded = true;
    attempt->has_spool = false;
    attempt->persisted = attempt->state.number;
    resend(*attempt);
    return true;
  });
  return gpus;
}

std::vector<protocol::StatusUpdate> Attempts::take_updates() {
  std::vector<protocol::StatusUpdate> updates;
  for (Attempt* attempt : std::exchange(unsent_, {})) {
    attempt->is_unsent = false;
    if (attempt->is_forgotten || attempt->is_dirty) continue;
    if (attempt->is_provisional) {  // nobody else knows of it
      resend(*attempt);
      continue;
    }
    const auto newest = std::max(attempt->sent, attempt->acked);
    if (attempt->state.number <= newest) continue;
    if (attempt->state.status == TaskStatus::pending && !attempt->accept_is_due) continue;
    if (attempt->has_ended() && !attempt->logs_are_sent()) {  // whoever follows the output stops at the end: nothing may come behind it
      resend(*attempt);
      continue;
    }
    const auto left_bytes = attempt->has_ended() ? size_of_left(attempt->state) : 0;
    if (left_bytes > 0 && left_in_flight_ >= limits::kLeftInFlight) {  // goes when one of those has been acknowledged
      resend(*attempt);
      continue;
    }
    left_in_flight_ += left_bytes;
    attempt->left_in_flight += left_bytes;
    attempt->sent = attempt->state.number;
    updates.push_back(make_update(attempt->state));
  }
  return updates;
}

void Attempts::on_session_lost() {
  for (auto& [ref, attempt] : by_ref_) {
    attempt.sent = 0;
    attempt.left_in_flight = 0;
    attempt.is_unsent = false;
  }
  left_in_flight_ = 0;
  unsent_.clear();
}

}  // namespace stint::agent
