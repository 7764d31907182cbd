#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/attempt.hpp"
#include "agent/attempt_journal.hpp"
#include "base/result.hpp"

namespace stint::agent {

/// Everything this agent holds, and the order of promises: a change is persisted first, then sent, then sent again until it is
/// acknowledged;
/// an attempt is dropped only when its end is acknowledged, its output is durable elsewhere and the journal says so.
class Attempts {
 public:
  struct Dropped {
    AttemptRef ref;
    std::string driver;
  };

  explicit Attempts(AttemptJournal& journal) : journal_(journal) {}

  [[nodiscard]] Attempt* find(const AttemptRef& ref);
  [[nodiscard]] std::size_t size() const { return by_ref_.size(); }
  /// Held and not ended.
  [[nodiscard]] std::size_t active() const { return active_; }
  /// In the order of their ids, so that equal states act equally.
  [[nodiscard]] std::vector<Attempt*> in_order();

  /// As the journal had it.
  Attempt& restore(AttemptState state);
  Attempt& add(AttemptState state);

  void on_started(Attempt& attempt, std::int64_t started_ms);
  /// Takes the outcome from `outcome` (status, reason, exit_code, signal, times, output_bytes, detail, outputs).
  void on_ended(Attempt& attempt, const AttemptState& outcome);
  /// The state must be persisted anew though no update follows from it.
  void touch(Attempt& attempt);
  /// Lets the state be sent (again): after `accept_is_due`, after a reconnect, when an assignment came twice.
  void resend(Attempt& attempt);
  /// The scheduler has applied updates up to `number`.
  void on_acked(Attempt& attempt, std::uint32_t number);
  /// The scheduler's knowledge as it is now; after a restore from a backup less than it once acknowledged.
  void on_reconciled(Attempt& attempt, std::uint32_t number);
  /// Drops the attempt if nothing of it is outstanding.
  void settle(Attempt& attempt);
  void forget(Attempt& attempt);

  /// Writes all changes as one record. On an error everything stays to be written.
  [[nodiscard]] Status persist();
  [[nodiscard]] bool has_unpersisted() const { return !dirty_.empty() || !forgotten_.empty(); }
  /// After `persist` failed: attempts that were accepted in vain are refused instead, and refusals are sent without a record. Nothing
  /// depends on one: a scheduler that never heard of it assigns the attempt again. Gives the GPUs that they had been given.
  [[nodiscard]] std::vector<std::uint32_t> refuse_unpersisted(std::int64_t now_ms, const std::string& why);
  /// Attempts whose end the journal has forgotten since the last call: the drivers may drop them too.
  [[nodiscard]] std::vector<Dropped> take_dropped() { return std::exchange(dropped_, {}); }

  /// Persisted updates that this session has not seen; none for an accepted attempt that is not yet due, nor of an end with a result or
  /// outputs while limits::kLeftInFlight bytes of such are on their way.
  [[nodiscard]] std::vector<protocol::StatusUpdate> take_updates();
  void on_session_lost();

 private:
  void change(Attempt& attempt);
  void land(Attempt& attempt);
  void drop(Attempt& attempt);

  AttemptJournal& journal_;
  std::pmr::unsynchronized_pool_resource nodes_;  ///< attempts that are dropped leave theirs to those that come
  std::pmr::unordered_map<AttemptRef, Attempt> by_ref_{&nodes_};
  std::size_t active_ = 0;
  // Each at most once in each, as its flag says: by_ref_ never moves what it holds.
  std::vector<Attempt*> dirty_;
  std::vector<Attempt*> forgotten_;
  std::vector<Attempt*> unsent_;
  std::vector<Dropped> dropped_;
  std::size_t left_in_flight_ = 0;  ///< of results and outputs in this session, sent and not acknowledged
};

}  // namespace stint::agent
