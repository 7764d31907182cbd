#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.hpp"
#include "agent/noop_driver.hpp"
#include "ports/journal.hpp"
#include "ports/key_store.hpp"
#include "protocol/counters.hpp"
#include "sim/keeper.hpp"
#include "sim/surroundings.hpp"
#include "sim/watched_driver.hpp"

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

/// An agent's key file. What it wrote is on the disk, power failure or not; its process may be made to die at that moment.
class KeyBox final : public ports::KeyStore {
 public:
  enum class Death { none, before_write, after_write };
  explicit KeyBox(ports::HeldKey first) : keys_{first} {}

  Status write_keys(const std::vector<ports::HeldKey>& keys) override;
  Status write_pins(const std::vector<Pin>& pins) override;

  [[nodiscard]] const std::vector<ports::HeldKey>& keys() const { return keys_; }
  void set_full(bool is_full) { is_full_ = is_full; }
  /// At the next write.
  void die_at_write(Death death) { death_ = death; }
  /// The process must die now: it did so in the middle of a write.
  [[nodiscard]] bool take_death() { return std::exchange(is_dead_, false); }

 private:
  std::vector<ports::HeldKey> keys_;
  bool is_full_ = false;
  Death death_ = Death::none;
  bool is_dead_ = false;
};

/// What an agent is, whatever happens to it.
struct AgentIdentity {
  std::size_t index = 0;  ///< in the world, from 0
  AgentNumber number;
  ports::HeldKey key;  ///< that it was registered with
  protocol::AgentInfo info;
};

/// A machine with an agent, its keeper and its state directory. The agent is the production one; crashes end the object and nothing else.
class AgentNode final : public Peer {
 public:
  enum class WallClock { right, wrong };
  AgentNode(Surroundings world, AgentIdentity identity, std::uint64_t seed, Keeper::KeepBlob keep_blob, WallClock wall = WallClock::wrong);

  void start();
  /// The process dies; its keeper and tasks go on. `is_silent`: the scheduler is not told that the connection ended.
  void crash(bool is_silent);
  /// SIGTERM.
  void leave();
  /// SIGSTOP and SIGCONT of the process. What happens meanwhile waits for it.
  void freeze();
  void thaw();
  /// The machine sleeps: its keeper and tasks too, and nothing reaches it. Its clocks go on.
  void fall_asleep();
  void wake_up();
  /// The machine goes down hard: with it all processes, and the last `lost` records of the journal.
  void lose_power(std::size_t lost);
  /// Another version that offers something else, from its next start on.
  void change_info(protocol::AgentInfo info) { identity_.info = std::move(info); }
  /// A new state directory: another instance under the same key.
  void reinstall();

  /// Asked before anything starts: whether the scheduler has it on its disk.
  void watch_starts(WatchedDriver::IsWritten is_written) { is_written_ = std::move(is_written); }

  /// Somebody has asked for it: from then on nothing is expected of it.
  void set_revoked() { is_revoked_ = true; }
  [[nodiscard]] bool is_revoked() const { return is_revoked_; }

  [[nodiscard]] bool is_asleep() const { return is_asleep_; }
  [[nodiscard]] bool is_running() const { return agent_ != nullptr; }
  [[nodiscard]] std::size_t held() const { return agent_ ? agent_->held() : 0; }
  [[nodiscard]] bool is_synced() const { return agent_ && agent_->is_synced(); }
  [[nodiscard]] Keeper& keeper() { return keeper_; }
  [[nodiscard]] const Keeper& keeper() const { return keeper_; }
  [[nodiscard]] JournalFile& journal() { return journal_; }
  [[nodiscard]] KeyBox& keys() { return keys_; }
  [[nodiscard]] const KeyBox& keys() const { return keys_; }
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
  /// True if `what` has to wait because the process stands still.
  bool wait_frozen(std::function<void()> what);
  /// After every call of the agent: what it wants written, closed, dialled, and when it wants to be called.
  void settle();
  void settle_line(std::size_t line);
  void write_out(std::size_t line);
  void on_alarm();
  [[nodiscard]] ports::LinkClient& line(std::size_t index);
  [[nodiscard]] std::optional<std::size_t> line_of(ConnectionId id) const;
  [[nodiscard]] Instant next_deadline();
  void on_keeper();

  Surroundings world_;
  AgentIdentity identity_;
  std::string name_;
  MachineClock clock_;
  SeededEntropy entropy_;
  TraceLog log_;
  JournalFile journal_;
  KeyBox keys_;
  Keeper keeper_;
  Alarm alarm_;
  WatchedDriver::IsWritten is_written_;
  protocol::SessionCounters counters_;
  std::unique_ptr<KeeperDriver> driver_;
  std::unique_ptr<agent::NoopDriver> noop_;
  std::unique_ptr<WatchedDriver> watched_driver_;
  std::unique_ptr<WatchedDriver> watched_noop_;
  std::unique_ptr<agent::Agent> agent_;
  /// Of one of the agent's two lines.
  struct Wire {
    ConnectionId connection;  ///< zero: none
    ConnectionId dialing;
  };
  std::array<Wire, 2> wires_;
  bool keeper_is_heard_ = false;
  bool is_frozen_ = false;
  bool is_asleep_ = false;
  Instant frozen_at_{};
  std::vector<std::function<void()>> waiting_;  ///< for the process to go on
  bool is_revoked_ = false;
};

}  // namespace stint::sim
