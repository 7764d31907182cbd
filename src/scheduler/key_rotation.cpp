#include "scheduler/key_rotation.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/utc.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;

constexpr const char* kBySchedule = "schedule";  // who asked, when nobody did

std::chrono::milliseconds in_ms(Duration duration) { return std::chrono::ceil<std::chrono::milliseconds>(duration); }

void add_event(const char* kind, json::object body, const std::string& by, core::Scheduler& core, Now now, Turn& turn) {
  body["at"] = format_utc(now.wall);
  body["by"] = by;
  core.add_event(kind, json::serialize(body), now, turn.effects);
}

const core::MasterKeyRow* find_row(const std::vector<core::MasterKeyRow>& rows, KeyEpoch epoch) {
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.epoch == epoch; });
  return at == rows.end() ? nullptr : &*at;
}

void add_rows(const std::vector<core::MasterKeyRow>& rows, const Keyring& keys, Turn& turn) {
  turn.effects.rows.insert(turn.effects.rows.end(), rows.begin(), rows.end());
  if (!rows.empty()) turn.newest_key = keys.current_epoch();
}

}  // namespace

KeyRotation::KeyRotation(KeySettings settings, Keyring& keys, ports::Entropy& entropy, Log& log)
    : settings_(settings), keys_(keys), entropy_(entropy), log_(log) {}

void KeyRotation::restart(Now now) { next_look_ = now.mono; }

Status KeyRotation::rotate(std::optional<Duration> grace, const std::string& by, core::Scheduler& core, Now now, Turn& turn) {
  const Duration kept = grace.value_or(settings_.grace);
  if (kept < limits::kKeyGraceMin || kept > limits::kKeyGraceMax)
    return fail(Errc::out_of_range, "grace: from 1 second to 90 days, got " + std::to_string(to_ms(kept)) + " ms");
  STINT_TRY(const auto rows, keys_.rotate(kept, entropy_, now.wall));
  add_rows(rows, keys_, turn);
  const KeyEpoch epoch = keys_.current_epoch();
  add_event("key_rotated", {{"key_epoch", epoch.value}, {"older_until", format_utc(now.wall + in_ms(kept))}, {"grace_ms", to_ms(kept)}}, by,
            core, now, turn);
  log_.info("key epoch " + std::to_string(epoch.value) + " installed, by " + by);
  look_again(now);
  return {};
}

Status KeyRotation::retire(KeyEpoch epoch, Retirement how, const std::string& by, core::Scheduler& core, Now now, Turn& turn) {
  const bool is_at_once = how == Retirement::at_once;
  STINT_TRY(const auto rows, is_at_once ? keys_.remove(epoch, entropy_, now.wall) : keys_.retire(epoch, now.wall));
  if (find_row(rows, epoch) == nullptr) return {};
  add_rows(rows, keys_, turn);
  tell_retired(epoch, keys_.state_of(epoch), by, core, now, turn);
  look_again(now);
  return {};
}

void KeyRotation::tell_retired(KeyEpoch epoch, KeyState state, const std::string& by, core::Scheduler& core, Now now, Turn& turn) {
  add_event("key_retired", {{"key_epoch", epoch.value}, {"state", to_string(state)}}, by, core, now, turn);
  log_.info("key epoch " + std::to_string(epoch.value) + " is " + std::string(to_string(state)) + ", by " + by);
}

void KeyRotation::on_timer(core::Scheduler& core, Now now, Turn& turn) {
  if (now.mono < next_look_) return;
  const auto expired = keys_.expire(now.wall);
  add_rows(expired, keys_, turn);
  for (const auto& row : expired) tell_retired(row.epoch, keys_.state_of(row.epoch), kBySchedule, core, now, turn);
  const auto due = next_rotation_at();
  if (due && *due <= now.wall)
    if (const auto rotated = rotate(std::nullopt, kBySchedule, core, now, turn); !rotated)
      log_.warn("key rotation: " + rotated.error().detail);
  look_again(now);
}

std::optional<UnixMillis> KeyRotation::next_rotation_at() const {
  if (settings_.rotate_every <= Duration{0}) return std::nullopt;
  UnixMillis due{};
  for (const auto& row : keys_.rows()) {
    const KeyState state = keys_.state_of(row.epoch);
    if (state == KeyState::current) due = std::max(due, row.installed_at + in_ms(settings_.rotate_every));
    if (state == KeyState::accepted) due = std::max(due, row.retire_at);
  }
  return due;
}

/// The epochs' times are of the wall clock, which may be set at any time: it is looked at now and then, whatever is due.
void KeyRotation::look_again(Now now) {
  Duration wait = limits::kKeyCheckPeriod;
  const auto take = [&](std::optional<UnixMillis> at) {
    if (at) wait = std::min<Duration>(wait, std::max<Duration>(*at - now.wall, std::chrono::milliseconds{1}));
  };
  take(keys_.next_expiry());
  take(next_rotation_at());
  next_look_ = now.mono + wait;
}

}  // namespace stint::scheduler
