#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/session.hpp"

namespace stint::protocol {

/// What is to be done with a session that has just become established.
struct RegistryDecision {
  enum class Kind : std::uint8_t {
    accept,            ///< it speaks for its agent now
    accept_and_close,  ///< it speaks for its agent now; close `other` with CloseReason::displaced
    wait_probe,        ///< keep its messages back and call probe() of `other`: on_heard, on_closed or on_timer will decide
    refuse,            ///< close it with `reason` and `detail`; `other`, if any, goes on
  };
  Kind kind = Kind::accept;
  SessionId other;
  CloseReason reason = CloseReason::normal;
  std::string detail;
};

/// A decision that had to wait for a probe.
struct RegistryOutcome {
  SessionId session;  ///< the one that waited
  RegistryDecision decision;
};

/// Which session speaks for which agent, so that a reconnecting agent takes over at once and a cloned disk cannot fight its twin.
///
///   same instance and boot, higher connect      displaces the live session
///   same instance and boot, connect not higher  is refused: an older connection that arrived late, or a copy
///   another instance or boot                    displaces only a session that has closed or leaves a probe unanswered for limits::kProbe
///
/// Pure: sessions are numbers here; the scheduler daemon closes and probes.
/// Source:  docs/protocol.md "Displacement".
class IdentityRegistry {
 public:
  /// HELLO was valid (Session::hello() became non-null). Returns an older half-open session of the same agent,
  /// to be closed without an answer.
  [[nodiscard]] std::optional<SessionId> on_hello(AgentNumber agent, SessionId session);
  /// The first valid DATA frame came (Established).
  [[nodiscard]] RegistryDecision on_established(const HelloInfo& hello, SessionId session, Now now);
  /// An authenticated frame came in this session (Session::last_heard() moved). Cheap when nothing waits.
  [[nodiscard]] std::optional<RegistryOutcome> on_heard(AgentNumber agent, SessionId session, Now now);
  /// The session ended, for whatever reason and in whatever state. Forgets it.
  [[nodiscard]] std::optional<RegistryOutcome> on_closed(AgentNumber agent, SessionId session);
  /// Probes that were not answered.
  [[nodiscard]] std::vector<RegistryOutcome> on_timer(Now now);
  [[nodiscard]] Instant next_deadline() const;

  /// The session that speaks for the agent.
  [[nodiscard]] std::optional<SessionId> find(AgentNumber agent) const;

 private:
  struct Holder {
    SessionId session;
    HelloInfo hello;
  };
  struct Waiting {
    Holder holder;
    Instant since;  ///< what was heard before is no answer
    Instant until;
    bool is_answered = false;
  };
  struct Entry {
    std::optional<SessionId> half_open;
    std::optional<Holder> live;
    std::optional<Waiting> waiting;
    [[nodiscard]] bool empty() const { return !half_open && !live && !waiting; }
  };

  RegistryDecision probe(Entry& entry, Holder candidate, Now now);
  RegistryOutcome dismiss(AgentNumber agent, Entry& entry);
  RegistryOutcome promote(AgentNumber agent, Entry& entry, RegistryDecision decision);

  std::map<AgentNumber, Entry> agents_;
  std::set<AgentNumber> waiting_;  ///< the agents whose entry has a session waiting: few, mostly none
};

}  // namespace stint::protocol
