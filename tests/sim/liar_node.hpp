#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/counters.hpp"
#include "protocol/session.hpp"
#include "sim/agent_node.hpp"
#include "sim/durable.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// An agent with a good key that says what it likes. It takes what it is given, runs nothing, and tells of ends all the same: what it
/// says of its own attempts counts, and nothing else does. It speaks through the production session: broken frames are the fuzzer's work.
class LiarNode final : public Peer {
 public:
  LiarNode(Surroundings world, AgentIdentity identity, const Durable& durable, std::uint64_t seed);

  void start();
  /// From now on it is silent.
  void stop();
  /// Counted if there was something to lie about.
  void lie(Fault kind);
  [[nodiscard]] AgentNumber number() const { return identity_.number; }
  [[nodiscard]] const std::string& name() const { return identity_.info.name; }

  void on_connected(ConnectionId id) override;
  void on_dial_failed(ConnectionId id) override;
  void on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) override;
  void on_closed(ConnectionId id) override;
  void on_room(ConnectionId id) override;

 private:
  struct Held {
    std::uint32_t number = 0;  ///< of its last update
    TaskStatus status = TaskStatus::pending;
    std::vector<std::string> outputs;  ///< that it should leave
  };

  void dial();
  void pump();
  void settle();
  void on_message(const protocol::AssignmentList& list);
  void on_message(const protocol::Cancel& cancel);
  void on_message(const protocol::Reconcile& reconcile);
  template <class Other>
  void on_message(const Other& /*message*/) {}
  void take(const AttemptRef& ref, std::vector<std::string> outputs);
  void pretend_end(const AttemptRef& ref);
  void let_go(const AttemptRef& ref);
  void tell(const AttemptRef& ref, TaskStatus status, EndReason reason = EndReason::none);
  void say(protocol::StatusUpdate update);
  [[nodiscard]] protocol::StatusUpdate make_update(const AttemptRef& ref, std::uint32_t number, TaskStatus status);

  bool lie_of_digest();
  bool lie_of_content();
  bool lie_again();
  bool lie_of_stale();
  bool lie_of_others();
  bool lie_of_unknown();
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return own_.below(bound); }

  Surroundings world_;
  AgentIdentity identity_;
  const Durable& durable_;
  Prng own_;
  MachineClock clock_;
  Alarm alarm_;
  protocol::SessionCounters counters_;
  std::unique_ptr<protocol::Session> session_;
  ConnectionId connection_;
  ConnectionId dialing_;
  std::uint64_t connects_ = 0;
  bool is_synced_ = false;
  bool is_silent_ = false;
  std::map<AttemptRef, Held> held_;
  std::vector<AttemptRef> over_;  ///< that it was to let go
  std::vector<protocol::StatusUpdate> said_;
};

}  // namespace stint::sim
