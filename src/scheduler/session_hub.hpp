#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/pin.hpp"
#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "core/effects.hpp"
#include "ports/entropy.hpp"
#include "ports/link.hpp"
#include "protocol/counters.hpp"
#include "protocol/registry.hpp"
#include "protocol/session.hpp"
#include "scheduler/agent_keys.hpp"
#include "scheduler/journal.hpp"

namespace stint::scheduler {

/// What the hub passes up: messages of authenticated sessions, with the agent the session belongs to (never what a body says).
class AgentMessages {
 public:
  virtual ~AgentMessages() = default;
  virtual void on_resume(const protocol::HelloInfo& hello, const protocol::Resume& resume, Now now) = 0;
  virtual void on_info(AgentNumber agent, const protocol::AgentInfo& info, Now now) = 0;
  virtual void on_updates(AgentNumber agent, const protocol::UpdateList& updates, Now now) = 0;
  /// What is wrong with the chunk in words, empty if it was taken.
  virtual std::string on_log(AgentNumber agent, const protocol::LogChunk& chunk, Now now) = 0;
  virtual void on_disconnected(AgentNumber agent, Now now) = 0;
  /// Bytes of output staged so far, for Reconcile.
  virtual void fill_log_ends(protocol::AttemptVerdict& verdict) = 0;
};

struct SessionHubOptions {
  std::int64_t session_time_offset_ms = 0;
  Duration heartbeat_interval = std::chrono::seconds{30};
  std::vector<Pin> cell_pins;  ///< told after each Reconcile, from the one that is shown to the newest; none: there is no TLS
};

/// Connections, the sessions on them, and which session speaks for which agent.
class SessionHub final : public ports::LinkHandler {
 public:
  SessionHub(SessionHubOptions options, const AgentKeys& keys, ports::Links& links, ports::Entropy& entropy, Log& log, AgentMessages& up);
  ~SessionHub() override;

  void on_link_open(ports::LinkId link, std::string peer, Now now) override;
  void on_link_bytes(ports::LinkId link, ByteView bytes, Now now, Instant empty_since) override;
  void on_link_closed(ports::LinkId link, Now now) override;
  void take_link_output(ports::LinkId link, Now now, std::size_t budget, Bytes& out) override;
  [[nodiscard]] bool has_link_output(ports::LinkId link) const override;

  void on_timer(Now now);
  /// May come before anything is due.
  [[nodiscard]] Instant next_deadline() const;

  /// What an assignment says: `template_of` what the attempts of an entry share, `extra_of` what one has beside it.
  struct AssignmentSource {
    std::function<const protocol::TaskTemplate*(JobId, std::uint32_t group)> template_of;
    std::function<std::optional<protocol::AssignedExtra>(const AttemptRef&)> extra_of;
  };
  /// Gives agents that know how to wait the assignments of a turn that is about to be durable; tell() of the same turn confirms them.
  void announce(const std::vector<core::Send>& sends, const AssignmentSource& source);
  /// Tells agents what a durable turn says.
  void tell(const std::vector<core::Send>& sends, const std::vector<LogTaken>& logs, const AssignmentSource& source, Now now);
  /// Ends every session (the store is full, or the daemon stops).
  void close_all(protocol::CloseReason reason, const std::string& detail, Now now);
  /// What became of the key epochs is durable, and `newest` is the current one: agents with an older key are offered one of it,
  /// and sessions whose epoch takes no work any more end, so that their agents come back for it.
  void on_keys_changed(KeyEpoch newest, Now now);
  /// The connection is another's from now on, as if it had never been opened here. False: it is not here, or has ended.
  [[nodiscard]] bool release(ports::LinkId id);
  /// While false, new links are closed without an answer.
  void set_accepting(bool accepting) { accepting_ = accepting; }

  /// The agent's wall clock minus ours at its last HELLO (less the way here), in ms; nullopt if it has no session.
  [[nodiscard]] std::optional<std::int64_t> find_skew_ms(AgentNumber agent) const;
  [[nodiscard]] const protocol::SessionCounters& counters() const { return counters_; }
  [[nodiscard]] protocol::SessionCounters& counters() { return counters_; }
  [[nodiscard]] std::size_t sessions() const { return links_.size(); }

 private:
  struct Link {
    std::unique_ptr<protocol::Session> session;
    SessionId id;
    std::string peer;
    AgentNumber agent;  ///< zero until its HELLO was valid
    std::int64_t skew_ms = 0;
    bool speaking = false;  ///< it is the session of its agent
    bool knows_provisional = false;
    std::set<AttemptRef> announced;  ///< and not told yet
    Instant rekey_at = Instant::max();  ///< when a newer key is offered (again)
    bool gone = false;  ///< ended; closed once its output is written
    std::vector<protocol::Message> held;  ///< messages that wait for a probe of the session in use
  };
  struct Agent {
    ports::LinkId link;  ///< zero: none
    bool reconciled = false;  ///< this session's Reconcile has been queued
    std::uint32_t reconciles_due = 0;  ///< Reconciled effects on their way; only the last belongs to this session
    std::vector<protocol::AttemptVerdict> verdicts;
  };

  void watch(ports::LinkId id, const Link& link);
  void drain(ports::LinkId id, Now now);
  void on_message(Link& link, protocol::Message& message, Now now);
  void take_over(ports::LinkId id, Now now);
  void hand_over(ports::LinkId from);
  void send_away(ports::LinkId id, Now now);
  [[nodiscard]] bool takes_work(KeyEpoch epoch) const;
  void offer_key(ports::LinkId id, Now now);
  void cut(AgentNumber agent, Now now);
  void close_all_of(std::vector<ports::LinkId> over, protocol::CloseReason reason, const std::string& detail, Now now);
  void apply(ports::LinkId id, const protocol::RegistryDecision& decision, Now now);
  void apply(const std::optional<protocol::RegistryOutcome>& outcome, Now now);
  void finish(ports::LinkId id, Now now);
  ports::LinkId link_of(SessionId session) const;
  protocol::Session* reconciled_session(AgentNumber agent);
  void tell_reconciled(AgentNumber agent, Now now);

  SessionHubOptions options_;
  const AgentKeys& keys_;
  ports::Links& out_;
  ports::Entropy& entropy_;
  Log& log_;
  AgentMessages& up_;
  protocol::SessionCounters counters_;
  protocol::IdentityRegistry registry_;
  std::shared_ptr<protocol::SessionScratch> scratch_ = protocol::make_session_scratch();
  std::unordered_map<ports::LinkId, Link> links_;  ///< asked several times for each frame; its order must reach no effect
  std::map<SessionId, ports::LinkId> by_session_;
  TimerWheel<ports::LinkId> deadlines_;  ///< of links that are not gone
  std::map<AgentNumber, Agent> agents_;
  KeyEpoch newest_epoch_;  ///< that is durably installed
  bool accepting_ = true;
};

}  // namespace stint::scheduler
