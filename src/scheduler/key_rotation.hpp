#pragma once

#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/time.hpp"
#include "core/scheduler.hpp"
#include "ports/entropy.hpp"
#include "scheduler/journal.hpp"
#include "scheduler/keyring.hpp"

namespace stint::scheduler {

/// Of `[keys]` in stint.toml.
struct KeySettings {
  Duration rotate_every = std::chrono::hours{24} * 30;  ///< zero: never by itself
  Duration grace = std::chrono::hours{24};              ///< how long an epoch is accepted for work after the next was installed
};

enum class Retirement : std::uint8_t {
  to_newer,  ///< agents that still have a key of it get a newer one when they come
  at_once    ///< refused altogether: the epoch, or the store, is in wrong hands
};

/// When key epochs come and go: by command, and by themselves. What it decides is in the turn, with an event for the audit trail.
class KeyRotation {
 public:
  KeyRotation(KeySettings settings, Keyring& keys, ports::Entropy& entropy, Log& log);

  /// After a load: `now` decides what is due.
  void restart(Now now);
  /// Errors:  those of Keyring::rotate; out_of_range  a grace beyond limits::kKeyGraceMin and kKeyGraceMax.
  [[nodiscard]] Status rotate(std::optional<Duration> grace, const std::string& by, core::Scheduler& core, Now now, Turn& turn);
  /// Errors:  those of Keyring::retire. What has been done already is no error and no effect.
  [[nodiscard]] Status retire(KeyEpoch epoch, Retirement how, const std::string& by, core::Scheduler& core, Now now, Turn& turn);

  void on_timer(core::Scheduler& core, Now now, Turn& turn);
  [[nodiscard]] Instant next_deadline() const { return next_look_; }

  [[nodiscard]] const KeySettings& settings() const { return settings_; }
  /// nullopt: never by itself. While an older epoch is within its grace, when that is over.
  [[nodiscard]] std::optional<UnixMillis> next_rotation_at() const;

 private:
  void look_again(Now now);
  void tell_retired(KeyEpoch epoch, KeyState state, const std::string& by, core::Scheduler& core, Now now, Turn& turn);

  KeySettings settings_;
  Keyring& keys_;
  ports::Entropy& entropy_;
  Log& log_;
  Instant next_look_ = Instant::max();
};

}  // namespace stint::scheduler
