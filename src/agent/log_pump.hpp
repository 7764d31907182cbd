#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "agent/attempts.hpp"
#include "ports/driver.hpp"
#include "protocol/session.hpp"

namespace stint::agent {

/// Where output is asked for: the drivers, by attempt.
class OutputSource {
 public:
  virtual ~OutputSource() = default;
  virtual void request_output(const Attempt& attempt, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) = 0;
};

/// Moves output from the driver's spool to the scheduler within the session's credit. The spool keeps every byte until the attempt is
/// released,
/// so nothing is kept here: bytes that come without credit are dropped and asked for again once there is some, in turn.
class LogPump {
 public:
  explicit LogPump(OutputSource& source) : source_(source) {}

  /// A new session: what the scheduler has not acknowledged is to be sent again.
  static void rewind(Attempt& attempt);
  /// Asks for both streams from where they stand: after a start, a rewind, or the return of the driver.
  void open(Attempt& attempt);
  void on_output(Attempt& attempt, ports::DriverOutput output, protocol::Session& session);
  /// Asks anew for what was dropped, as far as the credit reaches.
  void feed(Attempts& attempts, const protocol::Session& session);
  void on_session_lost() { starving_.clear(); }

 private:
  void request(Attempt& attempt, std::size_t stream);

  OutputSource& source_;
  std::deque<std::pair<AttemptRef, std::size_t>> starving_;
};

}  // namespace stint::agent
