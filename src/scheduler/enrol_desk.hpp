#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/timer_wheel.hpp"
#include "ports/entropy.hpp"
#include "ports/link.hpp"
#include "protocol/enrol_session.hpp"
#include "scheduler/session_hub.hpp"

namespace stint::scheduler {

/// What the desk passes up: authentic requests, each once. The answer comes back through EnrolDesk::tell.
class EnrolRequests {
 public:
  virtual ~EnrolRequests() = default;
  virtual void on_enrol(ports::LinkId link, const protocol::Enrol& request, Now now) = 0;
};

struct EnrolDeskOptions {
  std::int64_t session_time_offset_ms = 0;
  std::vector<wire::Digest> cells;  ///< SHA-256 of each public key of the cell
};

/// Stands in front of the sessions: a connection whose first frame is ENROL is served here, every other one is the hub's. The kind is the
/// fourth byte, and until it has come the hub has the connection, so that silent ones end as they always do.
class EnrolDesk final : public ports::LinkHandler {
 public:
  EnrolDesk(EnrolDeskOptions options, const protocol::EnrolKeyLookup& keys, SessionHub& hub, ports::Links& links, ports::Entropy& entropy,
            Log& log, EnrolRequests& up);

  void on_link_open(ports::LinkId id, std::string peer, Now now) override;
  void on_link_bytes(ports::LinkId id, ByteView bytes, Now now, Instant empty_since) override;
  void on_link_closed(ports::LinkId id, Now now) override;
  void take_link_output(ports::LinkId id, Now now, std::size_t budget, Bytes& out) override;
  [[nodiscard]] bool has_link_output(ports::LinkId id) const override;

  /// Of this desk alone; the hub has its own.
  void on_timer(Now now);
  [[nodiscard]] Instant next_deadline() const { return deadlines_.next(); }

  /// Sends an answer; one whose connection has gone is dropped: the agent asks again.
  void tell(const EnrolAnswer& answer, Now now);
  /// Ends every enrolment without an answer: the store is full, or the daemon stops.
  void close_all(Now now);

 private:
  struct Opening {
    std::string peer;
    Bytes head;  ///< fewer than four bytes
    Instant empty_since{};
  };
  struct Link {
    std::string peer;
    std::unique_ptr<protocol::SchedulerEnrol> enrol;
    bool is_asked = false;  ///< the request went up
    bool is_gone = false;
  };
  void decide(ports::LinkId id, Opening opening, ByteView bytes, Now now, Instant empty_since);
  void settle(ports::LinkId id, Now now);
  void log_end(const Link& link, const protocol::Ended& ended);

  EnrolDeskOptions options_;
  const protocol::EnrolKeyLookup& keys_;
  SessionHub& hub_;
  ports::Links& out_;
  ports::Entropy& entropy_;
  Log& log_;
  EnrolRequests& up_;
  std::shared_ptr<protocol::SessionScratch> scratch_ = protocol::make_session_scratch();
  std::map<ports::LinkId, Opening> opening_;
  std::map<ports::LinkId, Link> links_;
  TimerWheel<ports::LinkId> deadlines_;
};

}  // namespace stint::scheduler
