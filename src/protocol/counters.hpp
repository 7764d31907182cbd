#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "wire/frame.hpp"

namespace stint::protocol {

/// Why something that passed the frame's checks was refused, or a session ended, in the order of the checks. Each has a counter.
/// Source: docs/protocol.md "Counters".
enum class Refusal : std::uint8_t {
  // The buffer: closes the connection.
  malformed = 0,       ///< the FlatBuffers verifier says no, or structs are not aligned
  // Meaning: answered with Error, the session goes on (but for `time`).
  bad_envelope,        ///< its version (bad_version is the frame's)
  bad_timestamp,       ///< 0, or beyond 63 bits
  time,                ///< out of tolerance; ends the session
  bad_signature,       ///< present, but not the tag
  unknown_message,     ///< union type
  null_message,        ///< known type without a value
  missing_field,
  bad_enum,
  bad_progress,        ///< not finite or not within 0..1
  bad_value,           ///< another number or reference that cannot be
  bad_size,            ///< a byte vector of the wrong length
  bad_resources,
  list_too_long,
  text_too_long,
  // Authorisation: likewise.
  wrong_direction,     ///< this side may never send this
  over_credit,
  // Order: ends the session.
  out_of_order,        ///< first message not Resume; Resume or Reconcile twice; work before Reconcile
  // Keys: answered with Error; nothing is changed.
  bad_rekey,           ///< agent: not newer than the key of the session, another agent's, or it does not open
  // Handshake: ends the session.
  bad_hello,           ///< Hello or HelloAck without meaning, or not matching its header or the other
  bad_enrol,           ///< Enrol or EnrolAck that does not match its header or the other, or whose key does not open
  unsupported_version,
  rejected,            ///< agent: the scheduler said REJECT
  handshake_timeout,
  // Life.
  lease,               ///< heard nothing for three heartbeats
  overloaded,          ///< output queue full
  unsendable,          ///< our own message is over a limit
  reports_dropped,     ///< too many waited for credit
  identity_in_use,
  displaced,
};
inline constexpr std::size_t kRefusalCount = static_cast<std::size_t>(Refusal::displaced) + 1;

/// The counter's label and the error's code: the enumerator's name.
[[nodiscard]] const char* to_string(Refusal refusal);

/// Of all sessions of a process. Frames by wire::FrameError ([ok] = accepted), messages by Refusal, and traffic.
struct SessionCounters {
  wire::FrameCounters frames;
  std::array<std::uint64_t, kRefusalCount> refusals{};
  std::uint64_t established = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t frames_out = 0;

  void add(Refusal refusal) { ++refusals[static_cast<std::size_t>(refusal)]; }
  [[nodiscard]] std::uint64_t of(Refusal refusal) const { return refusals[static_cast<std::size_t>(refusal)]; }
  [[nodiscard]] std::uint64_t of(wire::FrameError error) const { return frames.of(error); }

  /// Every reason that has a counter, zero or not, in order: label `reason` of a metric such as stint_session_refusals_total.
  void for_each_reason(const std::function<void(std::string_view reason, std::uint64_t count)>& visit) const;
};

}  // namespace stint::protocol
