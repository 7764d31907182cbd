#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.hpp"
#include "agent/noop_driver.hpp"
#include "ports/journal.hpp"
#include "protocol/counters.hpp"
#include "sim/keeper.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// An agent's journal file: what was appended survives the process, and power failure all but the end.
class JournalFile final : public ports::Journal {
 public:
  Status load(const std::function<void(ByteView record)>& record) override;
  Status append(ByteView record) override;
  Status rewrite(const std::vector<Bytes>& records) override;
  [[nodiscard]] std::size_t size_bytes() const override;

  void set_full(bool is_full) { is_full_ = is_full; }
  void lose_last(std::size_t records);
  void wipe() { records_.clear(); }
  [[nodiscard]] std::size_t records() const { return records_.size(); }

 private:
  std::vector<Bytes> records_;
  bool is_full_ = false;
};

/// What an agent is, whatever happens to it.
struct AgentIdentity {
  std::size_t index = 0;  ///< in the world, from 0
  AgentNumber number;
  KeyEpoch key_epoch;
  protocol::AgentKeyBytes key{};
  protocol::AgentInfo info;
};

/// A machine with an agent, its keeper and its state directory. The agent is the production one; crashes end the object and nothing else.
class AgentNode final : public Peer {
 public:
  AgentNode(Surroundings world, AgentIdentity identity, std::uint64_t seed, Keeper::KeepBlob keep_blob);

  void start();
  /// The process dies; its keeper and tasks go on. `is_silent`: the scheduler is not told that the connection ended.
  void crash(bool is_silent);
  /// SIGTERM.
  void leave();
  /// The machine goes down hard: with it all processes, and the last `lost` records of the journal.
  void lose_power(std::size_t lost);
  /// A new state directory: another instance under the same key.
  void reinstall();

  [[nodiscard]] bool is_running() const { return agent_ != nullptr; }
  [[nodiscard]] std::size_t held() const { return agent_ ? agent_->held() : 0; }
  [[nodiscard]] bool is_synced() const { return agent_ && agent_->is_synced(); }
  [[nodiscard]] Keeper& keeper() { return keeper_; }
  [[nodiscard]] const Keeper& keeper() const { return keeper_; }
  [[nodiscard]] JournalFile& journal() { return journal_; }
  [[nodiscard]] MachineClock& clock() { return clock_; }
  [[nodiscard]] const protocol::SessionCounters& counters() const { return counters_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const AgentIdentity& identity() const { return identity_; }

  void on_connected(ConnectionId id) override;
  void on_dial_failed(ConnectionId id) override;
  void on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) override;
  void on_closed(ConnectionId id) override;
  void on_room(ConnectionId id) override;

 private:
  void end_process();
  /// After every call of the agent: what it wants written, closed, dialled, and when it wants to be called.
  void settle();
  void write_out();
  void on_alarm();
  void on_keeper();

  Surroundings world_;
  AgentIdentity identity_;
  std::string name_;
  MachineClock clock_;
  SeededEntropy entropy_;
  TraceLog log_;
  JournalFile journal_;
  Keeper keeper_;
  Alarm alarm_;
  protocol::SessionCounters counters_;
  std::unique_ptr<KeeperDriver> driver_;
  std::unique_ptr<agent::NoopDriver> noop_;
  std::unique_ptr<agent::Agent> agent_;
  ConnectionId connection_;  ///< zero: none
  ConnectionId dialing_;
  bool keeper_is_heard_ = false;
};

}  // namespace stint::sim
